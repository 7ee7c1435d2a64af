"""How often which symbol followed which context, for all contexts of a corpus, as two sorted arrays.

The occurrences of a context are a contiguous range where positions are sorted by the bytes before them, the nearest
first: a suffix array of the text read backwards, cut at ``LONGEST`` bytes. The bytes before a position are one number
of ``LONGEST`` digits, the nearest byte the highest digit; 0 stands for the beginning of the text, so contexts that
begin a text are contexts like others.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bytelm.protocol import END, SYMBOLS

LONGEST = 7
"""How many bytes a context has at most: so many digits fit into a number."""

_DIGIT = 9
"""Bits for 256 bytes and the beginning."""


class Contexts:
    """The contexts of some texts; immutable.

    Args:
        texts: each is counted with its end.
    """

    def __init__(self, texts: Sequence[bytes]) -> None:
        symbols = [np.append(np.frombuffer(text, dtype=np.uint8).astype(np.uint16), np.uint16(END)) for text in texts]
        keys = [_keys(text) for text in texts]
        joined = np.concatenate(keys) if keys else np.empty(0, dtype=np.uint64)
        order = np.argsort(joined, kind="stable")
        self._keys = joined[order]
        self._symbols = (np.concatenate(symbols) if symbols else np.empty(0, dtype=np.uint16))[order]
        self._all = np.bincount(self._symbols, minlength=SYMBOLS)

    def following(self, before: bytes, longest: int) -> list[NDArray[np.int64]]:
        """How often each symbol followed the last 0, 1, … bytes of ``before``, ``(257,)`` each.

        Where ``before`` is shorter than a context, the beginning of a text is part of it. The list ends with the
        longest context that occurs, of at most ``longest`` bytes.
        """
        counts = [self._all]
        low, high, prefix = 0, len(self._keys), 0
        for length in range(1, longest + 1):
            digit = before[-length] + 1 if length <= len(before) else 0
            shift = _DIGIT * (LONGEST - length)
            prefix |= digit << shift
            ends = np.array([prefix, prefix + (1 << shift)], dtype=np.uint64)
            first, last = (low + np.searchsorted(self._keys[low:high], ends)).tolist()
            if first == last:
                break
            low, high = first, last
            counts.append(np.bincount(self._symbols[low:high], minlength=SYMBOLS))
        return counts


def _keys(text: bytes) -> NDArray[np.uint64]:
    """What stands before each position of a text, its end included, ``(len(text) + 1,)``."""
    digits = np.frombuffer(text, dtype=np.uint8).astype(np.uint64) + np.uint64(1)
    keys = np.zeros(len(text) + 1, dtype=np.uint64)
    for back in range(1, min(LONGEST, len(text)) + 1):
        keys[back:] |= digits[: len(text) + 1 - back] << np.uint64(_DIGIT * (LONGEST - back))
    return keys
