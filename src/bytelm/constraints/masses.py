"""A next-byte distribution restricted to some of its symbols: plain functions over arrays ``(257,)``, nats."""

import numpy as np

from bytelm.constraints.place import Mask
from bytelm.protocol import FloatArray

_ROUNDING = 1e-14
"""By how much a sum of 257 probabilities may be wrong."""


def restricted(logprobs: FloatArray, allowed: Mask) -> FloatArray:
    """The distribution of the allowed symbols alone.

    Raises:
        FloatingPointError: they have probability zero.
    """
    kept = np.where(allowed, logprobs, -np.inf)
    logmass = np.logaddexp.reduce(kept)
    if not np.isfinite(logmass):
        raise FloatingPointError(
            "the base model gives probability zero to every symbol that the constraint allows here, so there is "
            "nothing to choose from; use another context or constraint, or a base model with tolerance=0 or one that "
            "gives every byte a chance"
        )
    found: FloatArray = kept - logmass
    return found


def restricted_bounds(lower: FloatArray, upper: FloatArray, allowed: Mask) -> tuple[FloatArray, FloatArray]:
    """Bounds on the restricted distribution from those on the whole one, by interval arithmetic.

    A symbol is least probable where its own probability is lowest and those of all other allowed ones are highest. But
    not all of these can be as probable as they may be: together they have no more above their lower bounds than what
    the lower bounds of all symbols lack to one.
    """
    low, high = np.full_like(lower, -np.inf), np.full_like(upper, -np.inf)
    least, most = _others(lower[allowed]), _others(upper[allowed])
    lacking = np.log(max(0.0, 1.0 - float(np.exp(lower).sum())) + _ROUNDING)
    low[allowed] = _share(lower[allowed], np.minimum(most, np.logaddexp(least, lacking)))
    high[allowed] = _share(upper[allowed], least)
    return low, high


def certain(allowed: Mask) -> FloatArray:
    """The distribution where one symbol alone is allowed."""
    return np.where(allowed, 0.0, -np.inf)


def _others(logs: FloatArray) -> FloatArray:
    """For each entry the log of the sum of all others; not by taking it from the total, which loses what is small."""
    before = np.concatenate([[-np.inf], np.logaddexp.accumulate(logs[:-1])])
    behind = np.concatenate([[-np.inf], np.logaddexp.accumulate(logs[:0:-1])])[::-1]
    found: FloatArray = np.logaddexp(before, behind)
    return found


def _share(own: FloatArray, others: FloatArray) -> FloatArray:
    """``log(e^own / (e^own + e^others))``; ``-inf`` where ``own`` is."""
    possible = own > -np.inf
    found = np.full_like(own, -np.inf)
    found[possible] = own[possible] - np.logaddexp(own[possible], others[possible])
    return found
