"""One row of keys and values and the tree of heads that stands in it."""

from weakref import ref

import numpy as np

from bytelm.engines.slots import IntArray, Slot, Slots
from bytelm.heads import Head


class Place(ref[Head]):
    """Where a head's keys and values are: a weak reference to the head, so a place outlives none.

    Attributes:
        lane, slot: which lane, and which slot of it.
    """

    __slots__ = ("lane", "slot")

    lane: "Lane"
    slot: Slot

    def __new__(cls, head: Head, lane: "Lane", slot: Slot) -> "Place":
        return super().__new__(cls, head, _left)

    def __init__(self, head: Head, lane: "Lane", slot: Slot) -> None:
        super().__init__(head, _left)
        self.lane = lane
        self.slot = slot
        lane.live += 1


def _left(place: "Place") -> None:
    place.lane.live -= 1


class Lane:
    """A tree of heads behind the begin tokens, one slot each, and which of them are still needed.

    A slot whose head is gone is dead unless one below it is needed. One path of the tree is the *main path*: that of
    the text that goes on. What hangs beside it is expected to be short.

    Attributes:
        start: how many leading tokens of its heads the lane leaves out.
        slots: the slots.
        live: how many heads have a place here.
        used: when it was used last, as the engine counts.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.slots = Slots()
        self.live = 0
        self.used = 0
        self._places: list[Place] = []
        self._beside: list[int] = []
        self._tip: Slot = -1
        self._kept_anyway = 0

    @property
    def dead(self) -> int:
        """About how many slots could be dropped."""
        return max(0, self.slots.count - self.live - self._kept_anyway)

    def beside(self, slot: Slot) -> int:
        """How many steps a slot is away from the main path."""
        return self._beside[slot]

    def others(self, slot: Slot) -> int:
        """About how many living heads are neither at ``slot`` nor above it."""
        return self.live - min(self.live, int(self.slots.positions[slot]) + 1)

    def add(self, parents: IntArray, positions: IntArray, tokens: IntArray) -> None:
        """Makes slots (mutates); see `Slots.add`."""
        first = self.slots.count
        self.slots.add(parents, positions, tokens)
        for slot, parent in enumerate(parents.tolist(), start=first):
            if parent == self._tip:
                self._tip = slot
                self._beside.append(0)
            else:
                self._beside.append(self._beside[parent] + 1 if parent >= 0 else 0)

    def hold(self, head: Head, slot: Slot) -> Place:
        """Notes that a head stands in a slot (mutates)."""
        place = Place(head, self, slot)
        self._places.append(place)
        return place

    def leave(self, place: Place) -> None:
        """Notes that a head stands elsewhere now (mutates)."""
        self._places.remove(place)
        self.live -= 1

    def go_on_at(self, slot: Slot) -> None:
        """Makes the path to ``slot`` the main one (mutates)."""
        self._tip = slot
        main = np.zeros(self.slots.count, dtype=np.bool_)
        main[self.slots.path(slot)] = True
        beside = np.where(main, 0, 1).tolist()
        parents = self.slots.parents.tolist()
        for place in np.flatnonzero(~main).tolist():
            if parents[place] >= 0:
                beside[place] = beside[parents[place]] + 1
        self._beside = beside

    def compact(self, begin: int) -> IntArray:
        """Forgets the dead slots and returns the old numbers of those that stay, in order (mutates).

        Args:
            begin: how many begin tokens hold the first slots; they stay.
        """
        self._places = [place for place in self._places if place() is not None]
        held = np.unique(np.array([min(begin, self.slots.count) - 1, *(place.slot for place in self._places)]))
        kept = self.slots.above(held)
        renumbered = np.full(self.slots.count, -1, dtype=np.int64)
        renumbered[kept] = np.arange(len(kept))
        self.slots.keep(kept)
        for place in self._places:
            place.slot = int(renumbered[place.slot])
        tip = int(renumbered[self._tip])
        self.go_on_at(tip if tip >= 0 else int(np.argmax(self.slots.positions)))
        self._kept_anyway = self.slots.count - self.live
        return kept

    def match(self, tokens: IntArray, begin: int) -> list[Slot]:
        """The slots of the longest path behind the begin tokens that spells the first of ``tokens``."""
        slots = self.slots
        straight = slots.tokens[begin : min(slots.trunk, begin + len(tokens))]
        differing = np.flatnonzero(straight != tokens[: len(straight)])
        count = int(differing[0]) if differing.size else len(straight)
        found = list(range(begin, begin + count))
        here = begin + count - 1
        while len(found) < len(tokens):
            below = (slots.parents[slots.trunk :] == here) & (slots.tokens[slots.trunk :] == tokens[len(found)])
            if not below.any():
                break
            here = slots.trunk + int(np.argmax(below))
            found.append(here)
        return found
