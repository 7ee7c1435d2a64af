"""Chunks close where both sides end."""

from itertools import accumulate

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bytelm.training.distillation.alignment import Chunks, aligned, batched
from training.distillation.alignments import alignments, slow_chunks


def ends(*lengths: int) -> NDArray[np.int64]:
    return np.array(list(accumulate(lengths)), dtype=np.int64)


def lists(chunks: Chunks) -> tuple[list[int], list[int], list[int]]:
    return chunks.teacher_ends.tolist(), chunks.student_ends.tolist(), chunks.byte_ends.tolist()


@given(alignments())
def test_chunks_are_those_of_two_pointers(sides: tuple[list[int], list[int]]) -> None:
    teacher, student = sides
    found = aligned(ends(*teacher), ends(*student))
    assert list(zip(*lists(found)[:2], strict=True)) == slow_chunks(teacher, student)
    assert [sum(student[:end]) for end in found.student_ends] == found.byte_ends.tolist()
    assert all(array.dtype == np.int64 for array in vars(found).values())


def test_each_teacher_token_is_a_chunk_of_a_student_over_bytes() -> None:
    found = aligned(ends(3, 1, 4), ends(*[1] * 8))
    assert lists(found) == ([1, 2, 3], [3, 4, 8], [3, 4, 8])


def test_texts_may_be_cut_off_at_different_places() -> None:
    assert lists(aligned(ends(3, 4), ends(*[1] * 5))) == ([1], [3], [3])
    assert lists(aligned(ends(3), ends(*[1] * 5))) == ([1], [3], [3])
    assert lists(aligned(ends(), ends(1))) == ([], [], [])


def test_symbols_without_bytes_belong_to_what_stands_before_them() -> None:
    assert lists(aligned(ends(0, 2, 0), ends(1, 1, 0))) == ([3], [3], [2])
    assert lists(aligned(ends(0, 2), ends(0, 1, 1))) == ([1, 2], [1, 3], [0, 2])


@given(st.lists(alignments(same_length=True), min_size=1, max_size=4), st.data())
def test_pairs_are_chunks_whatever_their_bytes(parts: list[tuple[list[int], list[int]]], data: st.DataObject) -> None:
    teacher, student, pairs, expected = [], [], [], []
    for teacher_part, student_part in parts:
        expected += [(t + len(teacher), s + len(student)) for t, s in slow_chunks(teacher_part, student_part)]
        teacher, student = teacher + teacher_part, student + student_part
        lengths = st.lists(st.integers(0, 5), min_size=1, max_size=3)
        given_teacher, given_student = data.draw(lengths), data.draw(lengths)
        pairs.append(
            (
                range(len(teacher), len(teacher) + len(given_teacher)),
                range(len(student), len(student) + len(given_student)),
            )
        )
        teacher, student = teacher + given_teacher, student + given_student
        expected.append((len(teacher), len(student)))
    found = aligned(ends(*teacher), ends(*student), pairs)
    assert list(zip(*lists(found)[:2], strict=True)) == expected


@pytest.mark.parametrize(
    ("teacher", "student"), [(range(1, 1), range(1)), (range(1), range(4, 6)), (range(0, 4, 2), range(1))]
)
def test_pairs_must_be_inside(teacher: range, student: range) -> None:
    with pytest.raises(ValueError, match="give pairs from left to right"):
        aligned(ends(2, 3), ends(*[1] * 5), [(teacher, student)])


def test_pairs_must_begin_at_the_same_text() -> None:
    with pytest.raises(ValueError, match="the teacher has 2 bytes and the student 1"):
        aligned(ends(2, 3), ends(*[1] * 5), [(range(1, 2), range(1, 4))])
    with pytest.raises(ValueError, match="stands before another one"):
        aligned(ends(2, 3), ends(2, 3), [(range(1, 2), range(1, 2)), (range(1), range(1))])


def test_ends_are_counts_of_bytes() -> None:
    with pytest.raises(ValueError, match="student_ends must be counts of bytes"):
        aligned(ends(3), np.array([2, 1]))
    with pytest.raises(ValueError, match="teacher_ends must be int64 of one dimension, got float64"):
        aligned(np.array([1.0]), ends(1))  # type: ignore[arg-type]


def test_batches_say_where_symbols_stand() -> None:
    empty = aligned(ends(3), ends(2))
    rows = [aligned(ends(2, 1), ends(1, 1, 1)), empty, aligned(ends(1), ends(1, 1))]
    found = batched(rows, [1, 10, 20], [0, 10, 20], [np.array([False, True]), np.array([], bool), np.array([True])])
    assert found.teacher_positions.tolist() == [1, 2, 20]
    assert found.teacher_chunks.tolist() == [0, 1, 2]
    assert found.student_positions.tolist() == [0, 1, 2, 20]
    assert found.student_chunks.tolist() == [0, 0, 1, 2]
    assert found.teacher_last.tolist() == [1, 2, 20]
    assert found.student_last.tolist() == [1, 2, 20]
    assert found.row_ends.tolist() == [False, True, True]
    assert found.counted.tolist() == [False, True, True]
    assert found.to("meta").counted.device.type == "meta"


@pytest.mark.parametrize("rows", [[], [aligned(ends(3), ends(2))]])
def test_batches_may_have_no_chunks(rows: list[Chunks]) -> None:
    found = batched(rows, [0] * len(rows), [0] * len(rows))
    assert all(len(tensor) == 0 for tensor in vars(found).values())
    assert found.teacher_positions.dtype == torch.int64
    assert found.row_ends.dtype == found.counted.dtype == torch.bool


def test_batches_need_all_of_each_text() -> None:
    row = aligned(ends(2, 1), ends(1, 1, 1))
    with pytest.raises(ValueError, match="got 1 chunks, 2 and 1 begins and 1 marks"):
        batched([row], [0, 1], [0])
    with pytest.raises(ValueError, match=r"counted\[0\] must be bool of shape \(2,\)"):
        batched([row], [0], [0], [np.array([True])])
