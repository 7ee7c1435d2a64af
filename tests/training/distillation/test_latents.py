"""Hidden states where chunks end."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bytelm.training.distillation.alignment import batched
from bytelm.training.distillation.latents import EPSILON, Scale, latents
from training.distillation.alignments import random_batch


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from(["channel", "chunk"]))
def test_losses_are_those_of_a_loop(seed: int, scale: Scale) -> None:
    random = np.random.default_rng(seed)
    _, teacher_begins, student_begins, chunks = random_batch(random, int(random.integers(1, 4)))
    student, teacher = (random.normal(size=(begins[-1], 5)) for begins in (student_begins, teacher_begins))
    ends = [(s, t) for s, t, own in zip(chunks.student_last, chunks.teacher_last, chunks.counted, strict=True) if own]
    expected = 0.0
    for s, t in ends:
        for d in range(5):
            over = [teacher[i][d] for _, i in ends] if scale == "channel" else teacher[t].tolist()
            mean = sum(value * value for value in over) / len(over)
            expected += (student[s][d] - teacher[t][d]) ** 2 / (mean + EPSILON) / 5
    found = latents(torch.from_numpy(student), torch.from_numpy(teacher), chunks, scale)
    assert int(found.terms) == len(ends)
    assert float(found.sum) == pytest.approx(expected, rel=1e-5)


def test_only_the_student_learns_and_only_where_chunks_end() -> None:
    _, teacher_begins, student_begins, chunks = random_batch(np.random.default_rng(3), 3)
    student = torch.ones(student_begins[-1], 4, requires_grad=True)
    teacher = torch.full((teacher_begins[-1], 4), 2.0, requires_grad=True)
    latents(student, teacher, chunks).sum.backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert student.grad.any(1).nonzero()[:, 0].tolist() == chunks.student_last[chunks.counted].tolist()


def test_batches_without_chunks_cost_nothing() -> None:
    student = torch.ones(3, 4, requires_grad=True)
    found = latents(student, torch.ones(3, 4), batched([], [], []))
    found.mean.backward()
    assert float(found.mean.detach()) == 0
    assert student.grad is not None
    assert not student.grad.any()


def test_wrong_arguments() -> None:
    chunks = batched([], [], [])
    with pytest.raises(ValueError, match="the student's width 4 must be the teacher's, 6"):
        latents(torch.ones(3, 4), torch.ones(3, 6), chunks)
    with pytest.raises(ValueError, match="scale must be one of channel, chunk, got 'all'"):
        latents(torch.ones(3, 4), torch.ones(3, 4), chunks, "all")  # type: ignore[arg-type]
