"""Rotary embeddings against the textbook's complex numbers, and against those of transformers."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.models.blt.modeling_blt import apply_rotary_pos_emb

from bytelm.blt.rotary import Rotary, Rotation

WIDTHS = st.integers(1, 8).map(lambda half: 2 * half)
THETAS = st.sampled_from([10.0, 10000.0, 500000.0])


def turned(x: torch.Tensor, positions: torch.Tensor, theta: float) -> torch.Tensor:
    """Neighbouring pairs as complex numbers, times ``exp(i · position · theta^(-2j / width))``."""
    width = x.shape[-1]
    frequencies = theta ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = positions[..., None, None] * frequencies
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


@given(WIDTHS, THETAS, st.integers(1, 40))
def test_pairs_are_turned(width: int, theta: float, count: int) -> None:
    x = torch.randn(2, count, 3, width)
    found = Rotary(width, theta).upto(count, x)(x)
    torch.testing.assert_close(found.double(), turned(x, torch.arange(count), theta), atol=2e-5, rtol=0)


@given(WIDTHS, THETAS, st.lists(st.integers(0, 60), min_size=1, max_size=9))
def test_any_positions(width: int, theta: float, positions: list[int]) -> None:
    x = torch.randn(2, len(positions), 3, width)
    index = torch.tensor([positions, positions[::-1]])
    found = Rotary(width, theta).at(index, 61, x)(x)
    torch.testing.assert_close(found.double(), turned(x, index, theta), atol=3e-5, rtol=0)


@given(WIDTHS, st.integers(1, 20))
def test_real_numbers_turn_as_complex_ones_do(width: int, count: int) -> None:
    """Accelerators, other dtypes and compiled models take the real ones; gradients are turned back alike."""
    x = torch.randn(2, count, 3, width, requires_grad=True)
    rotate = Rotary(width, 10000.0).upto(count, x)
    ways = (rotate(x), Rotation(rotate.cos, rotate.sin, None)(x))
    torch.testing.assert_close(*ways, atol=1e-6, rtol=0)
    ours, theirs = (torch.autograd.grad(found.sin().sum(), x) for found in ways)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_the_table_grows_and_changes_its_dtype(counts: list[int]) -> None:
    rotary = Rotary(4, 10000.0)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        for count in counts:
            x = torch.randn(1, count, 2, 4).to(dtype)
            fresh = Rotary(4, 10000.0).upto(count, x)
            found = rotary.upto(count, x)
            assert torch.equal(found.cos, fresh.cos)
            assert torch.equal(found.sin, fresh.sin)
            assert found(x).dtype == dtype


@given(WIDTHS, st.integers(1, 20))
@settings(max_examples=30)
def test_the_pairs_are_those_of_transformers(width: int, count: int) -> None:
    """Its own function, given its own cosines and sines: each angle twice, side by side."""
    x = torch.randn(1, count, 2, width)
    rotate = Rotary(width, 10000.0).upto(count, x)
    frequencies = 1 / 10000.0 ** (torch.arange(0, width, 2) / width)
    angles = (torch.arange(count)[:, None] * frequencies).repeat_interleave(2, -1)[None]
    theirs, _ = apply_rotary_pos_emb(x, x, angles.cos(), angles.sin(), unsqueeze_dim=2)
    torch.testing.assert_close(rotate(x), theirs, atol=1e-5, rtol=0)


def test_products_depend_on_distances_alone() -> None:
    query, key = torch.randn(2, 1, 1, 1, 8, dtype=torch.float64)
    rotary = Rotary(8, 10000.0)

    def product(one: int, other: int) -> float:
        left = rotary.at(torch.tensor([[one]]), 200, query)(query)
        return float((left * rotary.at(torch.tensor([[other]]), 200, key)(key)).sum())

    assert abs(product(30, 10) - product(150, 130)) < 1e-5


def test_what_was_made_without_gradients_serves_with_them() -> None:
    """A model is tried out in the middle of its training."""
    rotary = Rotary(4, 10000.0)
    with torch.inference_mode():
        rotary.upto(9, torch.zeros(1, 9, 1, 4))
    x = torch.randn(1, 5, 1, 4, requires_grad=True)
    rotary.upto(5, x)(x).sum().backward()
    assert x.grad is not None
