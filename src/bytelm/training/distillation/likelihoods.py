"""Approximate likelihood matching (ALM): the student gives chunks of the text the probability that the teacher does.

Minixhofer et al. 2025, "Universal Cross-Tokenizer Distillation via Approximate Likelihood Matching". A chunk is looked
at as an event that happens or does not; the loss is the binary cross entropy of the student's probability to the
teacher's, both raised to the power 1/100, so that even long chunks are neither certain nor impossible.

Shapes: T teacher tokens and S student symbols of all rows, C chunks, V ids of a vocabulary.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bytelm.training.distillation.alignment import ChunkBatch
from bytelm.training.distillation.mixing import LossSum

THRESHOLD: Final = 0.1
TEMPERATURE: Final = 100.0
EPSILON: Final = 1e-6

_BLANKS: Final = (b" ", b"\n", b"\t")


@dataclass(frozen=True)
class AlmConfig:
    """What is compared.

    Attributes:
        threshold: chunks are merged until the teacher gives more than this to a boundary behind them
            (``merge_by_space_prob``); ``none`` compares each by itself.
        append_space: whether the event is that the chunk *and then a boundary* follow, which takes away most of what
            tokens and bytes disagree on without cause: a token is never followed by what would have been one token
            with it.
        temperature: that log-probabilities are divided by.
        epsilon: what is taken off the quotients, so that no event is certain.

    Raises:
        ValueError: a number is out of its range.
    """

    threshold: float | None = THRESHOLD
    append_space: bool = True
    temperature: float = TEMPERATURE
    epsilon: float = EPSILON

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold < 1:
            raise ValueError(f"threshold must be a probability below 1, or none, got {self.threshold}")
        if not (self.temperature > 0 and math.isfinite(self.temperature)):
            raise ValueError(f"temperature must be a number above 0, got {self.temperature}")
        if not 0 < self.epsilon < 1:
            raise ValueError(f"epsilon must be between 0 and 1, got {self.epsilon}")


def alm(
    teacher_log_T: Tensor,
    student_log_S: Tensor,
    teacher_log_boundary_C: Tensor,
    student_log_boundary_C: Tensor,
    chunks: ChunkBatch,
    config: AlmConfig | None = None,
) -> LossSum:
    """The loss of a batch: the sum over its groups of chunks, and how many groups there are.

    With T and S the log-probabilities of a group, and those of the boundary behind it added where these are appended,
    a = T/100 − 1e-6 and b = S/100 − 1e-6, a group costs −[eᵃ b + (1 − eᵃ) log(1 − eᵇ)].

    A group ends behind each chunk that the teacher gives a boundary with more than the threshold, at the end of each
    row, whatever follows there, and where chunks begin or cease to be counted. So every counted chunk is in exactly
    one group.

    Args:
        teacher_log_T: the log-probability of each teacher token given what is before it, nats, of all rows in one.
            What stands outside the chunks, such as padding or the begin token, does not matter.
        student_log_S: the same of each student symbol, with its gradient.
        teacher_log_boundary_C: the teacher's log-probability that a boundary follows each chunk (`log_boundary`), nats.
        student_log_boundary_C: the student's, with its gradient.
        chunks: of the batch, on the same device.
        config: the published settings by default.

    Raises:
        ValueError: the boundaries are not one for each chunk.
    """
    config = AlmConfig() if config is None else config
    if not teacher_log_boundary_C.shape == student_log_boundary_C.shape == chunks.counted.shape:
        raise ValueError(
            f"each of the {len(chunks.counted)} chunks needs a boundary: got those of teacher and student of shape "
            f"{tuple(teacher_log_boundary_C.shape)} and {tuple(student_log_boundary_C.shape)}"
        )
    # In float32, how a batch is shared among processes would be seen in the sixth digit of a sum.
    teacher_boundary_C, student_boundary_C = teacher_log_boundary_C.detach().double(), student_log_boundary_C.double()
    cut_C = _cuts(teacher_boundary_C, chunks, config.threshold)
    group_C = cut_C.cumsum(0) - cut_C.long()
    teacher_C = _sums(teacher_log_T.detach()[chunks.teacher_positions], group_C[chunks.teacher_chunks], len(cut_C))
    student_C = _sums(student_log_S[chunks.student_positions], group_C[chunks.student_chunks], len(cut_C))
    if config.append_space:
        teacher_C = teacher_C.index_add(0, group_C, teacher_boundary_C.where(cut_C, 0))
        student_C = student_C.index_add(0, group_C, student_boundary_C.where(cut_C, 0))
    # There are as many places for groups as there are chunks, so that nobody has to wait for their number.
    real_C = torch.zeros_like(group_C).index_add(0, group_C, chunks.counted.long()) > 0
    costs_C = _binary_cross_entropy(_scaled(teacher_C, config), _scaled(student_C, config))
    return LossSum(costs_C.where(real_C, 0).sum(), real_C.sum())


def space_mask(token_bytes: Sequence[bytes], special: Collection[int]) -> NDArray[np.bool_]:
    """Which ids of a vocabulary a boundary begins with: those that start with space, newline or tab, and special ones.

    Args:
        token_bytes: the bytes of each token by id; ``b""`` for those that have none.
        special: the ids that never come from text, such as the end.

    Returns:
        bool ``(V,)``.

    Raises:
        ValueError: an id is outside the vocabulary, or nothing begins a boundary.
    """
    mask = np.fromiter((data.startswith(_BLANKS) for data in token_bytes), dtype=bool, count=len(token_bytes))
    outside = [token for token in special if not 0 <= token < len(token_bytes)]
    if outside:
        raise ValueError(f"special ids {sorted(outside)} are outside the vocabulary of {len(token_bytes)} ids")
    mask[list(special)] = True
    if not mask.any():
        raise ValueError(
            f"none of {len(token_bytes)} ids starts with space, newline or tab or is special; say which ids are special"
        )
    return mask


def log_boundary(logits: Tensor, mask_V: Tensor) -> Tensor:
    """The log-probability that a boundary follows: of all ids of `space_mask` together, nats, float32 ``(…)``.

    Args:
        logits: ``(…, V)``, or log-probabilities; those behind the last symbols of chunks.
        mask_V: bool ``(V,)``.
    """
    logits = logits.float()
    return logits.masked_fill(~mask_V, -math.inf).logsumexp(-1) - logits.logsumexp(-1)


def _cuts(log_boundary_C: Tensor, chunks: ChunkBatch, threshold: float | None) -> Tensor:
    """Whether a group ends behind each chunk, bool ``(C,)``."""
    if threshold is None:
        return torch.ones_like(chunks.row_ends)
    cut_C = (log_boundary_C.exp() > threshold) | chunks.row_ends
    cut_C[:-1] |= chunks.counted[1:] != chunks.counted[:-1]
    return cut_C


def _sums(log_K: Tensor, group_K: Tensor, size: int) -> Tensor:
    """The log-probability of each group, float64 ``(C,)``."""
    return torch.zeros(size, dtype=torch.float64, device=log_K.device).index_add(0, group_K, log_K.double())


def _scaled(log_C: Tensor, config: AlmConfig) -> Tensor:
    # Sums of rounded probabilities may be more than one.
    return log_C.clamp(max=0) / config.temperature - config.epsilon


def _binary_cross_entropy(teacher_C: Tensor, student_C: Tensor) -> Tensor:
    """−[eᵃ b + (1 − eᵃ) log(1 − eᵇ)], for log-probabilities below 0."""
    share_C = teacher_C.exp()
    # What the teacher finds impossible may be so for the student: 0 · ∞ is 0.
    happens_C = share_C * student_C.masked_fill(share_C == 0, 0)
    return -(happens_C - torch.expm1(teacher_C) * _log1m_exp(student_C))


def _log1m_exp(log: Tensor) -> Tensor:
    """log(1 − eˣ) for x < 0, to the last digits near 0 and far from it."""
    return torch.where(log > -math.log(2), torch.log(-torch.expm1(log)), torch.log1p(-log.exp()))
