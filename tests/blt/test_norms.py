"""Norms with a gradient of their own against PyTorch's."""

import pytest
import torch
from torch import Tensor, nn

from blt.networks import difference
from bytelm.blt.norms import RMSNorm

SHAPES = [(5,), (3, 4), (2, 3, 8)]


def made(shape: tuple[int, ...], dtype: torch.dtype) -> tuple[RMSNorm, nn.RMSNorm, Tensor]:
    torch.manual_seed(len(shape))
    ours, theirs = RMSNorm(shape[-1], 1e-3), nn.RMSNorm(shape[-1], 1e-3)
    with torch.no_grad():
        ours.weight.copy_(torch.randn(shape[-1]))
        theirs.weight.copy_(ours.weight)
    return ours.to(dtype), theirs.to(dtype), torch.randn(shape, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_states_and_gradients_are_those_of_pytorch(shape: tuple[int, ...]) -> None:
    ours, theirs, x = made(shape, torch.float64)
    found, wanted = ours(x), theirs(x)
    assert difference(found, wanted) < 1e-12
    pairs = zip(
        torch.autograd.grad(found.sin().sum(), (x, ours.weight)),
        torch.autograd.grad(wanted.sin().sum(), (x, theirs.weight)),
        strict=True,
    )
    assert all(difference(one, other) < 1e-12 for one, other in pairs)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_are_slopes(shape: tuple[int, ...]) -> None:
    ours, _, x = made(shape, torch.float64)
    assert torch.autograd.gradcheck(ours, x)


def test_states_of_zeros_have_a_gradient() -> None:
    ours, _, _ = made((4,), torch.float32)
    x = torch.zeros(2, 4, requires_grad=True)
    ours(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_learns_nothing_is_left_to_pytorch(dtype: torch.dtype) -> None:
    ours, theirs, x = made((2, 3, 8), dtype)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


def test_other_dtypes_are_left_to_pytorch() -> None:
    ours, theirs, x = made((2, 3, 8), torch.bfloat16)
    assert torch.equal(ours(x), theirs(x))
