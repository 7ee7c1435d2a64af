"""Patches that start where an entropy model is uncertain, for whole sequences and for one byte.

``H_p`` is the entropy, in nats, of the byte behind place p of a document. It decides whether a patch starts at place
p + 1, where places 0 and 1 always start one:

- ``"entropy"``: ``H_p > threshold``;
- ``"monotonic"``: ``H_p - H_{p-1} > threshold``. ``H_0`` is that of the beginning and is compared with nothing, so
  place 2 always starts a patch;
- ``"both"``: ``H_p > threshold`` and ``H_p - H_{p-1} > rise``. Place 2 always starts a patch and place 3 never does, as
  the released code has it, which wants the patch before to be longer than one byte there and nowhere else.
"""

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from bytelm.blt.patching.options import MODES, UNCERTAIN, Patching
from bytelm.blt.vocabulary import IdArray
from bytelm.protocol import FloatArray


def scores(patching: Patching, places: IdArray, entropies: FloatArray | None) -> FloatArray:
    """What must exceed the threshold for a patch to start behind each position, float64 ``(n,)``, nats.

    It is ``inf`` where a patch starts whatever the threshold, ``-inf`` where none does.

    Args:
        patching: one that needs entropies; its threshold does not matter.
        places: of the n ids in their documents.
        entropies: ``(n,)``, nats.

    Raises:
        ValueError: the entropies are missing, not n, or not finite.
    """
    found = _checked(patching, len(places), entropies)
    if patching.mode == "entropy":
        return np.where(places < 1, np.inf, found)
    rises = np.diff(found, prepend=0.0)
    if patching.mode == "monotonic":
        return np.where(places < 2, np.inf, rises)
    rising = np.where((places > 2) & (rises > patching.rise), found, -np.inf)
    return np.where(places < 2, np.inf, rising)


def exceeding(patching: Patching, scored: FloatArray) -> NDArray[np.bool_]:
    """Whether a patch starts behind each position, bool ``(n,)``, by its score and the threshold."""
    return (scored > patching.threshold) | np.isposinf(scored)


def exceeds(patching: Patching, place: int, entropy: float, before: float) -> bool:
    """Whether a patch starts behind one place of a document.

    Args:
        patching: one that needs entropies.
        place: in its document.
        entropy: at this place, nats.
        before: the one at the place before, nats; anything at place 0.
    """
    if patching.mode == "entropy":
        return place < 1 or entropy > patching.threshold
    if patching.mode == "monotonic":
        return place < 2 or entropy - before > patching.threshold
    return place < 2 or (place > 2 and entropy > patching.threshold and entropy - before > patching.rise)


def checked_entropy(patching: Patching, entropy: float | None) -> float:
    """The entropy at one place.

    Raises:
        ValueError: it is missing or not finite.
    """
    if entropy is None:
        raise _missing(patching, "the id")
    if not isfinite(entropy):
        raise ValueError(f"entropies must be finite numbers of nats, got {entropy}")
    return float(entropy)


def _checked(patching: Patching, count: int, entropies: FloatArray | None) -> FloatArray:
    if entropies is None:
        raise _missing(patching, f"each of the {count} ids")
    found = np.asarray(entropies, dtype=np.float64)
    if found.shape != (count,):
        raise ValueError(f"expected {count} entropies, one behind each id, got an array of shape {found.shape}")
    if not np.isfinite(found).all():
        place = int(np.argmin(np.isfinite(found)))
        raise ValueError(f"entropies must be finite numbers of nats, got {found[place]} at position {place}")
    return found


def _missing(patching: Patching, where: str) -> ValueError:
    others = ", ".join(mode for mode in MODES if mode not in UNCERTAIN)
    return ValueError(
        f"patching by {patching.mode!r} needs the entropy of the next byte behind {where}, got none; "
        f"give what an entropy model says, or choose a patching without one: {others}"
    )
