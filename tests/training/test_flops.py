"""Floating point operations against those that PyTorch counts, and against a sum worked out by hand."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bytelm.blt import attention, decoder, encoder
from bytelm.blt.config import BltConfig, HashConfig, StackConfig
from bytelm.blt.model import Blt
from bytelm.blt.norms import RMSNorm
from bytelm.blt.patching.options import Patching
from bytelm.blt.pooling import segment_max, segment_sum, spread
from bytelm.training.flops import flops_per_byte
from bytelm.training.networks import ByteTransformer

STACK = StackConfig(layers=2, width=16, heads=4, key_value_heads=2, hidden=20)

TINY = BltConfig(
    encoder=replace(STACK, window=5),
    global_transformer=StackConfig(layers=3, width=24, heads=2, key_value_heads=1, hidden=28),
    decoder=replace(STACK, layers=3, heads=2, window=7),
    entropy=None,
    patching=Patching("static", size=4),
    hashes=HashConfig(sizes=(3,), rows=11),
)

LENGTH, PATCHES = 20, 5


@pytest.fixture
def _counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """All attentions by products of matrices that are seen alone, and norms without any: the counter sees no others."""

    def whole(own: attention.Whole, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        key, value = spread(key, query.shape[2]), spread(value, query.shape[2])
        found = []
        for place in range(query.shape[1]):
            seen = slice(0 if own.window is None else max(0, place + 1 - own.window), place + 1)
            found.append(met(query[:, place], key[:, seen], value[:, seen]))
        return torch.stack(found, 1)

    def to_bytes(query_PCHD: Tensor, key_TKD: Tensor, value_TKD: Tensor, patch_T: Tensor) -> Tensor:
        heads, count = query_PCHD.shape[2], len(query_PCHD)
        key, value = spread(key_TKD, heads), spread(value_TKD, heads)
        scores_THC = torch.matmul(query_PCHD[patch_T].transpose(1, 2), key.unsqueeze(-1)).squeeze(-1)
        weights = (scores_THC - segment_max(scores_THC.detach(), patch_T, count)[patch_T]).exp()
        weights = weights / segment_sum(weights, patch_T, count)[patch_T]
        return segment_sum(torch.matmul(weights.unsqueeze(-1), value.unsqueeze(-2)), patch_T, count).transpose(1, 2)

    def to_patch(query_RNHD: Tensor, key_RNCKD: Tensor, value_RNCKD: Tensor) -> Tensor:
        heads = query_RNHD.shape[2]
        key, value = spread(key_RNCKD, heads).flatten(0, 1), spread(value_RNCKD, heads).flatten(0, 1)
        return met(query_RNHD.flatten(0, 1), key, value).view_as(query_RNHD)

    monkeypatch.setattr(attention.Whole, "__call__", whole)
    monkeypatch.setattr(RMSNorm, "forward", nn.RMSNorm.forward)
    monkeypatch.setattr(encoder, "attend_to_bytes", to_bytes)
    monkeypatch.setattr(decoder, "attend_to_patch", to_patch)


def met(query_RHD: Tensor, key_RMHD: Tensor, value_RMHD: Tensor) -> Tensor:
    """What one query a row finds in all keys."""
    scores_RHM = torch.matmul(key_RMHD.transpose(1, 2), query_RHD.unsqueeze(-1)).squeeze(-1)
    return torch.matmul(scores_RHM.softmax(-1).unsqueeze(-2), value_RMHD.transpose(1, 2)).squeeze(-2)


def counted(made: torch.nn.Module, *given: Tensor) -> float:
    with FlopCounterMode(display=False) as counter:
        made(*given).sum().backward()
    return counter.get_total_flops() / given[0].numel()


@pytest.mark.usefixtures("_counted")
@pytest.mark.parametrize("window", [None, 1, 6, 20, 30])
def test_of_a_transformer(window: int | None) -> None:
    stack = replace(STACK, window=window)
    ids = torch.randint(260, (3, LENGTH))
    assert flops_per_byte(stack, LENGTH) == pytest.approx(counted(ByteTransformer(stack, 260), ids), rel=1e-9)


@pytest.mark.usefixtures("_counted")
@pytest.mark.parametrize(
    "config",
    [
        TINY,
        replace(TINY, keys_per_patch=3),
        replace(TINY, global_transformer=replace(TINY.global_transformer, width=32, window=2)),
        replace(TINY, encoder_cross_attention="refined", size=300),
        replace(TINY, encoder_cross_attention="restarted", decoder_cross_attends_everywhere=False),
    ],
    ids=["small", "more keys", "no projection", "refined", "restarted"],
)
def test_of_a_byte_latent_transformer(config: BltConfig) -> None:
    starts = torch.zeros(3, LENGTH + 1, dtype=torch.bool)
    starts[:, [0, 1, 6, 11, 16]] = True
    ids = torch.randint(260, (3, LENGTH))
    found = flops_per_byte(config, LENGTH, LENGTH / PATCHES)
    assert found == pytest.approx(counted(Blt(config).initialize(), ids, starts), rel=1e-9)


def test_worked_out_by_hand() -> None:
    """A block of 4 states and 6 within, over three positions, of which two are seen at most."""
    stack = StackConfig(layers=1, width=4, heads=1, key_value_heads=1, hidden=6, window=2)
    matrices = 4 * 16 + 3 * 24 + 4 * 260
    seen = (1 + 2 + 2) / 3
    assert flops_per_byte(stack, 3) == pytest.approx(6 * matrices + 12 * 4 * seen)


def test_longer_patches_cost_less() -> None:
    costs = [flops_per_byte(TINY, 4096, mean_patch) for mean_patch in (1, 4, 8)]
    assert costs == sorted(costs, reverse=True)
    entropy = replace(TINY, entropy=STACK, patching=Patching("entropy"))
    assert flops_per_byte(entropy, 4096, 4) == costs[1], "the entropy model is not trained"


@pytest.mark.parametrize("mean_patch", [None, 0.5, float("nan")])
def test_patches_that_cannot_be(mean_patch: float | None) -> None:
    with pytest.raises(ValueError, match=f"need a mean_patch of at least 1, got {mean_patch}"):
        flops_per_byte(TINY, 64, mean_patch)


def test_rows_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="a row must have at least 1 id, got length 0"):
        flops_per_byte(STACK, 0)
