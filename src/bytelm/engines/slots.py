"""Which cache slots each slot may look at: integer bookkeeping of a tree, without a network.

A slot is one position of a key/value cache. Slots are numbered in the order they were made, so a parent's
number is below its children's. Each slot's ancestors are kept as one row of bits: a new row is its parent's
plus one bit, where climbing the tree anew would cost its depth for every slot of every pass. The bits take
``count² / 8`` bytes, little beside the keys and values they describe.
"""

import numpy as np
from numpy.typing import NDArray

Slot = int
"""A position in the cache."""

NOTHING: Slot = -1
"""The parent of a slot that sees only itself."""

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Slots:
    """The slots of one cache: what each one sees, and at which position of the text it stands.

    Attributes:
        count: how many slots there are.
    """

    def __init__(self) -> None:
        self.count = 0
        self._parents: IntArray = np.empty(0, dtype=np.int64)
        self._positions: IntArray = np.empty(0, dtype=np.int64)
        self._ancestors: NDArray[np.uint8] = np.empty((0, 0), dtype=np.uint8)

    @property
    def parents(self) -> IntArray:
        """Each slot's parent, ``(count,)``; ``NOTHING`` where there is none."""
        return self._parents[: self.count]

    @property
    def positions(self) -> IntArray:
        """Each slot's position in its text, ``(count,)``."""
        return self._positions[: self.count]

    def add(self, parents: IntArray, positions: IntArray) -> None:
        """Makes slots ``count``, ``count + 1``, … (mutates).

        Args:
            parents: ``(k,)``, each below the number of the slot it belongs to, or ``NOTHING``.
            positions: ``(k,)``.
        """
        first, last = self.count, self.count + len(parents)
        self._reserve(last)
        self._parents[first:last] = parents
        self._positions[first:last] = positions
        for slot, parent in zip(range(first, last), parents.tolist(), strict=True):
            assert NOTHING <= parent < slot
            self._ancestors[slot] = self._ancestors[parent] if parent != NOTHING else 0
            self._ancestors[slot, slot >> 3] |= 1 << (slot & 7)
        self.count = last

    def visible(self, first: Slot) -> BoolArray:
        """What the slots from ``first`` on see, bool ``(count - first, count)``: ancestors and themselves."""
        rows = self._ancestors[first : self.count]
        bits = np.unpackbits(rows, axis=1, count=self.count, bitorder="little")
        return bits.view(np.bool_)

    def keep(self, kept: IntArray) -> None:
        """Renumbers the slots so that ``kept[i]`` becomes ``i``, and forgets the others (mutates).

        Args:
            kept: strictly ascending; holds the parent of every slot it holds.
        """
        renumbered = np.full(self.count + 1, NOTHING, dtype=np.int64)
        renumbered[kept] = np.arange(len(kept))
        parents = renumbered[self.parents[kept]]
        orphans = (parents == NOTHING) & (self.parents[kept] != NOTHING)
        assert not orphans.any()
        positions = self.positions[kept].copy()
        self.count = 0
        self.add(parents, positions)

    def _reserve(self, count: int) -> None:
        if count <= len(self._parents):
            return
        room = max(64, 2 * len(self._parents), -(-count // 8) * 8)
        ancestors = np.zeros((room, room // 8), dtype=np.uint8)
        ancestors[: self.count, : self._ancestors.shape[1]] = self._ancestors[: self.count]
        self._ancestors = ancestors
        self._parents = np.concatenate([self.parents, np.empty(room - self.count, dtype=np.int64)])
        self._positions = np.concatenate([self.positions, np.empty(room - self.count, dtype=np.int64)])
