"""Fresh weights, and gradients that flow through all of the network."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from blt.networks import difference, error, ids_of_text, network, starts_of, text
from blt.textbook import attended, own_bytes
from bytelm.blt import encoder
from bytelm.blt.config import BltConfig, HashConfig, StackConfig
from bytelm.blt.model import Blt
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import BOS, IdArray, document

WIDE = BltConfig(
    encoder=StackConfig(1, 96, 4, 2, 160),
    global_transformer=StackConfig(1, 128, 4, 4, 200),
    decoder=StackConfig(1, 96, 4, 4, 160),
    entropy=StackConfig(1, 64, 2, 2, 96),
    hashes=HashConfig(sizes=(3,), rows=500),
)


def fan_in(part: nn.Module) -> int:
    return part.in_features if isinstance(part, nn.Linear) else part.embedding_dim  # type: ignore[return-value]


def test_weights_are_drawn_as_the_paper_says() -> None:
    """Normal, cut at three deviations of one over the root of the fan-in; that leaves 0.9866 of the deviation."""
    torch.manual_seed(0)
    made = Blt(WIDE)
    for weight in made.parameters():
        nn.init.constant_(weight, math.nan)
    assert made.initialize() is made
    seen = 0
    for part in made.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            weight = part.weight.detach() * math.sqrt(fan_in(part))
            assert float(weight.abs().max()) <= 3 + 1e-5
            assert float(weight.abs().max()) > 2.8
            assert abs(float(weight.std()) - 0.9866) < 0.03
            assert abs(float(weight.mean())) < 0.03
            seen += weight.numel()
        elif isinstance(part, nn.RMSNorm):
            assert torch.equal(part.weight.detach(), torch.ones(part.weight.shape))
            seen += part.weight.numel()
    assert seen == sum(weight.numel() for weight in made.parameters())


def test_weights_follow_the_seed() -> None:
    one, same, other = (network(seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one if "norm" not in name)


def loss_of(made: Blt, count: int = 80) -> Tensor:
    """The mean negative log-likelihood of two texts, a sum over everything that a training step computes."""
    ids = [ids_of_text(count + 1, seed) for seed in (3, 4)]
    starts = torch.stack([torch.from_numpy(starts_of(made, row[:-1])) for row in ids])
    batch = torch.stack([torch.from_numpy(row) for row in ids])
    logits = made(batch[:, :-1], starts)
    return nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())


@pytest.mark.parametrize("option", ["last", "refined"])
def test_every_weight_is_learned(option: str) -> None:
    made = network(Patching("space"), entropy=None, encoder_cross_attention=option)
    loss_of(made).backward()
    for name, weight in made.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert weight.grad.any(), name


def test_of_restarted_vectors_the_last_ones_count() -> None:
    made = network(Patching("space"), entropy=None, encoder_cross_attention="restarted")
    loss_of(made).backward()
    first, last = made.local_encoder.cross_attn_layers
    assert all(weight.grad is None for weight in first.parameters())
    assert all(weight.grad is not None for weight in last.parameters())


@pytest.mark.parametrize("mode", ["space", "static", "byte"])
def test_gradients_are_slopes(mode: str) -> None:
    """The loss along a random direction, by the gradient and by going a little to both sides."""
    made = network(Patching(mode), dtype=torch.float64, entropy=None)  # type: ignore[arg-type]
    loss_of(made).backward()
    weights = list(made.parameters())
    ways = [torch.randn_like(weight) * weight.detach().std().nan_to_num(0.1) for weight in weights]
    slope = sum(float((weight.grad * way).sum()) for weight, way in zip(weights, ways, strict=True))
    losses = []
    for step in (1e-6, -1e-6):
        with torch.no_grad():
            for weight, way in zip(weights, ways, strict=True):
                weight.add_(way, alpha=step)
            losses.append(float(loss_of(made)))
            for weight, way in zip(weights, ways, strict=True):
                weight.sub_(way, alpha=step)
    assert slope == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-5)


def test_gradients_are_those_of_dense_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    def masked(query: Tensor, key: Tensor, value: Tensor, patches: Tensor) -> Tensor:
        mask = own_bytes(patches, len(query), query.shape[1])
        return attended(query.flatten(0, 1), key, value, mask).view_as(query)

    ours = network(Patching("space"), dtype=torch.float64)
    theirs = network(Patching("space"), dtype=torch.float64)
    loss_of(ours).backward()
    monkeypatch.setattr(encoder, "attend_to_bytes", masked)
    loss_of(theirs).backward()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        if other.grad is not None:
            assert one.grad is not None
            assert difference(one.grad, other.grad) < 1e-12


def gradients(made: Blt, rows: list[IdArray]) -> list[Tensor]:
    """Of a sum over all logits of some rows, each of one document or of several."""
    made.zero_grad()
    for ids in rows:
        starts = torch.from_numpy(patch_starts(made.config.patching, ids))
        first = torch.from_numpy(np.maximum.accumulate(np.where(ids == BOS, np.arange(len(ids)), 0)))
        made(torch.from_numpy(ids)[None], starts[None], first[None]).logsumexp(-1).sum().backward()
    return [weight.grad.clone() for weight in made.parameters() if weight.grad is not None]


def test_documents_learn_apart() -> None:
    """The gradient of packed documents is that of all of them alone, to the rounding of the angles of positions."""
    made = network(Patching("space"), dtype=torch.float64, entropy=None)
    packed = [document(text(length, length), ended=True) for length in (40, 0, 25)]
    together = gradients(made, [np.concatenate(packed)])
    for one, other in zip(together, gradients(made, packed), strict=True):
        assert error(one, other) < 1e-5
