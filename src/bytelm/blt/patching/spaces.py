"""Patches that end behind bytes like spaces: SpaceByte, Slagle 2024, arXiv 2404.14408.

Bytes like spaces are all but ASCII letters, digits and continuation bytes of UTF-8; so are ids that are no bytes. The
first of a run of them ends a patch; the others begin the next one.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bytelm.blt.vocabulary import OFFSET, IdArray

_INSIDE_WORDS: Final = frozenset(
    byte + OFFSET for byte in range(256) if bytes((byte,)).isalnum() or 0x80 <= byte < 0xC0
)


def spaces_end(ids: IdArray) -> NDArray[np.bool_]:
    """Whether each id ends a patch by the rule of spaces, bool ``(n,)``; the first one counts as if behind a letter."""
    like = ~np.isin(ids, sorted(_INSIDE_WORDS))
    ends = like.copy()
    ends[1:] &= ~like[:-1]
    return ends | (ids < OFFSET)


def space_ends(id: int, before: int) -> bool:
    """The same for one id and the one before it."""
    return id < OFFSET or (id not in _INSIDE_WORDS and before in _INSIDE_WORDS)
