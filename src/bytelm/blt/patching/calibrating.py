"""The threshold that gives patches of a wanted mean size.

Only finitely many thresholds differ on a sample: those between two neighbouring scores that occur in it. The higher
the threshold, the fewer patches, also where long ones are cut to pieces; so the best one is found by halving.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.places import checked, places_of
from bytelm.blt.patching.statistics import PatchSizes, patch_sizes
from bytelm.blt.patching.uncertainty import scores
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import IdArray
from bytelm.protocol import FloatArray

Sample = Sequence[tuple[IdArray, FloatArray]]
"""Sequences of ids, ``(n,)`` each, with their entropies, ``(n,)``, nats."""


def calibrate(patching: Patching, sequences: Sample, mean_patch: float) -> Patching:
    """The options with the threshold at which patches have the wanted mean size.

    Of all thresholds, it is one whose mean over the sample is as near as any; it lies in the middle between two scores
    of the sample, so that the last bits of entropies do not count. Nothing else is changed: not ``rise``, nor
    ``longest``.

    Args:
        patching: one with a threshold: ``"entropy"``, ``"monotonic"`` or ``"both"``.
        sequences: the sample; each may pack several documents.
        mean_patch: bytes a patch over the whole sample, as `PatchSizes.mean` counts them.

    Raises:
        ValueError: the patching has no threshold; the sample has no bytes, or entropies that do not fit; or no
            threshold gives the mean.
    """
    _check_threshold(patching)
    thresholds = _thresholds(patching, sequences)
    low, high = (_mean(replace(patching, threshold=end), sequences) for end in (thresholds[0], thresholds[-1]))
    if np.isnan(low):
        raise ValueError("the sample to calibrate on has no bytes; give at least one document with text")
    if not low <= mean_patch <= high:
        raise ValueError(
            f"no threshold gives patches of {mean_patch:g} bytes on this sample: with {patching.mode!r}"
            f"{_limits(patching)}, their mean is from {low:.4g} to {high:.4g}"
        )

    def mean_at(threshold: float) -> float:
        return _mean(replace(patching, threshold=threshold), sequences)

    place = bisect_left(thresholds, mean_patch, key=mean_at)
    nearest = min(thresholds[max(place - 1, 0) : place + 1], key=lambda found: abs(mean_at(found) - mean_patch))
    return replace(patching, threshold=nearest)


def _check_threshold(patching: Patching) -> None:
    if not patching.needs_entropies:
        way = "set its size" if patching.mode == "static" else "choose 'entropy', 'monotonic' or 'both'"
        raise ValueError(f"patching by {patching.mode!r} has no threshold to calibrate; {way}")


def _thresholds(patching: Patching, sequences: Sample) -> list[float]:
    """One threshold between each two neighbouring scores of a sample, and one beyond each end; rising."""
    scored = [scores(patching, places_of(checked(ids), True)[:-1], entropies) for ids, entropies in sequences]
    values = np.unique(np.concatenate(scored)) if scored else np.empty(0)
    values = values[np.isfinite(values)]
    if not len(values):
        return [patching.threshold]
    values = np.concatenate([[values[0] - 1.0], values, [values[-1] + 1.0]])
    middles = values[:-1] + np.diff(values) / 2
    # Between two neighbouring numbers there is none; the lower one separates them, as scores must exceed it.
    return np.where(middles < values[1:], middles, values[:-1]).tolist()  # type: ignore[no-any-return]


def _mean(patching: Patching, sequences: Sample) -> float:
    sizes = [patch_sizes(ids, patch_starts(patching, ids, entropies)) for ids, entropies in sequences]
    return sum(sizes, PatchSizes()).mean


def _limits(patching: Patching) -> str:
    rise = f", a rise of {patching.rise:g}" if patching.mode == "both" else ""
    return rise + (f", and at most {patching.longest} bytes a patch" if patching.longest is not None else "")
