"""One loss out of several."""

import math

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh

from bytelm.training.distillation.mixing import LossSum, gradient_weights, mixed, parameters_used


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)), nn.Linear(4, 3))


def losses_of(outputs: Tensor) -> list[Tensor]:
    return [outputs.square().mean(), 5 * outputs.abs().mean(), outputs.exp().mean()]


def slow_weights(seed: int = 0) -> list[float]:
    """By a whole backward pass for each loss."""
    inverse = []
    for number in range(3):
        made = network(seed)
        losses_of(made(torch.ones(2, 4)))[number].backward()
        square = sum(float(p.grad.square().sum()) for p in made[1].parameters() if p.grad is not None)
        inverse.append(1 / (math.sqrt(square) + 1e-8))
    return [value / sum(inverse) for value in inverse]


def test_fixed_weights() -> None:
    losses = [torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, dtype=torch.float64, requires_grad=True)]
    total = mixed(losses, [1.0, 0.5])
    total.backward()
    assert float(total.detach()) == 3.5
    assert [float(loss.grad) for loss in losses if loss.grad is not None] == [1.0, 0.5]
    with pytest.raises(ValueError, match="got 2 losses and 1 weights"):
        mixed(losses, [1.0])


def test_weights_by_gradients() -> None:
    made = network()
    losses = losses_of(made(torch.ones(2, 4)))
    weights = gradient_weights(losses, list(made[1].parameters()))
    assert weights.tolist() == pytest.approx(slow_weights(), abs=1e-6)
    assert not weights.requires_grad
    assert all(p.grad is None for p in made.parameters()), "nothing is added to gradients"
    mixed(losses, weights).backward()
    assert all(p.grad is not None for p in made.parameters()), "the graph is kept"


def test_the_processes_agree() -> None:
    made = network()
    losses = losses_of(made(torch.ones(2, 4)))
    seen: list[Tensor] = []

    def four_times(squares: Tensor) -> Tensor:
        seen.append(squares)
        return 4 * squares

    weights = gradient_weights(losses, list(made[1].parameters()), four_times)
    assert weights.tolist() == pytest.approx(slow_weights(), abs=1e-6)
    assert [(squares.shape, squares.dtype) for squares in seen] == [((3,), torch.float64)]


def test_a_loss_that_does_not_depend_on_the_block_takes_the_weight() -> None:
    made = network()
    losses = [losses_of(made(torch.ones(2, 4)))[0], torch.tensor(1.0), made[2].weight.sum()]
    weights = gradient_weights(losses, list(made[1].parameters()))
    assert weights.tolist() == pytest.approx([0, 0.5, 0.5], abs=1e-6)


def test_gradients_need_parameters() -> None:
    made = network()
    losses = losses_of(made(torch.ones(2, 4)))
    with pytest.raises(ValueError, match="got 3 losses and 1 parameters, 0 of them trained"):
        gradient_weights(losses, [torch.ones(3)])
    with pytest.raises(ValueError, match="no loss depends on the parameters"):
        gradient_weights(losses, [torch.ones(3, requires_grad=True)])


def test_parameters_used_are_those_that_are_trained() -> None:
    made = network()
    made[1][0].weight.requires_grad_(False)
    with parameters_used(made[1]) as used:
        made(torch.ones(2, 4))
        made(torch.ones(2, 4))
    assert [id(p) for p in used] == [id(p) for p in (made[1][0].bias, *made[1][1].parameters())]
    made(torch.ones(2, 4))
    assert len(used) == 3


def test_shards_are_looked_at_whole() -> None:
    fsdp = pytest.importorskip("torch.distributed.fsdp")
    # PyTorch's own: a group that nobody but this test uses.
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        mesh, made = init_device_mesh("cpu", (1,)), network()
        for part in (made[0], made[1], made):
            fsdp.fully_shard(part, mesh=mesh)
        with parameters_used(made[1]) as used:
            losses = losses_of(made(torch.ones(2, 4)))
        with pytest.raises(ValueError, match="where FSDP2 shards them"):
            gradient_weights(losses, list(made[1].parameters()))
        weights = gradient_weights(losses, used)
        assert weights.tolist() == pytest.approx(slow_weights(), abs=1e-6)
        mixed(losses, weights).backward()
        plain = network()
        mixed(losses_of(plain(torch.ones(2, 4))), weights).backward()
        for sharded, whole in zip(made.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(sharded.grad.full_tensor(), whole.grad)
    finally:
        dist.destroy_process_group()


def test_means() -> None:
    assert float(LossSum(torch.tensor(3.0), torch.tensor(2)).mean) == 1.5
    assert float(LossSum(torch.tensor(0.0), torch.tensor(0)).mean) == 0
