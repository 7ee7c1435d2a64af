"""The losses of approximate likelihood matching, against loops over chunks."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bytelm.training.distillation.alignment import ChunkBatch, aligned, batched
from bytelm.training.distillation.likelihoods import AlmConfig, alm, log_boundary, space_mask
from training.distillation.alignments import random_batch

CONFIGS = [AlmConfig(), AlmConfig(None), AlmConfig(append_space=False), AlmConfig(0.4, True, 7.0, 1e-3)]


def inputs(random: np.random.Generator, sizes: list[int]) -> list[Tensor]:
    """Log-probabilities of teacher and student, and of boundaries behind chunks."""
    probable = random.random() < 0.5
    return [
        torch.tensor(np.log(random.uniform(0.5 if probable else 1e-4, 1, size)), dtype=torch.float32) for size in sizes
    ]


def slow(
    teacher: Tensor,
    student: Tensor,
    teacher_boundary: Tensor,
    student_boundary: Tensor,
    chunks: ChunkBatch,
    config: AlmConfig,
) -> list[float]:
    """What each group costs; one chunk after another, in Python's floats."""
    costs: list[float] = []
    t = s = 0.0
    counted = chunks.counted.tolist()
    for c in range(len(counted)):
        t += sum(
            float(teacher[i])
            for i, own in zip(chunks.teacher_positions, chunks.teacher_chunks, strict=True)
            if own == c
        )
        s += sum(
            float(student[i])
            for i, own in zip(chunks.student_positions, chunks.student_chunks, strict=True)
            if own == c
        )
        last = bool(chunks.row_ends[c])
        merge = config.threshold is not None and math.exp(teacher_boundary[c].double()) <= config.threshold
        if merge and not last and counted[c + 1] == counted[c]:
            continue
        if config.append_space:
            t, s = t + float(teacher_boundary[c]), s + float(student_boundary[c])
        a, b = t / config.temperature - config.epsilon, s / config.temperature - config.epsilon
        if counted[c]:
            costs.append(-(math.exp(a) * b + -math.expm1(a) * math.log(-math.expm1(b))))
        t = s = 0.0
    return costs


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from(CONFIGS))
def test_losses_are_those_of_a_loop(seed: int, config: AlmConfig) -> None:
    random = np.random.default_rng(seed)
    _, teacher_begins, student_begins, chunks = random_batch(random, int(random.integers(1, 4)))
    count = len(chunks.counted)
    values = inputs(random, [teacher_begins[-1], student_begins[-1], count, count])
    found = alm(*values, chunks, config)
    expected = slow(*values, chunks, config)
    assert int(found.terms) == len(expected)
    assert float(found.sum) == pytest.approx(sum(expected), abs=1e-6, rel=1e-9)
    assert float(found.mean) == pytest.approx(sum(expected) / max(len(expected), 1), abs=1e-6)


def one_row(lengths: list[int]) -> ChunkBatch:
    ends = np.cumsum(lengths)
    return batched([aligned(ends, np.arange(1, ends[-1] + 1))], [0], [0])


@pytest.mark.parametrize("config", CONFIGS)
def test_gradients(config: AlmConfig) -> None:
    chunks = one_row([2, 3, 1, 2])
    teacher, student, boundary, own = inputs(np.random.default_rng(1), [4, 8, 4, 4])
    wanted = [student.double().requires_grad_(), own.double().requires_grad_()]
    torch.autograd.gradcheck(lambda s, o: alm(teacher, s, boundary, o, chunks, config).sum, wanted)


def test_the_teacher_learns_nothing() -> None:
    chunks = one_row([2, 3])
    values = [value.requires_grad_() for value in inputs(np.random.default_rng(1), [2, 5, 2, 2])]
    alm(*values, chunks).sum.backward()
    assert [value.grad is None for value in values] == [True, False, True, False]


def test_a_student_that_agrees_has_no_gradient() -> None:
    chunks = one_row([1, 1, 1])
    teacher, _, boundary, _ = inputs(np.random.default_rng(2), [3, 3, 3, 3])
    student, own = teacher.clone().requires_grad_(), boundary.clone().requires_grad_()
    alm(teacher, student, boundary, own, chunks).sum.backward()
    assert student.grad is not None
    assert float(student.grad.abs().max()) < 1e-9


def test_chunks_are_cut_where_boundaries_are_likely() -> None:
    chunks = one_row([1, 1, 1, 1])
    zeros, boundary = torch.zeros(4), torch.tensor([0.05, 0.5, 0.09, 0.05]).double().log()
    assert int(alm(zeros, zeros, boundary, boundary, chunks).terms) == 2, "the last group ends with the row"
    assert int(alm(zeros, zeros, boundary, boundary, chunks, AlmConfig(0.0)).terms) == 4
    assert int(alm(zeros, zeros, boundary, boundary, chunks, AlmConfig(None)).terms) == 4


@pytest.mark.parametrize("value", [0.0, 1e-7, -1e-9, -1e4, -math.inf])
@pytest.mark.parametrize("other", [0.0, -1e-9, -0.5, -1e4])
def test_certain_and_impossible_events_have_numbers(value: float, other: float) -> None:
    chunks = one_row([1])
    zero, student = torch.zeros(1), torch.tensor([other], requires_grad=True)
    found = alm(torch.tensor([value]), student, zero, zero, chunks).sum
    found.backward()
    assert math.isfinite(float(found.detach()))
    assert student.grad is not None
    assert bool(student.grad.isfinite().all())


def test_what_both_find_impossible_costs_nothing() -> None:
    never, zero = torch.tensor([-math.inf]), torch.zeros(1)
    student = never.clone().requires_grad_()
    found = alm(never, student, zero, zero, one_row([1])).sum
    found.backward()
    assert float(found.detach()) == 0
    assert student.grad is not None
    assert student.grad.tolist() == [0]


def test_boundaries_must_be_one_for_each_chunk() -> None:
    zeros = torch.zeros(5)
    with pytest.raises(ValueError, match=r"each of the 2 chunks needs a boundary.*\(5,\)"):
        alm(zeros, zeros, zeros, zeros, one_row([2, 3]))


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"threshold": 1.0}, "threshold must be a probability below 1, or none, got 1.0"),
        ({"temperature": 0.0}, "temperature must be a number above 0, got 0.0"),
        ({"epsilon": 0.0}, "epsilon must be between 0 and 1, got 0.0"),
    ],
)
def test_wrong_settings(wrong: dict[str, float], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        AlmConfig(**wrong)


def test_boundaries_begin_with_blanks_and_special_ids() -> None:
    vocabulary = [b"a", b" a", b"a ", b"\n", b"\tb", b"\r", b"", b""]
    assert space_mask(vocabulary, {6}).tolist() == [False, True, False, True, True, False, True, False]
    with pytest.raises(ValueError, match=r"special ids \[8\] are outside the vocabulary of 8 ids"):
        space_mask(vocabulary, [8])
    with pytest.raises(ValueError, match="say which ids are special"):
        space_mask([b"a"], [])


def test_the_mass_of_boundaries() -> None:
    logits = torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([False, True] * 4)
    expected = logits.double().softmax(-1)[..., mask].sum(-1).log()
    torch.testing.assert_close(log_boundary(logits, mask).double(), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(log_boundary(logits.log_softmax(-1), mask).double(), expected, atol=1e-6, rtol=0)
