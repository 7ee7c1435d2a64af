"""Distributions over symbols: the 256 bytes and the end of the text, the student's against the teacher's.

Shapes: N places, V ids of the student's vocabulary, 257 symbols (byte values, then the end), K kept symbols.
"""

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

SYMBOLS: Final = 257


class Kept(NamedTuple):
    """The most probable symbols of some distributions, and what is left.

    Attributes:
        log_NK: log-probabilities of the kept symbols, nats, the greatest first.
        symbols_NK: these symbols, int64; those of one row differ.
        rest_log_N: the log-probability of all other symbols together, nats; ``-inf`` where nothing is left.
    """

    log_NK: Tensor
    symbols_NK: Tensor
    rest_log_N: Tensor


def symbol_log_probs(logits: Tensor, byte_ids: Tensor, end_id: int) -> Tensor:
    """The log-probabilities of the symbols under a softmax over the whole vocabulary, nats, float32 ``(…, 257)``.

    The rest of the vocabulary has its share of each distribution, so the 257 may sum to less than one.

    Args:
        logits: of the next id, ``(…, V)``.
        byte_ids: the id of each byte value, int64 ``(256,)``, on the same device.
        end_id: the id that ends a text.

    Raises:
        ValueError: there are not 256 ids of bytes.
    """
    if byte_ids.shape != (SYMBOLS - 1,):
        raise ValueError(f"byte_ids must be the ids of the {SYMBOLS - 1} bytes, got shape {tuple(byte_ids.shape)}")
    logits = logits.float()
    ids = torch.cat([byte_ids, byte_ids.new_tensor([end_id])])
    return logits.index_select(-1, ids) - logits.logsumexp(-1, keepdim=True)


def divergence(target_log_NX: Tensor, student_log_NX: Tensor) -> Tensor:
    """KL(target ‖ student) of each place, nats ``(N,)``; symbols that the target finds impossible cost nothing.

    Args:
        target_log_NX: log-probabilities, nats, ``(N, 257)`` or any other number of events.
        student_log_NX: the same of the student, with its gradient, which is minus the target's probabilities.

    Raises:
        ValueError: the shapes differ.
    """
    if target_log_NX.shape != student_log_NX.shape:
        raise ValueError(
            f"target and student must be distributions over the same symbols, got shapes {tuple(target_log_NX.shape)} "
            f"and {tuple(student_log_NX.shape)}"
        )
    shares_NX = target_log_NX.exp()
    impossible_NX = shares_NX == 0
    # Both are filled: 0 · ∞ is no number, in the sum as in its gradient.
    gap_NX = target_log_NX.masked_fill(impossible_NX, 0) - student_log_NX.masked_fill(impossible_NX, 0)
    return (shares_NX * gap_NX).sum(-1)


def keep(target_log_NX: Tensor, count: int) -> Kept:
    """The ``count`` most probable symbols of each distribution ``(N, 257)``, and the mass of the others.

    Raises:
        ValueError: there are not so many symbols.
    """
    if not 1 <= count <= target_log_NX.shape[-1]:
        raise ValueError(f"of {target_log_NX.shape[-1]} symbols at least 1 can be kept and at most all, got {count}")
    log_NK, symbols_NK = target_log_NX.topk(count, -1)
    return Kept(log_NK, symbols_NK, _others(target_log_NX, symbols_NK))


def kept_divergence(kept: Kept, student_log_NX: Tensor) -> Tensor:
    """KL(target ‖ student) of each place where all symbols but the kept ones are one event, nats ``(N,)``.

    By the data-processing inequality it is at most the full divergence; it is equal to it where all 257 symbols are
    kept, or where target and student share out the rest alike.

    Args:
        kept: of the targets; by `keep`, or as it was stored.
        student_log_NX: log-probabilities of all symbols, nats ``(N, 257)``, with their gradient. The student's rest
            are its other symbols, nothing else of its vocabulary.

    Raises:
        ValueError: the shapes do not fit.
    """
    if not (kept.log_NK.shape == kept.symbols_NK.shape and kept.rest_log_N.shape == student_log_NX.shape[:-1]):
        raise ValueError(
            f"kept log-probabilities and symbols (N, K), rest (N,) and student (N, 257) do not fit: got "
            f"{tuple(kept.log_NK.shape)}, {tuple(kept.symbols_NK.shape)}, {tuple(kept.rest_log_N.shape)} and "
            f"{tuple(student_log_NX.shape)}"
        )
    target = torch.cat([kept.log_NK, kept.rest_log_N[:, None]], -1)
    student = torch.cat(
        [student_log_NX.gather(-1, kept.symbols_NK), _others(student_log_NX, kept.symbols_NK)[:, None]], -1
    )
    return divergence(target, student)


def _others(log_NX: Tensor, symbols_NK: Tensor) -> Tensor:
    """The log-probability of all symbols but some, ``(N,)``."""
    others_NX = log_NX.scatter(-1, symbols_NK, -math.inf)
    nothing_N = (others_NX == -math.inf).all(-1)
    # The logarithm of no mass has no gradient that is a number.
    return others_NX.masked_fill(nothing_N[:, None], 0).logsumexp(-1).masked_fill(nothing_N, -math.inf)
