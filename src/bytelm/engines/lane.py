"""One row of keys and values and the tree of heads that stands in it."""

from weakref import ref

import numpy as np

from bytelm.engines.slots import NOTHING, IntArray, Slot, Slots
from bytelm.heads import Head

TOGETHER = 8
"""Beyond this many heads in a pass, attention is no longer paid for by what it reads, but by what it computes."""


class Place(ref[Head]):
    """Where a head's keys and values are: a weak reference to the head, so a place outlives none.

    Attributes:
        lane: in which lane.
        slot: in which slot of it; ``NOTHING`` once the head is gone or stands elsewhere.
    """

    __slots__ = ("lane", "slot")

    lane: "Lane"
    slot: Slot

    def __new__(cls, head: Head, lane: "Lane", slot: Slot) -> "Place":
        return super().__new__(cls, head, _left)

    def __init__(self, head: Head, lane: "Lane", slot: Slot) -> None:
        super().__init__(head, _left)  # type: ignore[call-arg]  # typeshed knows of no weakref.ref.__init__
        self.lane = lane
        self.slot = slot


def _left(place: Place) -> None:
    place.lane.leave(place)


class Lane:
    """A tree of heads behind the begin tokens, one slot each, and which of them are still needed.

    Several heads stand in one slot where texts begin alike. A slot where none stands any more is dead unless one below
    it is needed. One path of the tree is the *main path*: that of the text that goes on. What hangs beside it is
    expected to be short.

    Attributes:
        start: how many leading tokens of its heads the lane leaves out.
        slots: the slots.
        live: how many heads have a place here.
        used: when it was used last, as the engine counts.
        passes: how many it has run since it began or was compacted.
        passed: whether a text that stands here has gone on in a later window.
        company: how many heads its last pass answered here.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.slots = Slots()
        self.live = 0
        self.used = 0
        self.passes = 0
        self.passed = False
        self.company = 0
        self._places: list[Place] = []
        self._standing: list[int] = []
        self._occupied = 0
        self._beside: list[int] = []
        self._tip: Slot = NOTHING
        self._kept_anyway = 0
        self._settled = 0

    @property
    def dead(self) -> int:
        """About how many slots could be dropped: those where nobody stands, but for those that `compact` kept."""
        return max(0, self.slots.count - self._occupied - self._kept_anyway)

    @property
    def places(self) -> list[Place]:
        """Where its living heads stand."""
        return [place for place in self._places if place.slot != NOTHING]

    def beside(self, slot: Slot) -> int:
        """How many steps a slot is away from the main path."""
        return self._beside[slot]

    def others(self, slot: Slot) -> int:
        """How many slots of living heads are neither ``slot`` nor above it, or a few less."""
        return max(0, self._occupied - int(self.slots.positions[slot]) - 1)

    def crowded(self, slot: Slot) -> bool:
        """Whether the path to ``slot`` were better off by itself.

        Attention is paid for by the keys and values that it reads. Heads that are answered together read the whole lane
        once; in lanes of their own each would read its path, what they share included.
        """
        path = int(self.slots.positions[slot]) + 1
        return self._occupied > (1 + min(self.company, TOGETHER)) * path

    def add(self, parents: IntArray, positions: IntArray, tokens: IntArray) -> None:
        """Makes slots (mutates); see `Slots.add`."""
        first = self.slots.count
        self.slots.add(parents, positions, tokens)
        self._standing += [0] * len(parents)
        for slot, parent in enumerate(parents.tolist(), start=first):
            if parent == self._tip:
                self._tip = slot
                self._beside.append(0)
            else:
                self._beside.append(self._beside[parent] + 1 if parent >= 0 else 0)

    def fork(self, path: IntArray, moving: int) -> "Lane":
        """A lane of its own for a path of this one.

        Args:
            path: the slots, ascending, the begin tokens first.
            moving: how many of them will be stood in there.
        """
        forked = Lane(self.start)
        forked.add(np.arange(-1, len(path) - 1), self.slots.positions[path], self.slots.tokens[path])
        forked._kept_anyway, forked._settled = len(path) - moving, len(path) - moving
        return forked

    def hold(self, head: Head, slot: Slot) -> Place:
        """Notes that a head stands in a slot (mutates)."""
        place = Place(head, self, slot)
        self._places.append(place)
        self.live += 1
        if not self._standing[slot]:
            self._occupied += 1
            if slot < self._settled:
                self._kept_anyway = max(0, self._kept_anyway - 1)
        self._standing[slot] += 1
        return place

    def leave(self, place: Place) -> None:
        """Notes that a head stands here no longer (mutates)."""
        if place.slot == NOTHING:
            return
        self.live -= 1
        self._standing[place.slot] -= 1
        self._occupied -= self._standing[place.slot] == 0
        place.slot = NOTHING

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
        """Forgets the dead slots and returns the old numbers of those that stay, in their new order (mutates).

        The main path comes first, so that the trunk is as long as can be.

        Args:
            begin: how many begin tokens hold the first slots; they stay.
        """
        self._places = self.places
        self.passes = 0
        stood = np.array([place.slot for place in self._places], dtype=np.int64)
        needed = self.slots.above(np.append(stood, min(begin, self.slots.count) - 1))
        deepest = int(needed[np.argmax(self.slots.positions[needed])])
        main = self.slots.path(self._tip if self._tip in needed else deepest)
        kept = np.concatenate([main, np.setdiff1d(needed, main, assume_unique=True)])
        renumbered = np.full(self.slots.count, NOTHING, dtype=np.int64)
        renumbered[kept] = np.arange(len(kept))
        self.slots.keep(kept)
        stood = renumbered[stood]
        for place, slot in zip(self._places, stood.tolist(), strict=True):
            place.slot = slot
        self._standing = np.bincount(stood, minlength=len(kept)).tolist()
        self._occupied = int(np.count_nonzero(self._standing))
        self._kept_anyway, self._settled = len(kept) - self._occupied, len(kept)
        self.go_on_at(len(main) - 1)
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
