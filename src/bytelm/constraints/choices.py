"""Outputs that are one of a list of texts, byte for byte; they need not be valid UTF-8.

The texts are sorted, so those that begin alike stand side by side: a place is a range of the list, and no engine is
needed.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bytelm.constraints.place import Mask, Place
from bytelm.protocol import END, SYMBOLS


@dataclass(frozen=True, eq=False)
class ChoicePlace(Place):
    """Some bytes into the texts that begin with them: those from ``low`` to below ``high``."""

    texts: tuple[bytes, ...]
    low: int
    high: int
    depth: int

    @cached_property
    def allowed(self) -> Mask:
        mask = np.zeros(SYMBOLS, dtype=np.bool_)
        index = self.low
        if len(self.texts[index]) == self.depth:
            mask[END] = True
            index += 1
        while index < self.high:
            byte = self.texts[index][self.depth]
            mask[byte] = True
            index = self._beyond(byte, index)
        mask.flags.writeable = False
        return mask

    def after(self, data: bytes) -> tuple[Place, int]:
        place = self
        for count, byte in enumerate(data):
            if not place.allowed[byte]:
                return place, count
            low = place._beyond(byte - 1, place.low)
            place = ChoicePlace(self.texts, low, place._beyond(byte, low), place.depth + 1)
        return place, len(data)

    def _beyond(self, byte: int, low: int) -> int:
        """The first text from ``low`` on that goes on with a greater byte than this; a text that ends is the least."""
        depth = self.depth
        return bisect_right(self.texts, byte, low, self.high, key=lambda text: text[depth] if len(text) > depth else -1)


def begin_choices(texts: Sequence[bytes]) -> ChoicePlace:
    """The place before the first byte of texts, at least one; duplicates count once."""
    distinct = tuple(sorted(set(texts)))
    return ChoicePlace(distinct, 0, len(distinct), 0)
