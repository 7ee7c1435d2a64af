"""Latents: the student's last hidden states are to be those of the teacher where chunks end.

Shapes: T teacher tokens and S student symbols of all rows, C chunks, D width.
"""

from typing import Final, Literal, get_args

import torch
from torch import Tensor

from bytelm.training.distillation.alignment import ChunkBatch
from bytelm.training.distillation.mixing import LossSum

Scale = Literal["channel", "chunk"]
"""What squared differences are divided by."""

EPSILON: Final = 1e-6
"""What is added to the mean squares of the teacher."""


def latents(student_SD: Tensor, teacher_TD: Tensor, chunks: ChunkBatch, scale: Scale = "channel") -> LossSum:
    """The mean over the width of (s − t)²/mean(t²), summed over the counted chunks of a batch, unmerged.

    s is the student's hidden state at the last symbol of a chunk, t the teacher's at its last token, both after the
    final norm. The mean of t² is taken

    - "channel": for each of the D numbers by itself, over all counted chunks handed in, as tokenkit's recipes do. So
      the loss of a batch depends a little on how it is shared among processes or cut into parts;
    - "chunk": for each chunk by itself, over its D numbers. Each chunk's term stands alone.

    1e-6 is added to it.

    Args:
        student_SD: hidden states of all rows in one, any float dtype, with their gradient; ``(R, N, D)`` flattened.
        teacher_TD: those of the teacher, likewise.
        chunks: of the batch, on the same device.
        scale: "channel" or "chunk".

    Raises:
        ValueError: the widths differ, or there is no such scale.
    """
    if student_SD.shape[-1] != teacher_TD.shape[-1]:
        raise ValueError(
            f"hidden states are compared number by number: the student's width {student_SD.shape[-1]} must be the "
            f"teacher's, {teacher_TD.shape[-1]}; leave the loss of latents out for students of another width"
        )
    if scale not in get_args(Scale):
        raise ValueError(f"scale must be one of {', '.join(get_args(Scale))}, got {scale!r}")
    student_CD = student_SD[chunks.student_last[chunks.counted]].float()
    teacher_CD = teacher_TD[chunks.teacher_last[chunks.counted]].detach().float()
    squares = teacher_CD.square()
    mean = squares.mean(0, keepdim=True) if scale == "channel" else squares.mean(1, keepdim=True)
    terms_C = ((student_CD - teacher_CD).square() / (mean + EPSILON)).mean(1)
    return LossSum(terms_C.double().sum(), torch.tensor(len(terms_C), device=terms_C.device))
