"""Alignment: the stretches of a text at whose ends both the teacher's tokens and the student's symbols end.

Shapes: T teacher tokens, S student symbols, C chunks, K counted symbols in chunks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ScalarT = TypeVar("ScalarT", bound=np.generic)

Pair = tuple[range, range]
"""Teacher tokens and student symbols that stand for each other, whatever their bytes: one chunk."""


@dataclass(frozen=True)
class Chunks:
    """Where the chunks of a text end; each begins where the one before ended, the first at the beginning.

    Attributes:
        teacher_ends: how many teacher tokens are behind the end of each chunk, int64 ``(C,)``, increasing.
        student_ends: how many student symbols, int64 ``(C,)``, increasing.
        byte_ends: how many bytes of the student's symbols, int64 ``(C,)``.
    """

    teacher_ends: NDArray[np.int64]
    student_ends: NDArray[np.int64]
    byte_ends: NDArray[np.int64]


def aligned(teacher_ends: NDArray[np.int64], student_ends: NDArray[np.int64], pairs: Sequence[Pair] = ()) -> Chunks:
    """The chunks of a text: one closes wherever both a teacher token and a student symbol end.

    Symbols of no bytes belong to the chunk that ends where they stand, or else to the one around them. What stands
    behind the last common end is in no chunk; so texts may be cut off at different places.

    Args:
        teacher_ends: the byte at which each teacher token ends, int64 ``(T,)``.
        student_ends: the same of each student symbol, int64 ``(S,)``.
        pairs: chunks that are given, such as tokens of templates, from left to right: a range of teacher tokens and a
            range of student symbols, none empty. Their bytes may be any; before each pair both sides must have
            equally many bytes since the last pair.

    Raises:
        ValueError: the ends decrease, or a pair does not fit.
    """
    _check("teacher_ends", teacher_ends)
    _check("student_ends", student_ends)
    _check_pairs(pairs, len(teacher_ends), len(student_ends))
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    teacher_begin = student_begin = 0
    for teacher, student in pairs:
        teacher_part = _since(teacher_ends, teacher_begin, teacher.start)
        student_part = _since(student_ends, student_begin, student.start)
        if teacher_part[-1:].sum() != student_part[-1:].sum():
            raise ValueError(
                f"before the pair of teacher {teacher} and student {student} the teacher has "
                f"{teacher_part[-1:].sum()} bytes and the student {student_part[-1:].sum()}; let pairs begin where "
                f"both sides have read the same text"
            )
        teacher_common, student_common = _common(teacher_part, student_part)
        found.append((teacher_common + teacher_begin, student_common + student_begin))
        found.append((np.array([teacher.stop]), np.array([student.stop])))
        teacher_begin, student_begin = teacher.stop, student.stop
    teacher_common, student_common = _common(
        _since(teacher_ends, teacher_begin, len(teacher_ends)), _since(student_ends, student_begin, len(student_ends))
    )
    found.append((teacher_common + teacher_begin, student_common + student_begin))
    all_teacher, all_student = (np.concatenate(side) for side in zip(*found, strict=True))
    return Chunks(all_teacher, all_student, student_ends[all_student - 1])


@dataclass(frozen=True)
class ChunkBatch:
    """The chunks of the texts of a batch, row after row, as tensors on one device.

    Positions are those of flat tensors in which the tokens, or the symbols, of all rows follow each other, as
    ``logits_RNV.flatten(0, 1)`` has them.

    Attributes:
        teacher_positions: of all teacher tokens in chunks, int64 ``(K,)``.
        teacher_chunks: the chunk of each, int64 ``(K,)``.
        student_positions: of all student symbols in chunks, int64 ``(K',)``.
        student_chunks: the chunk of each, int64 ``(K',)``.
        teacher_last: the position of the last teacher token of each chunk, int64 ``(C,)``.
        student_last: the position of the last student symbol of each chunk, int64 ``(C,)``.
        row_ends: bool ``(C,)``; whether a chunk is the last one of its row.
        counted: bool ``(C,)``; whether a chunk is learned from.
    """

    teacher_positions: Tensor
    teacher_chunks: Tensor
    student_positions: Tensor
    student_chunks: Tensor
    teacher_last: Tensor
    student_last: Tensor
    row_ends: Tensor
    counted: Tensor

    def to(self, device: torch.device | str) -> "ChunkBatch":
        """The same on another device."""
        return ChunkBatch(**{name: tensor.to(device, non_blocking=True) for name, tensor in vars(self).items()})


def batched(
    rows: Sequence[Chunks],
    teacher_begins: Sequence[int],
    student_begins: Sequence[int],
    counted: Sequence[NDArray[np.bool_]] | None = None,
) -> ChunkBatch:
    """The chunks of several texts as one batch, on the CPU.

    Args:
        rows: the chunks of each text.
        teacher_begins: the position of the first teacher token of each text in the flat tensors: ``r * N`` for rows
            padded to N, or wherever packed texts begin.
        student_begins: the same of the first student symbol.
        counted: for each text, which of its chunks are learned from, bool ``(C,)``: those of answers, not of prompts.
            All by default.

    Raises:
        ValueError: the arguments have different lengths.
    """
    lengths = [len(row.teacher_ends) for row in rows]
    marks = [np.ones(length, dtype=bool) for length in lengths] if counted is None else list(counted)
    if not len(rows) == len(teacher_begins) == len(student_begins) == len(marks):
        raise ValueError(
            f"each text needs chunks, two begins and marks: got {len(rows)} chunks, {len(teacher_begins)} and "
            f"{len(student_begins)} begins and {len(marks)} marks"
        )
    for number, (length, mark) in enumerate(zip(lengths, marks, strict=True)):
        if mark.shape != (length,) or mark.dtype != np.bool_:
            raise ValueError(
                f"counted[{number}] must be bool of shape ({length},), one for each chunk, got {mark.dtype} of shape "
                f"{mark.shape}"
            )
    teacher = _positions([row.teacher_ends for row in rows], teacher_begins)
    student = _positions([row.student_ends for row in rows], student_begins)
    row_ends = np.zeros(sum(lengths), dtype=bool)
    row_ends[[end - 1 for length, end in zip(lengths, accumulate(lengths), strict=True) if length]] = True
    arrays = (*teacher[:2], *student[:2], teacher[2], student[2], row_ends, _joined(marks, np.bool_))
    return ChunkBatch(*map(torch.from_numpy, arrays))


def _check(name: str, ends: NDArray[np.int64]) -> None:
    if ends.ndim != 1 or ends.dtype != np.int64:
        raise ValueError(f"{name} must be int64 of one dimension, got {ends.dtype} of shape {ends.shape}")
    if ends.size and (ends[0] < 0 or (np.diff(ends) < 0).any()):
        raise ValueError(f"{name} must be counts of bytes from the beginning of the text, which never decrease")


def _check_pairs(pairs: Sequence[Pair], teacher_size: int, student_size: int) -> None:
    teacher_begin = student_begin = 0
    for teacher, student in pairs:
        if not (
            teacher.step == student.step == 1
            and teacher_begin <= teacher.start < teacher.stop <= teacher_size
            and student_begin <= student.start < student.stop <= student_size
        ):
            raise ValueError(
                f"the pair of teacher {teacher} and student {student} is empty, stands before another one, or is "
                f"outside {teacher_size} teacher tokens and {student_size} student symbols; give pairs from left to "
                f"right, with at least one token and one symbol each"
            )
        teacher_begin, student_begin = teacher.stop, student.stop


def _since(ends: NDArray[np.int64], begin: int, end: int) -> NDArray[np.int64]:
    """The ends of some symbols, counted from the first of them."""
    return ends[begin:end] - (ends[begin - 1] if begin else 0)


def _common(
    teacher_ends: NDArray[np.int64], student_ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many teacher tokens and how many student symbols are behind each common end."""
    last = np.append(teacher_ends[1:] != teacher_ends[:-1], True)[: len(teacher_ends)]
    behind = np.searchsorted(student_ends, teacher_ends, side="right")
    common = last & (behind > 0)
    common[common] = student_ends[behind[common] - 1] == teacher_ends[common]
    return np.flatnonzero(common) + 1, behind[common]


def _positions(
    ends: Sequence[NDArray[np.int64]], begins: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The positions of all symbols in chunks, the chunk of each, and the position of the last one of each chunk."""
    lengths = _joined([np.diff(row, prepend=0) for row in ends], np.int64)
    last = _joined([row + (begin - 1) for row, begin in zip(ends, begins, strict=True)], np.int64)
    within = (np.arange(row[-1]) + begin for row, begin in zip(ends, begins, strict=True) if row.size)
    return _joined(list(within), np.int64), np.repeat(np.arange(len(lengths)), lengths), last


def _joined(parts: Sequence[NDArray[ScalarT]], dtype: type[ScalarT]) -> NDArray[ScalarT]:
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)
