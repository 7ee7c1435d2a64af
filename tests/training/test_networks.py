"""Fresh networks of training runs, and what their predictions cost."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from blt.networks import ids_of_text, network
from bytelm.blt.config import BltConfig
from bytelm.blt.model import Blt
from bytelm.training.config import TrainConfig
from bytelm.training.networks import ByteTransformer, count_parameters, loss, skeleton
from bytelm.training.presets import PRESETS
from bytelm.training.spreading import build
from training.runs import ALONE

TINY = PRESETS["cpu-tiny"].config


def plain(seed: int = 0) -> TrainConfig:
    assert isinstance(TINY.model, BltConfig)
    assert TINY.model.entropy is not None
    return replace(TINY, kind="entropy", model=TINY.model.entropy, mean_patch=None, seed=seed)


@pytest.mark.parametrize("config", [TINY, plain()], ids=["blt", "entropy"])
def test_weights_follow_from_the_seed_alone(config: TrainConfig) -> None:
    torch.manual_seed(1)
    one = build(config, ALONE).state_dict()
    drawn = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), drawn), "building draws nothing from torch's own generator"
    same, other = build(config, ALONE).state_dict(), build(replace(config, seed=1), ALONE).state_dict()
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one if "norm" not in name)


@pytest.mark.parametrize("config", [TINY, plain()], ids=["blt", "entropy"])
def test_weights_are_those_of_the_paper(config: TrainConfig) -> None:
    made = build(config, ALONE)
    for name, weight in made.named_parameters():
        assert (weight.dtype, weight.device.type, weight.requires_grad) == (torch.float32, "cpu", True)
        if weight.dim() == 1:
            assert bool((weight == 1).all()), name
        else:
            assert float(weight.detach().std()) * math.sqrt(weight.shape[1]) == pytest.approx(0.9866, abs=0.05), name


def test_skeletons_have_no_numbers() -> None:
    made, full = skeleton(TINY), build(TINY, ALONE)
    assert isinstance(made, Blt)
    assert all(weight.is_meta for weight in made.parameters())
    shapes = {name: weight.shape for name, weight in full.named_parameters()}
    assert shapes == {name: weight.shape for name, weight in made.named_parameters()}
    assert count_parameters(made) == count_parameters(full)


def test_counts() -> None:
    made = build(plain(), ALONE)
    assert isinstance(made, ByteTransformer)
    width, hidden = made.config.width, made.config.hidden
    block = 4 * width**2 + 3 * width * hidden + 2 * width
    assert count_parameters(made) == (block + width + 2 * 260 * width, 260 * width)


def test_the_transformer_is_the_entropy_model() -> None:
    blt = network()
    assert blt.config.entropy is not None
    assert blt.patcher is not None
    made = ByteTransformer(blt.config.entropy, 260)
    made.load_state_dict(blt.patcher.state_dict())
    ids = torch.from_numpy(ids_of_text(40))[None]
    first = torch.where(torch.arange(40) < 15, 0, 15)[None]
    assert torch.equal(made(ids), blt.entropy_logits(ids))
    assert torch.equal(made(ids, first), blt.entropy_logits(ids, first))
    assert not torch.equal(made(ids), made(ids, first))


def mask(*values: int) -> Tensor:
    return torch.tensor([values], dtype=torch.bool)


def test_a_loss_worked_out_by_hand() -> None:
    """Odds of 3 to 1, of 1 to 1, and of 1 to 7."""
    logits = torch.tensor([[[math.log(3), 0.0], [2.0, 2.0], [0.0, math.log(7)]]])
    targets = torch.tensor([[0, 1, 0]])
    assert loss(logits, targets, mask(1, 1, 1)).nats.item() == pytest.approx(
        math.log(4 / 3) + math.log(2) + math.log(8)
    )
    found = loss(logits, targets, mask(1, 0, 1))
    assert (found.nats.item(), found.targets.item()) == (pytest.approx(math.log(4 / 3) + math.log(8)), 2)
    nothing = loss(logits, targets, mask(0, 0, 0))
    assert (nothing.nats.item(), nothing.targets.item()) == (0.0, 0)


def test_what_is_not_real_has_no_gradient() -> None:
    logits = torch.randn(1, 3, 5, requires_grad=True)
    loss(logits, torch.tensor([[0, 1, 2]]), mask(1, 0, 1)).nats.backward()
    assert logits.grad is not None
    assert logits.grad[0].any(1).tolist() == [True, False, True]


def test_parts_add_up_to_the_whole() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(4, 7, 260, dtype=torch.float64), torch.randint(260, (4, 7))
    weights = torch.rand(4, 7) < 0.6
    whole = loss(logits, targets, weights)
    parts = [loss(logits[rows], targets[rows], weights[rows]) for rows in (slice(0, 1), slice(1, 4))]
    assert float(sum(part.nats for part in parts)) == pytest.approx(float(whole.nats), rel=1e-6)
    assert sum(int(part.targets) for part in parts) == int(whole.targets) == int(weights.sum())


def test_the_loss_is_computed_in_float32() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(2, 50, 260).bfloat16(), torch.randint(260, (2, 50))
    found = loss(logits, targets, torch.ones(2, 50, dtype=torch.bool))
    wanted = loss(logits.double(), targets, torch.ones(2, 50, dtype=torch.bool))
    assert found.nats.dtype == torch.float64
    assert float(found.nats) == pytest.approx(float(wanted.nats), rel=1e-6)


@pytest.mark.parametrize(
    ("logits", "targets", "weights", "message"),
    [
        ((2, 3, 5), (2, 4), (2, 4), r"do not fit: got \(2, 3, 5\), \(2, 4\) and \(2, 4\)"),
        ((2, 3, 5), (2, 3), (3, 2), r"do not fit: got \(2, 3, 5\), \(2, 3\) and \(3, 2\)"),
    ],
)
def test_shapes_that_do_not_fit(
    logits: tuple[int, ...], targets: tuple[int, ...], weights: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        loss(torch.zeros(logits), torch.zeros(targets, dtype=torch.int64), torch.ones(weights, dtype=torch.bool))


def test_weights_that_are_no_flags() -> None:
    with pytest.raises(ValueError, match=r"weights must be bool, got torch\.float32"):
        loss(torch.zeros(1, 2, 5), torch.zeros(1, 2, dtype=torch.int64), torch.ones(1, 2))
