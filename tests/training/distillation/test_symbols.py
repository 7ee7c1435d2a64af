"""Distributions over 257 symbols, and how far they are apart."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bytelm.training.distillation.symbols import Kept, divergence, keep, kept_divergence, symbol_log_probs


def distributions(seed: int, count: int, size: int = 257, sharp: float = 3.0) -> Tensor:
    """Log-probabilities of which some are of impossible symbols, float64."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(count, size)) * sharp
    logits[random.random(logits.shape) < 0.2] = -math.inf
    logits[:, 0] = 0.0
    return torch.from_numpy(logits).log_softmax(-1)


def slow(target: list[float], student: list[float]) -> float:
    return sum(math.exp(t) * (t - s) for t, s in zip(target, student, strict=True) if t != -math.inf)


def coarse(values: list[float], kept: list[int]) -> list[float]:
    """The kept events, and the others as one."""
    rest = sum(math.exp(value) for symbol, value in enumerate(values) if symbol not in kept)
    return [values[symbol] for symbol in kept] + [math.log(rest) if rest else -math.inf]


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 257))
def test_divergences_are_those_of_loops(seed: int, count: int) -> None:
    target, student = distributions(seed, 3), distributions(seed + 1, 3).clamp(min=-30).log_softmax(-1)
    full = divergence(target, student)
    kept = keep(target, count)
    less = kept_divergence(kept, student)
    for row in range(3):
        own, other = target[row].tolist(), student[row].tolist()
        chosen = sorted(range(257), key=lambda symbol: -own[symbol])[:count]
        assert float(full[row]) == pytest.approx(slow(own, other), abs=1e-6)
        assert float(less[row]) == pytest.approx(slow(coarse(own, chosen), coarse(other, chosen)), abs=1e-6)
        assert float(less[row]) <= float(full[row]) + 1e-9


def test_keeping_all_is_the_full_divergence() -> None:
    target, student = distributions(0, 5).float(), distributions(1, 5).clamp(min=-30).log_softmax(-1).float()
    kept = keep(target, 257)
    assert kept.rest_log_N.tolist() == [-math.inf] * 5
    torch.testing.assert_close(kept_divergence(kept, student), divergence(target, student))


def test_rests_that_are_shared_out_alike_cost_nothing() -> None:
    target = distributions(0, 4)
    assert kept_divergence(keep(target, 3), target).abs().max() < 1e-12
    assert divergence(target, target).abs().max() < 1e-12


@pytest.mark.parametrize("count", [None, 1, 4, 9])
def test_gradients(count: int | None) -> None:
    target, logits = distributions(3, 2, 9), torch.randn(2, 9, dtype=torch.float64, requires_grad=True)

    def found(logits: Tensor) -> Tensor:
        student = logits.log_softmax(-1)
        return divergence(target, student) if count is None else kept_divergence(keep(target, count), student)

    torch.autograd.gradcheck(found, [logits])


@pytest.mark.parametrize("count", [None, 1, 3])
def test_what_is_impossible_for_both_has_a_gradient(count: int | None) -> None:
    target = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]).log()
    student = torch.tensor([[0.2, 0.8, 0.0], [1.0, 0.0, 0.0]]).log().requires_grad_()
    found = divergence(target, student) if count is None else kept_divergence(keep(target, count), student)
    found.sum().backward()
    assert bool(found.isfinite().all())
    assert student.grad is not None
    assert bool(student.grad.isfinite().all())


def test_the_gradient_is_the_target() -> None:
    target, student = distributions(4, 2), distributions(5, 2).clamp(min=-30).requires_grad_()
    divergence(target, student).sum().backward()
    torch.testing.assert_close(student.grad, -target.exp())


def test_what_the_student_finds_impossible_costs_all() -> None:
    target, student = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[1.0, 0.0]]).log()
    assert divergence(target, student).tolist() == [math.inf]


def test_symbols_are_part_of_the_vocabulary() -> None:
    logits = torch.randn(2, 3, 265, generator=torch.Generator().manual_seed(0))
    ids = torch.randperm(265, generator=torch.Generator().manual_seed(1))[:257]
    found = symbol_log_probs(logits.bfloat16(), ids[:256], int(ids[256]))
    expected = logits.bfloat16().float().log_softmax(-1)[..., ids]
    assert (found.dtype, found.shape) == (torch.float32, (2, 3, 257))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    with pytest.raises(ValueError, match=r"the ids of the 256 bytes, got shape \(257,\)"):
        symbol_log_probs(logits, ids, 0)


def test_wrong_shapes() -> None:
    target = distributions(0, 2)
    with pytest.raises(ValueError, match=r"over the same symbols, got shapes \(2, 257\) and \(1, 257\)"):
        divergence(target, target[:1])
    with pytest.raises(ValueError, match="at least 1 can be kept and at most all, got 258"):
        keep(target, 258)
    kept = keep(target, 3)
    with pytest.raises(ValueError, match=r"do not fit: got \(2, 3\), \(2, 3\), \(1,\) and"):
        kept_divergence(Kept(kept.log_NK, kept.symbols_NK, kept.rest_log_N[:1]), target)
