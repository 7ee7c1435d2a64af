"""Where texts stand in memory: rows that only grow at their ends, and places in them that stay as they were."""

import weakref
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bytelm.blt.patching.stepwise import PatchState
from bytelm.blt.vocabulary import IdArray

Kind = TypeVar("Kind", np.int64, np.bool_)


class Row:
    """A text in memory (mutable, but what is there never changes).

    Attributes:
        index: its row in the circles.
        length: how many ids it has.
        written: how many positions were ever written to its circles; more than ``length`` where it goes on from the
            middle of another text.
        written_patches: the same for patches.
    """

    def __init__(self, index: int, written: int = 0, written_patches: int = 0) -> None:
        self.index = index
        self.length = 0
        self.written = written
        self.written_patches = written_patches
        self._ids = np.zeros(64, dtype=np.int64)
        self._starts = np.zeros(65, dtype=np.bool_)

    def ids(self, end: int) -> IdArray:
        """The first ``end`` ids; a view."""
        return self._ids[:end]

    def starts(self, end: int) -> NDArray[np.bool_]:
        """Whether a patch starts at each of the first ``end`` positions; a view."""
        return self._starts[:end]

    def shorten(self, length: int) -> None:
        """Forget the ids behind a place where nobody holds a later one (mutates)."""
        self.length = length

    def append(self, ids: IdArray, starts: NDArray[np.bool_]) -> None:
        """More ids, and whether a patch starts behind each of them."""
        end = self.length + len(ids)
        if end > len(self._ids):
            self._ids = _grown(self._ids, end)
        if end + 1 > len(self._starts):
            self._starts = _grown(self._starts, end + 1)
        self._ids[self.length : end] = ids
        self._starts[0] = True
        self._starts[self.length + 1 : end + 1] = starts
        self.length = end


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text: all that is read goes on from there.

    Attributes:
        row: the text.
        length: how many of its ids stand before.
        closed: how many patches are complete.
        opened: where the patch that is not began.
        patching: what decides about the next patch.
        newline: from where on the entropy model sees.
    """

    row: Row
    length: int
    closed: int
    opened: int
    patching: PatchState
    newline: int = 0

    @property
    def is_end(self) -> bool:
        """Whether the text in memory ends here, so that it can be continued where it stands."""
        return self.row.length == self.length


class Rows:
    """The rows that are free (mutable). A row nobody refers to is free again."""

    def __init__(self) -> None:
        self.count = 0
        self._free: set[int] = set()

    def add(self, count: int) -> None:
        """More rows, all of them free."""
        self._free.update(range(self.count, self.count + count))
        self.count += count

    def find(self, count: int) -> list[int] | None:
        """Free rows, side by side; ``None`` where there are not so many."""
        run: list[int] = []
        for index in sorted(self._free):
            run = [*run, index] if run and run[-1] + 1 == index else [index]
            if len(run) == count:
                return run
        return None

    def claim(self, index: int, written: int = 0, written_patches: int = 0) -> Row:
        """A text in a free row."""
        self._free.remove(index)
        row = Row(index, written, written_patches)
        weakref.finalize(row, self._free.add, index).atexit = False
        return row


def _grown(array: NDArray[Kind], least: int) -> NDArray[Kind]:
    """A longer array that begins with this one."""
    longer = np.zeros(max(least, 2 * len(array)), dtype=array.dtype)
    longer[: len(array)] = array
    return longer
