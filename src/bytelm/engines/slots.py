"""Which cache slots each slot may look at: integer bookkeeping of a tree, without a network.

A slot is one position of a key/value cache. A parent's number is below its children's. The first slots are a *trunk*:
each is the child of the one before. What lies behind the trunk sees some leading part of it, which is one number, and
some of the other slots, which are a row of bits: a new row is its parent's plus one bit, where climbing the tree anew
would cost its depth for every slot of every pass. The bits take ``(count - trunk)² / 8`` bytes, and dropping dead slots
makes the trunk as long as it can be.
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
        trunk: how many of the first ones are a chain.
    """

    def __init__(self) -> None:
        self.count = 0
        self.trunk = 0
        self._parents: IntArray = np.empty(0, dtype=np.int64)
        self._positions: IntArray = np.empty(0, dtype=np.int64)
        self._tokens: IntArray = np.empty(0, dtype=np.int64)
        self._reach: IntArray = np.empty(0, dtype=np.int64)
        self._beside: NDArray[np.uint8] = np.empty((0, 0), dtype=np.uint8)

    @property
    def parents(self) -> IntArray:
        """Each slot's parent, ``(count,)``; ``NOTHING`` where there is none."""
        return self._parents[: self.count]

    @property
    def positions(self) -> IntArray:
        """Each slot's position in its text, ``(count,)``."""
        return self._positions[: self.count]

    @property
    def tokens(self) -> IntArray:
        """Each slot's token id, ``(count,)``."""
        return self._tokens[: self.count]

    def add(self, parents: IntArray, positions: IntArray, tokens: IntArray) -> None:
        """Makes slots ``count``, ``count + 1``, … (mutates).

        Args:
            parents: ``(k,)``, each below the number of the slot it belongs to, or ``NOTHING``.
            positions: ``(k,)``.
            tokens: ``(k,)``.
        """
        first, last = self.count, self.count + len(parents)
        self._reserve(last)
        self._parents[first:last] = parents
        self._positions[first:last] = positions
        self._tokens[first:last] = tokens
        self.count = last
        beginning = first
        if self.trunk == first:
            breaks = np.flatnonzero(parents != np.arange(first - 1, last - 1))
            beginning = first + int(breaks[0]) if breaks.size else last
            self.trunk = beginning
        self._reserve_bits(last - self.trunk)
        for slot, parent in zip(range(beginning, last), parents[beginning - first :].tolist(), strict=True):
            assert NOTHING <= parent < slot
            row = slot - self.trunk
            if parent < self.trunk:
                self._reach[slot] = parent + 1
                self._beside[row] = 0
            else:
                self._reach[slot] = self._reach[parent]
                self._beside[row] = self._beside[parent - self.trunk]
            self._beside[row, row >> 3] |= 1 << (row & 7)

    def visible(self, first: Slot) -> BoolArray:
        """What the slots from ``first`` on see, bool ``(count - first, count)``: ancestors and themselves."""
        seen = np.zeros((self.count - first, self.count), dtype=np.bool_)
        straight = max(0, self.trunk - first)
        if straight:
            seen[:straight, : self.trunk] = np.tri(straight, self.trunk, first, dtype=np.bool_)
        if first + straight < self.count:
            start = max(first, self.trunk)
            seen[straight:, : self.trunk] = np.arange(self.trunk) < self._reach[start : self.count, np.newaxis]
            seen[straight:, self.trunk :] = self._bits(start)
        return seen

    def path(self, slot: Slot) -> IntArray:
        """The slots that ``slot`` sees, ascending: its ancestors and itself."""
        if slot < self.trunk:
            return np.arange(slot + 1)
        beside = np.unpackbits(self._beside[slot - self.trunk], count=self.count - self.trunk, bitorder="little")
        return np.concatenate([np.arange(self._reach[slot]), np.flatnonzero(beside) + self.trunk])

    def above(self, slots: IntArray) -> IntArray:
        """All slots that some of ``slots`` see, ascending."""
        beside = slots[slots >= self.trunk]
        straight = slots[slots < self.trunk]
        reach = max(int(straight.max(initial=-1)) + 1, int(self._reach[beside].max(initial=0)))
        rows = np.bitwise_or.reduce(self._beside[beside - self.trunk], axis=0, initial=0)
        bits = np.unpackbits(np.atleast_1d(rows), count=self.count - self.trunk, bitorder="little")
        return np.concatenate([np.arange(reach), np.flatnonzero(bits) + self.trunk])

    def keep(self, kept: IntArray) -> None:
        """Renumbers the slots so that ``kept[i]`` becomes ``i``, and forgets the others (mutates).

        Args:
            kept: no slot twice; before every slot it holds its parent.
        """
        renumbered = np.full(self.count + 1, NOTHING, dtype=np.int64)
        renumbered[kept] = np.arange(len(kept))
        parents = renumbered[self.parents[kept]]
        orphans = (parents == NOTHING) & (self.parents[kept] != NOTHING)
        assert not orphans.any()
        positions, tokens = self.positions[kept].copy(), self.tokens[kept].copy()
        self.count = self.trunk = 0
        self._beside = np.empty((0, 0), dtype=np.uint8)
        self.add(parents, positions, tokens)

    def _bits(self, first: Slot) -> BoolArray:
        rows = self._beside[first - self.trunk : self.count - self.trunk]
        bits = np.unpackbits(rows, axis=1, count=self.count - self.trunk, bitorder="little")
        return bits.view(np.bool_)

    def _reserve(self, count: int) -> None:
        if count <= len(self._parents):
            return
        room = max(64, 2 * len(self._parents), count) - self.count
        for name in ("_parents", "_positions", "_tokens", "_reach"):
            kept = getattr(self, name)[: self.count]
            setattr(self, name, np.concatenate([kept, np.zeros(room, dtype=np.int64)]))

    def _reserve_bits(self, count: int) -> None:
        if count <= len(self._beside):
            return
        room = max(64, 2 * len(self._beside), -(-count // 8) * 8)
        grown = np.zeros((room, room // 8), dtype=np.uint8)
        grown[: len(self._beside), : self._beside.shape[1]] = self._beside
        self._beside = grown
