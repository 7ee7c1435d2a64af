"""How near a student is to its teacher, and to texts, on rows that were held out.

Shapes: P places where something is predicted, X symbols.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bytelm.blt.vocabulary import EOS, OFFSET
from bytelm.protocol import END
from bytelm.training.data.rows import Batch
from bytelm.training.distillation.pieces import PackedRows, predicted, texts_of
from bytelm.training.distillation.students import Student
from bytelm.training.distillation.symbols import divergence, symbol_log_probs
from bytelm.training.distillation.teacher import Teacher

_ROWS: Final = 16
"""Rows of a pass."""


@dataclass(frozen=True)
class Found:
    """How good a student is.

    Attributes:
        bits_per_byte: of the texts; the end of a text counts as a byte.
        kl: of the teacher's exact distributions from the student's, nats a place.
        agreement: the share of the places at which both find the same symbol the most probable.
    """

    bits_per_byte: float
    kl: float
    agreement: float


class _Known(NamedTuple):
    """Some rows, and what the teacher says of them.

    Attributes:
        batch: the rows.
        target_PX: the teacher's log-probabilities, nats.
        symbols_P: what is there.
    """

    batch: Batch
    target_PX: Tensor
    symbols_P: Tensor


class HeldOut:
    """Held-out rows with the teacher's exact distributions, which are computed once for all students.

    Args:
        rows: held out.
        count: how many of them count, at most.
        teacher: its tolerance is that of the distributions.
    """

    def __init__(self, rows: PackedRows, count: int, teacher: Teacher) -> None:
        assert rows.count is not None
        most = min(count, rows.count)
        numbers = [range(first, min(first + _ROWS, most)) for first in range(0, most, _ROWS)]
        self.rows = most
        self._known = [_known(rows.batch(some), teacher) for some in numbers]
        self.places = sum(len(one.symbols_P) for one in self._known)

    @property
    def teacher_bits(self) -> float:
        """The teacher's own bits per byte."""
        nats = sum(float(F.nll_loss(one.target_PX.double(), one.symbols_P, reduction="sum")) for one in self._known)
        return nats / self.places / math.log(2)

    @torch.no_grad()
    def measured(self, student: Student) -> Found:
        """How good a student is on them."""
        nats = kl = agreed = 0.0
        for known in self._known:
            batch = known.batch
            ids, first = torch.from_numpy(batch.ids[:, :-1].copy()), torch.from_numpy(batch.first)
            logits = student.read(ids, first, hidden=False).logits_RNV
            logits_PV = logits.flatten(0, 1)[torch.from_numpy(np.flatnonzero(batch.weights))]
            logs_PX = symbol_log_probs(logits_PV, student.byte_ids, student.end_id)
            nats += float(F.nll_loss(logs_PX.double(), known.symbols_P, reduction="sum"))
            kl += float(divergence(known.target_PX, logs_PX).double().sum())
            agreed += float((known.target_PX.argmax(-1) == logs_PX.argmax(-1)).sum())
        return Found(nats / self.places / math.log(2), kl / self.places, agreed / self.places)


def _known(batch: Batch, teacher: Teacher) -> _Known:
    texts = texts_of(batch)
    rows = teacher.targets.of([text.data for text in texts], along_path=False)
    target_PX = torch.cat(
        [row[torch.from_numpy(predicted(text, batch))] for row, text in zip(rows, texts, strict=True)]
    )
    ids = batch.ids[:, 1:][batch.weights]
    return _Known(batch, target_PX, torch.from_numpy(np.where(ids == EOS, END, ids - OFFSET)))
