"""Figures with bootstrapped intervals: how far they would move if other texts of the same kind had been taken."""

from dataclasses import dataclass
from math import nan

import numpy as np

from bytelm.decoding.checks import check_whole
from bytelm.protocol import FloatArray

COVERAGE = 0.95
"""How often an interval holds the figure of all texts of the kind."""

RESAMPLES = 1000
"""How many times texts are drawn anew."""

_AT_ONCE = 2**20
"""How many drawn texts are held at once."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval, whose ends are NaN where there are fewer than two texts."""

    value: float
    low: float
    high: float


def ratios(
    sums_TK: FloatArray, weights_T: FloatArray, rng: np.random.Generator, resamples: int = RESAMPLES
) -> list[Estimate]:
    """Sums over texts divided by the sum of their weights, with intervals: texts are drawn with replacement.

    All ``K`` figures are of the same draws.

    Args:
        sums_TK: what each of ``T`` texts adds to each of ``K`` figures, float64 ``(T, K)``; infinities are allowed.
        weights_T: what each text adds to the divisor, such as its bytes, float64 ``(T,)``, all above zero.
        rng: draws the texts.
        resamples: how many times.

    Raises:
        ValueError: there are no texts, or ``resamples`` is no whole number above zero.
    """
    check_whole("resamples", resamples, "how many times texts are drawn anew")
    texts = len(weights_T)
    if texts == 0 or resamples == 0:
        raise ValueError(f"an estimate takes at least one text and one resample, got {texts} and {resamples}")
    values = sums_TK.sum(axis=0) / weights_T.sum()
    if texts == 1:
        return [Estimate(float(value), nan, nan) for value in values]
    drawn = []
    step = max(1, _AT_ONCE // texts)
    for begun in range(0, resamples, step):
        picked_RT = rng.integers(0, texts, size=(min(step, resamples - begun), texts))
        divisors_R = weights_T[picked_RT].sum(axis=1)
        drawn.append(np.stack([sums_T[picked_RT].sum(axis=1) / divisors_R for sums_T in sums_TK.T], axis=1))
    outside = (1 - COVERAGE) / 2
    low, high = np.quantile(np.concatenate(drawn), [outside, 1 - outside], axis=0, method="nearest")
    return [Estimate(float(value), float(l), float(h)) for value, l, h in zip(values, low, high, strict=True)]
