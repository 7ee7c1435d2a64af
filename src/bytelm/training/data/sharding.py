"""Which documents of which parts each shard holds. That follows from the sizes of the documents alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bytelm.training.data.parts import Part

Sizes = NDArray[np.int64]


class Run(NamedTuple):
    """The bytes ``[begin, end)`` of a file."""

    path: Path
    begin: int
    end: int


@dataclass(frozen=True)
class ShardPlan:
    """What a shard will hold.

    Attributes:
        split: it belongs to.
        number: its place in the split, from 0.
        sizes: the bytes of each document, int64.
        runs: where the documents are.
        last_of: the files that no later shard of the split needs.
    """

    split: str
    number: int
    sizes: Sizes
    runs: tuple[Run, ...]
    last_of: tuple[Path, ...]

    @property
    def name(self) -> str:
        """The shard's number in the names of its files."""
        return f"{self.number:05}"


def plan_shards(split: str, parts: Sequence[Part], kept: "Kept | None", shard_bytes: int) -> Iterator[ShardPlan]:
    """The shards of a split, in order; each holds as many documents as fit, and at least one.

    Args:
        split: which.
        parts: in order.
        kept: the documents that are kept; ``None`` for all.
        shard_bytes: the most of a shard, unless one document has more.
    """
    open_shard = _OpenShard(split)
    for index, part in enumerate(parts):
        sizes = part.sizes(split)
        ends = np.cumsum(sizes)
        chosen = np.arange(len(sizes)) if kept is None else np.flatnonzero(kept.of(index))
        while len(chosen):
            count = open_shard.room(sizes[chosen], shard_bytes)
            if not count:
                yield open_shard.close()
                open_shard = _OpenShard(split, open_shard.number + 1)
                continue
            open_shard.add(part.data(split), chosen[:count], sizes, ends)
            chosen = chosen[count:]
        if len(sizes):
            open_shard.leave(part.data(split))
    if open_shard.sizes:
        yield open_shard.close()


class Kept:
    """Which documents of a split are no duplicates of earlier ones."""

    def __init__(self, split: str, parts: Sequence[Part]) -> None:
        """Compares the hashes of all documents; takes 40 bytes of memory a document for that."""
        hashes = [part.hashes(split) for part in parts]
        self._begins = np.cumsum([0, *map(len, hashes)])
        self._first = first_ones(np.concatenate(hashes))

    @property
    def duplicates(self) -> int:
        """How many documents are left out."""
        return int(len(self._first) - np.count_nonzero(self._first))

    def of(self, part: int) -> NDArray[np.bool_]:
        """Whether each document of a part is kept, bool ``(documents,)``."""
        return self._first[self._begins[part] : self._begins[part + 1]]


def first_ones(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether each row is the first one of its kind, bool ``(rows,)``, of hashes uint64 ``(rows, 2)``."""
    order = np.lexsort((hashes[:, 1], hashes[:, 0]))  # keeps the order of equal rows
    same = np.zeros(len(hashes), np.bool_)
    for column in range(2):
        ordered = hashes[order, column]
        equal = ordered[1:] == ordered[:-1]
        same[1:] = equal if column == 0 else same[1:] & equal
    found = np.ones(len(hashes), np.bool_)
    found[order[same]] = False
    return found


class _OpenShard:
    """A shard that is being filled. Mutable."""

    def __init__(self, split: str, number: int = 0) -> None:
        self.number = number
        self.sizes: list[Sizes] = []
        self._split = split
        self._bytes = 0
        self._runs: list[Run] = []
        self._last_of: list[Path] = []

    def room(self, sizes: Sizes, shard_bytes: int) -> int:
        """How many of these documents fit."""
        fit = int(np.searchsorted(np.cumsum(sizes), shard_bytes - self._bytes, side="right"))
        return fit if fit or self._bytes else 1

    def add(self, path: Path, chosen: NDArray[np.int64], sizes: Sizes, ends: NDArray[np.int64]) -> None:
        """Take documents of a part; ``sizes`` and ``ends`` are those of all that are in it."""
        breaks = np.flatnonzero(np.diff(chosen) != 1) + 1
        for group in np.split(chosen, breaks):
            first, last = group[0], group[-1]
            self._runs.append(Run(path, int(ends[first] - sizes[first]), int(ends[last])))
        self.sizes.append(sizes[chosen])
        self._bytes += int(sizes[chosen].sum())

    def leave(self, path: Path) -> None:
        """Say that no later shard needs this file."""
        self._last_of.append(path)

    def close(self) -> ShardPlan:
        """The plan."""
        sizes = np.concatenate(self.sizes)
        return ShardPlan(self._split, self.number, sizes, tuple(self._runs), tuple(self._last_of))
