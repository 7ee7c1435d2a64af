"""Random tokens and symbols of one text, and their chunks, found one byte after another."""

import numpy as np
from hypothesis import strategies as st

from bytelm.training.distillation.alignment import ChunkBatch, Chunks, aligned, batched


@st.composite
def alignments(draw: st.DrawFn, same_length: bool = False) -> tuple[list[int], list[int]]:
    """How many bytes each token and each symbol has, none of them 0."""
    sizes = st.lists(st.integers(1, 5), max_size=12)
    teacher = draw(sizes)
    student = [1] * sum(teacher) if draw(st.booleans()) else draw(sizes)
    if same_length:
        gap = sum(teacher) - sum(student)
        (student if gap > 0 else teacher).extend([abs(gap)] if gap else [])
    return teacher, student


def slow_chunks(teacher: list[int], student: list[int]) -> list[tuple[int, int]]:
    """The ends of chunks in tokens and symbols, by two pointers."""
    found = []
    t = s = teacher_read = student_read = 0
    while t < len(teacher) or s < len(student):
        if t < len(teacher) and (teacher_read <= student_read or s == len(student)):
            teacher_read, t = teacher_read + teacher[t], t + 1
        else:
            if s == len(student):
                break
            student_read, s = student_read + student[s], s + 1
        if teacher_read == student_read:
            found.append((t, s))
    return found


def random_batch(random: np.random.Generator, rows: int) -> tuple[list[Chunks], list[int], list[int], ChunkBatch]:
    """The chunks of some random texts, where their tokens and symbols begin, and the batch of them."""
    made, teacher_begins, student_begins, counted = [], [0], [0], []
    for _ in range(rows):
        teacher = random.integers(1, 5, random.integers(0, 9))
        student = np.ones(teacher.sum(), dtype=np.int64) if random.random() < 0.5 else random.integers(1, 4, 12)
        chunks = aligned(np.cumsum(teacher), np.cumsum(student))
        made.append(chunks)
        counted.append(random.random(len(chunks.teacher_ends)) < 0.8)
        # Behind each row there is some padding.
        teacher_begins.append(teacher_begins[-1] + len(teacher) + int(random.integers(0, 3)))
        student_begins.append(student_begins[-1] + len(student) + int(random.integers(0, 3)))
    return made, teacher_begins, student_begins, batched(made, teacher_begins[:-1], student_begins[:-1], counted)
