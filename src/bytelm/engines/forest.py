"""The lanes of an engine, and what one forward pass has to run for some heads.

No network here: the caller runs the pass that `Forest.plan` describes and keeps keys and values in the order of the
slots. A text and all that branches off it soon have one lane. A branch that goes on for long beside others gets a lane
of its own, so that it need not look past theirs. A new text that begins like an earlier one goes on in that one's lane:
so the lanes together are the radix tree of all texts whose keys and values are kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from bytelm.engines.lane import Lane, Place
from bytelm.engines.slots import NOTHING, IntArray, Slot
from bytelm.engines.windows import Windows
from bytelm.heads import Head

SHARED = 16
"""A text that begins like another one for this many tokens goes on in the other's lane."""

BESIDE = 16
"""A branch of this many tokens gets a lane of its own, if as many others live beside it."""

Fork = Callable[[Lane, Lane, IntArray], None]
"""Copies the keys and values of a path from the first lane to the beginning of the second."""


@dataclass(eq=False)
class Part:
    """What a pass runs in one lane, in the order of the slots.

    Attributes:
        lane: the lane.
        first: the slot of the first new position.
        tokens: the token id of each position.
        parents: the slot each position hangs on, possibly one of this part; ``NOTHING`` for the first begin token.
        positions: the place of each in its text, from 0 at the first begin token.
        fresh: the heads that get a slot here.
    """

    lane: Lane
    first: Slot
    tokens: list[int] = field(default_factory=list)
    parents: list[Slot] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    fresh: list[tuple[Head, Slot]] = field(default_factory=list)

    def append(self, token: int, parent: Slot, position: int) -> Slot:
        """Adds a position (mutates) and returns its slot."""
        self.tokens.append(token)
        self.parents.append(parent)
        self.positions.append(position)
        return self.first + len(self.tokens) - 1


