"""Losses by chunks of a text: where a token of the teacher ends, what the student gives it and makes of it.

Shapes: R rows, N positions, T tokens of the teacher, C chunks, V ids of the student, D width.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bytelm.training.data.rows import Batch
from bytelm.training.distillation.alignment import ChunkBatch, aligned, batched
from bytelm.training.distillation.latents import latents
from bytelm.training.distillation.likelihoods import AlmConfig, alm, log_boundary
from bytelm.training.distillation.pieces import Text
from bytelm.training.distillation.students import Predictions, Student
from bytelm.training.distillation.teacher import Teacher


class ChunkLosses:
    """The losses of some texts that are in the rows of a batch.

    Attributes:
        any: whether there is anything to compare.

    Args:
        teacher: reads the texts.
        texts: of the batch, in order.
        batch: the rows.
    """

    def __init__(self, teacher: Teacher, texts: Sequence[Text], batch: Batch) -> None:
        tokens = teacher.tokens([text.data for text in texts])
        self._seen = teacher.seen(tokens)
        chunks = _chunks(tokens.ends, tokens.begun, tokens.ids_RT.shape[1], texts, batch)
        self.any = bool(chunks.counted.any())
        self._chunks = chunks.to(teacher.device)

    def alm(self, student: Student, read: Predictions, batch: Batch, config: AlmConfig) -> Tensor:
        """Approximate likelihood matching, a mean over groups of chunks, float64 ``()``.

        Args:
            student: whose predictions these are.
            read: them.
            batch: the rows.
            config: the settings.
        """
        chunks = self._chunks
        logs_RNV = read.logits_RNV.float().log_softmax(-1)
        targets_RN = student.ids_of(torch.from_numpy(batch.ids[:, 1:].copy()).to(logs_RNV.device))
        # In the places of the ids that are predicted: the first one is not.
        student_log_S = F.pad(logs_RNV.gather(-1, targets_RN[..., None])[..., 0], (1, 0)).flatten()
        teacher_log_T = F.pad(self._seen.logs_RT, (1, 0)).flatten()
        # Nothing is predicted behind the last id of a row, where no counted chunk ends.
        behind_S = F.pad(log_boundary(read.logits_RNV, student.boundary_V), (0, 1)).flatten()
        boundaries = self._seen.log_boundary_RT.flatten()[chunks.teacher_last], behind_S[chunks.student_last]
        return alm(teacher_log_T, student_log_S, *boundaries, chunks, config).mean

    def latents(self, read: Predictions) -> Tensor:
        """How far hidden states are from each other where chunks end, a mean over chunks, float64 ``()``."""
        assert read.hidden_RND is not None
        student_SD = F.pad(read.hidden_RND, (0, 0, 0, 1)).flatten(0, 1)
        return latents(student_SD, self._seen.hidden_RTD.flatten(0, 1), self._chunks).mean


def _chunks(ends: Sequence[np.ndarray], begun: int, tokens: int, texts: Sequence[Text], batch: Batch) -> ChunkBatch:
    """The chunks of texts in rows of tokens, begin tokens first, and in the rows of a batch, BOS first."""
    width = batch.ids.shape[1]
    rows = [aligned(end, np.arange(1, len(text.data) + 1)) for end, text in zip(ends, texts, strict=True)]
    # Behind the last id of a row nothing is predicted.
    counted = [row.student_ends + text.begin < width - 1 for row, text in zip(rows, texts, strict=True)]
    teacher_begins = [number * tokens + begun for number in range(len(texts))]
    student_begins = [text.row * width + text.begin + 1 for text in texts]
    return batched(rows, teacher_begins, student_begins, counted)
