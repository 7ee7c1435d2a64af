"""From the members' next-byte distributions to one: plain functions over arrays.

Shapes: K members, S = 257 symbols. All logarithms are nats.
"""

import numpy as np

from bytelm.protocol import FloatArray

LEAST = float(np.log(1e-9))
"""What a symbol that a member subtracts counts as at least: else one that it rules out would be infinitely good."""


def logsum(logs: FloatArray, axis: int = 0) -> FloatArray:
    """``log Σ exp`` along an axis; ``-inf`` where all are."""
    found: FloatArray = np.logaddexp.reduce(logs, axis=axis)
    return found


def linear(logprobs_KS: FloatArray, logweights_K: FloatArray) -> FloatArray:
    """The linear pool: ``log Σ w p``, ``(S,)``. It sums to one where the weights do."""
    return logsum(logprobs_KS + logweights_K[:, np.newaxis])


def loglinear(logprobs_KS: FloatArray, weights_K: FloatArray) -> FloatArray:
    """Logarithmic pool, not normalised: ``Σ w log p``, ``(S,)``.

    What a member of positive weight rules out is ruled out; members of weight zero do not count; what a member of
    negative weight gives less than ``exp(LEAST)`` counts as if it gave that.
    """
    used = weights_K != 0
    weights, logs = weights_K[used, np.newaxis], logprobs_KS[used]
    total: FloatArray = (weights * np.where(weights < 0, np.maximum(logs, LEAST), logs)).sum(axis=0)
    return total


def plausible(logprobs: FloatArray, share: float) -> FloatArray:
    """0 for the symbols that have at least ``share`` of the best one's probability, ``-inf`` for others; ``(S,)``."""
    with np.errstate(divide="ignore"):
        return np.where(logprobs >= logprobs.max() + np.log(share), 0.0, -np.inf)


def normalised(logs: FloatArray) -> FloatArray:
    """Log-scores made a distribution, ``(S,)``.

    Raises:
        FloatingPointError: all are ``-inf``: there is no symbol on which the members agree.
    """
    total = logsum(logs)
    if not np.isfinite(total):
        raise FloatingPointError(
            "the members of the ensemble leave no next byte that all of them hold possible; "
            'use how="mean" or how="mixture", or leave out a member'
        )
    return logs - total


def normalised_bounds(lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bounds on normalised log-scores from bounds on the scores, ``(S,)`` each.

    A symbol is least probable where its own score is lowest and all others are highest.
    """
    return lower - _with_others(lower, upper), upper - _with_others(upper, lower)


def _with_others(own: FloatArray, others: FloatArray) -> FloatArray:
    """For each symbol the log of its own score and all others' summed, ``(S,)``."""
    size = len(own)
    table = np.where(np.eye(size, dtype=bool), own[:, np.newaxis], others[np.newaxis, :])
    return logsum(table, axis=1)