@dataclass
class Pass:
    """New positions for the network: one part after the other.

    Attributes:
        parts: what runs in each lane.
        wanted: for each head answered here, in the order asked, its part and its slot.
    """

    parts: dict[Lane, Part] = field(default_factory=dict)
    wanted: list[tuple[Part, Slot]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many positions there are, begin tokens included."""
        return sum(len(part.tokens) for part in self.parts.values())

    def part(self, lane: Lane) -> Part:
        """The lane's part, a new one if it has none (mutates)."""
        if lane not in self.parts:
            self.parts[lane] = Part(lane, lane.slots.count)
        return self.parts[lane]

    def offsets(self) -> list[int]:
        """Where in the pass each wanted position is."""
        starts, total = {}, 0
        for part in self.parts.values():
            starts[part.lane] = total - part.first
            total += len(part.tokens)
        return [starts[part.lane] + slot for part, slot in self.wanted]


Standing = dict[tuple[int, Head], tuple[Lane, Slot]]
"""Where heads stand, by the start of the lane and the head."""


@dataclass
class _Planning:
    """A pass while it is planned.

    Attributes:
        limit: the most positions, begin tokens aside.
        alone: whether it may have one lane only.
        step: the pass so far.
        placed: the heads that get a slot in it.
    """

    limit: int
    alone: bool
    step: Pass = field(default_factory=Pass)
    placed: Standing = field(default_factory=dict)

    def stand(self, head: Head, start: int, part: Part, slot: Slot) -> None:
        """Notes where a head will stand (mutates)."""
        part.fresh.append((head, slot))
        self.placed[start, head] = part.lane, slot


class Forest:
    """The lanes and who stands in them.

    Heads are held weakly. Heads above a lane's start have no slot of their own there: for what follows them they are
    the last begin slot.

    Attributes:
        lanes: all lanes that have keys and values.
    """

    def __init__(self, windows: Windows, fork: Fork) -> None:
        self.lanes: list[Lane] = []
        self._windows = windows
        self._fork = fork
        self._places: dict[int, WeakKeyDictionary[Head, Place]] = {}

    def plan(self, heads: Sequence[Head], limit: int, alone: bool = False) -> Pass:
        """The next pass towards answering ``heads``.

        It answers as many of the leading heads as ``limit`` positions allow, with the ancestors they lack; it may
        answer none, where the first one lacks more than ``limit``, but it always gets further. A head that has a
        slot already runs again: its keys and values are there, its logits are not. New lanes are made here (mutates);
        new slots are not, before `add`.

        Args:
            heads: at least one.
            limit: the most positions, begin tokens aside; at least one.
            alone: whether a pass may have one lane only.
        """
        planning = _Planning(limit, alone)
        for head in heads:
            if not self._place(head, self._windows.start(self._windows.index(head.depth)), planning):
                break
        return planning.step

    def add(self, step: Pass) -> None:
        """Makes the pass's slots, so that what they see is known; `hold` follows the run (mutates)."""
        for part in step.parts.values():
            assert part.first == part.lane.slots.count
            columns = (part.parents, part.positions, part.tokens)
            part.lane.add(*(np.array(column, dtype=np.int64) for column in columns))

    def hold(self, step: Pass) -> None:
        """Records that the pass has run: its heads have their slots (mutates)."""
        for part in step.parts.values():
            places = self._places.setdefault(part.lane.start, WeakKeyDictionary())
            for head, slot in part.fresh:
                before = places.get(head)
                if before is not None:
                    before.lane.leave(before)
                places[head] = part.lane.hold(head, slot)

    def drop(self, lane: Lane) -> None:
        """Forgets a lane and all who stand in it (mutates)."""
        self.lanes.remove(lane)
        places = self._places.get(lane.start)
        if lane.live and places is not None:
            for head in [head for head, place in places.items() if place.lane is lane]:
                del places[head]

    def _place(self, head: Head, start: int, planning: "_Planning") -> bool:
        """Puts ``head`` and the ancestors it lacks into the pass (mutates it); whether all went in."""
        missing, anchor = self._missing(head, start, planning.placed)
        here = planning.placed.get((start, anchor)) or self._standing(anchor, start)
        if planning.alone and planning.step.parts and (here is None or here[0] not in planning.step.parts):
            return False
        if here is None:
            here = self._begin(start, anchor, missing, planning)
        elif missing:
            here = self._forked(*here, anchor, planning)
        lane, slot = here
        part, room = planning.step.part(lane), planning.limit - planning.step.size
        if not missing and slot < part.first:
            if room < 1:
                return False
            slots = lane.slots
            slot = part.append(int(slots.tokens[slot]), int(slots.parents[slot]), int(slots.positions[slot]))
        for node in missing[::-1][: max(0, room)]:
            slot = part.append(node.token, slot, len(self._windows.begin) + node.depth - start - 1)
            planning.stand(node, start, part, slot)
        if len(missing) > room and missing:
            return False
        planning.step.wanted.append((part, slot))
        return True

    def _missing(self, head: Head, start: int, placed: "Standing") -> tuple[list[Head], Head]:
        """``head`` and those of its ancestors that have no slot, deepest first, and the ancestor they hang on."""
        places = self._places.get(start, {})
        missing: list[Head] = []
        for node in head.path():
            if node.depth <= start or (start, node) in placed or node in places:
                return missing, node
            missing.append(node)
        raise AssertionError("a path ends at depth 0, and no lane starts above that")

    def _standing(self, head: Head, start: int) -> "tuple[Lane, Slot] | None":
        place = self._places[start].get(head) if start in self._places else None
        return None if place is None else (place.lane, place.slot)

    def _begin(self, start: int, top: Head, missing: list[Head], planning: "_Planning") -> tuple[Lane, Slot]:
        """A lane for a text that has none, and the slot of the last of its heads that stands there now.

        That is an earlier text's lane where the two begin alike; then what they share is taken off ``missing``.
        """
        begin = self._windows.begin
        tokens = np.array([node.token for node in reversed(missing)], dtype=np.int64)
        lane, shared = self._like(start, tokens, planning.step)
        part = planning.step.part(lane)
        if part.first == 0 and not part.tokens:
            for place, token in enumerate(begin):
                part.append(token, place - 1 if place else NOTHING, place)
        planning.stand(top, start, part, len(begin) - 1)
        for slot in shared:
            planning.stand(missing.pop(), start, part, slot)
        return lane, shared[-1] if shared else len(begin) - 1

    def _like(self, start: int, tokens: IntArray, step: Pass) -> tuple[Lane, list[Slot]]:
        """The lane of the text that begins most like these tokens, and the slots they share; else a new one."""
        best: tuple[Lane, list[Slot]] | None = None
        if len(tokens) >= SHARED:
            for lane in self.lanes:
                if lane.start == start and lane.slots.count:
                    shared = lane.match(tokens, len(self._windows.begin))
                    if len(shared) >= SHARED and (best is None or len(shared) > len(best[1])):
                        best = lane, shared
        if best is None:
            best = Lane(start), []
            self.lanes.append(best[0])
        return best

    def _forked(self, lane: Lane, slot: Slot, anchor: Head, planning: "_Planning") -> tuple[Lane, Slot]:
        """Where what follows a head goes: into its lane, or, if that is crowded, into a copy of the path to it."""
        if slot >= lane.slots.count or lane.beside(slot) < BESIDE:
            return lane, slot
        if lane.others(slot) < BESIDE or lane in planning.step.parts:
            if lane not in planning.step.parts:
                lane.go_on_at(slot)
            return lane, slot
        path = lane.slots.path(slot)
        forked = Lane(lane.start)
        forked.add(np.arange(-1, len(path) - 1), lane.slots.positions[path], lane.slots.tokens[path])
        self._fork(lane, forked, path)
        self.lanes.append(forked)
        planning.stand(anchor, lane.start, planning.step.part(forked), len(path) - 1)
        return forked, len(path) - 1
