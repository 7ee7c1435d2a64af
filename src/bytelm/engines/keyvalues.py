"""Keys and values in memory: rows of fixed capacity that are written in place.

A lane of the tree has one row, in a pool of rows that are equally long. It moves to a pool of twice the capacity when
it is full. A pool doubles its rows when all are taken, and gives up the upper ones when few are. So a pass writes its
own keys and values and copies no old ones, but for the few passes that grow something. Rows side by side in one tensor
are what lets lanes share one call of attention.
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush

import numpy as np
import torch

from bytelm.engines.slots import IntArray

SMALLEST = 64
"""How many positions the shortest rows hold."""


@dataclass(eq=False)
class Pool:
    """Rows of one capacity. Layers get their tensors when their first keys and values come.

    Attributes:
        capacity: how many positions a row holds.
        rows: how many rows there are, free ones included.
        free: the numbers of the free ones.
        keys, values: for every layer, ``(rows, heads, capacity, size)``.
    """

    capacity: int
    rows: int = 0
    free: list[int] = field(default_factory=list)
    keys: dict[int, torch.Tensor] = field(default_factory=dict)
    values: dict[int, torch.Tensor] = field(default_factory=dict)

    @torch.inference_mode()
    def take(self) -> int:
        """A free row, the lowest (mutates)."""
        if not self.free:
            self._resize(max(1, 2 * self.rows))
        return heappop(self.free)

    @torch.inference_mode()
    def give(self, row: int) -> None:
        """Takes a row back; frees the memory of rows behind the last one in use, if they are most (mutates)."""
        heappush(self.free, row)
        if 4 * len(self.free) >= 3 * self.rows:
            used = max(set(range(self.rows)).difference(self.free), default=-1) + 1
            if 2 * used <= self.rows:
                self._resize(used)

    def layer(self, index: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A layer's keys and values, made like ``key`` and ``value`` ``(1, heads, k, size)`` if there are none."""
        if index not in self.keys:
            self.keys[index] = key.new_zeros((self.rows, key.shape[1], self.capacity, key.shape[3]))
            self.values[index] = value.new_zeros((self.rows, value.shape[1], self.capacity, value.shape[3]))
        return self.keys[index], self.values[index]

    def _resize(self, rows: int) -> None:
        for tensors in (self.keys, self.values):
            for index, old in tensors.items():
                resized = old.new_zeros((rows, *old.shape[1:]))
                resized[: self.rows] = old[:rows]
                tensors[index] = resized
        self.free = sorted({*self.free, *range(self.rows, rows)}.intersection(range(rows)))
        self.rows = rows
        if not rows:
            self.keys.clear()
            self.values.clear()


class KeyValues:
    """All keys and values of an engine.

    Attributes:
        pools: by capacity.
    """

    def __init__(self) -> None:
        self.pools: dict[int, Pool] = {}

    @property
    def bytes(self) -> int:
        """How much memory the rows take, free ones included."""
        tensors = [t for pool in self.pools.values() for kind in (pool.keys, pool.values) for t in kind.values()]
        return sum(tensor.nbytes for tensor in tensors)

    def row(self, length: int) -> "Row":
        """A free row of at least ``length`` positions."""
        capacity = SMALLEST
        while capacity < length:
            capacity *= 2
        pool = self.pools.setdefault(capacity, Pool(capacity))
        return Row(self, pool, pool.take())


class Row:
    """One row of a pool, held until ``free`` is called."""

    def __init__(self, store: KeyValues, pool: Pool, number: int) -> None:
        self.pool = pool
        self.number = number
        self._store = store

    @property
    def bytes(self) -> int:
        """How much memory the row takes."""
        tensors = (*self.pool.keys.values(), *self.pool.values.values())
        return sum(tensor.nbytes for tensor in tensors) // self.pool.rows

    def reserve(self, length: int, used: int) -> None:
        """Makes room for ``length`` positions, moving the first ``used`` to a longer row if need be (mutates)."""
        if length <= self.pool.capacity:
            return
        longer = self._store.row(length)
        longer.fill(self, slice(0, used), used)
        self.pool, longer.pool = longer.pool, self.pool
        self.number, longer.number = longer.number, self.number
        longer.free()

    @torch.inference_mode()
    def fill(self, source: "Row", which: slice | IntArray, count: int) -> None:
        """Copies ``count`` positions of another row to the beginning of this one (mutates)."""
        chosen = which if isinstance(which, slice) else torch.from_numpy(which)
        for mine, theirs in ((self.pool.keys, source.pool.keys), (self.pool.values, source.pool.values)):
            for index, old in theirs.items():
                if index not in mine:
                    mine[index] = old.new_zeros((self.pool.rows, old.shape[1], self.pool.capacity, old.shape[3]))
                if isinstance(chosen, torch.Tensor):
                    chosen = chosen.to(old.device)
                mine[index][self.number, :, :count] = old[source.number, :, chosen]

    @torch.inference_mode()
    def keep(self, kept: IntArray) -> None:
        """Moves position ``kept[i]`` to ``i`` (mutates)."""
        stays = kept == np.arange(len(kept))
        if stays.all():
            return
        moved = int(np.argmin(stays))
        for tensors in (self.pool.keys, self.pool.values):
            for held in tensors.values():
                which = torch.from_numpy(kept[moved:]).to(held.device)
                held[self.number, :, moved : len(kept)] = held[self.number].index_select(1, which)

    def free(self) -> None:
        """Gives the row back to its pool (mutates)."""
        self.pool.give(self.number)
