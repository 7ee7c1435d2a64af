"""How long patches are."""

from collections import Counter
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from bytelm.blt.patching.places import checked
from bytelm.blt.vocabulary import OFFSET, SIZE, IdArray


@dataclass(frozen=True)
class PatchSizes:
    """How many patches there are of which size. Those of several texts are added: ``sum(several, PatchSizes())``.

    Attributes:
        histogram: pairs of a size in bytes and how many patches have it, the sizes rising, the numbers at least 1.
    """

    histogram: tuple[tuple[int, int], ...] = ()

    @property
    def patches(self) -> int:
        """How many patches there are."""
        return sum(count for _, count in self.histogram)

    @property
    def bytes(self) -> int:
        """How many bytes they have together."""
        return sum(size * count for size, count in self.histogram)

    @property
    def mean(self) -> float:
        """Bytes a patch; nan where there are no patches."""
        return self.bytes / self.patches if self.histogram else nan

    @property
    def median(self) -> float:
        """The size of the patch in the middle, or between the two there, bytes; nan where there are no patches."""
        if not self.histogram:
            return nan
        return (self._size_at((self.patches - 1) // 2) + self._size_at(self.patches // 2)) / 2

    @property
    def largest(self) -> int:
        """The size of the largest patch, bytes; 0 where there are no patches."""
        return self.histogram[-1][0] if self.histogram else 0

    def __add__(self, other: "PatchSizes") -> "PatchSizes":
        both = Counter(dict(self.histogram)) + Counter(dict(other.histogram))
        return PatchSizes(tuple(sorted(both.items())))

    def _size_at(self, rank: int) -> int:
        """The size of the patch with so many before it, where patches are sorted by size."""
        for size, count in self.histogram:
            if rank < count:
                return size
            rank -= count
        raise AssertionError("there is a patch of every rank")


def patch_sizes(ids: IdArray, starts: NDArray[np.bool_]) -> PatchSizes:
    """The sizes of the patches of a sequence.

    Bytes are counted, not ids: BOS, EOS and padding have no size, and a patch of none but them is left out. The last
    patch counts as far as it goes.

    Args:
        ids: ``(n,)``.
        starts: whether a patch starts at each position, ``(n + 1,)`` as of `bytelm.blt.patching.whole.patch_starts`.

    Raises:
        ValueError: the ids are not integers in one dimension, or the starts are not one more.
    """
    ids = checked(ids)
    if np.shape(starts) != (len(ids) + 1,):
        raise ValueError(
            f"expected {len(ids) + 1} starts, one for each of the {len(ids)} ids and one for the next, "
            f"got an array of shape {np.shape(starts)}"
        )
    are_bytes = (ids >= OFFSET) & (ids < SIZE)
    patches: IdArray = np.cumsum(starts[:-1])
    sizes = np.bincount(patches[are_bytes])
    found, counts = np.unique(sizes[sizes > 0], return_counts=True)
    return PatchSizes(tuple(zip(found.tolist(), counts.tolist(), strict=True)))
