"""The lanes of an engine, and what one forward pass has to run for some heads.

No network here: the caller runs the pass that `Forest.plan` describes and keeps keys and values in the order of the
slots. A text and all that branches off it have one lane. A branch that goes on beside far more than its own path gets
a lane of its own, so that it need not look past the others. A new text that begins like an earlier one goes on in that
one's lane: so the lanes together are the radix tree of all texts whose keys and values are kept.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from bytelm.engines.lane import Lane, Place
from bytelm.engines.passes import Fork, Part, Pass
from bytelm.engines.slots import NOTHING, Slot
from bytelm.engines.windows import Windows
from bytelm.heads import Head

SHARED = 16
"""A text that begins like another one for this many tokens goes on in the other's lane."""

BESIDE = 16
"""A branch of this many tokens gets a lane of its own, if its lane is crowded; see `Lane.crowded`."""


@dataclass(eq=False)
class _Planning:
    """A pass while it is planned.

    Attributes:
        limit: the most positions, begin tokens aside.
        step: the pass so far.
        placed: where the heads stand that get a slot in it, by the start of the lane and the head.
    """

    limit: int
    step: Pass = field(default_factory=Pass)
    placed: dict[tuple[int, Head], tuple[Lane, Slot]] = field(default_factory=dict)

    def stand(self, head: Head, part: Part, slot: Slot) -> None:
        """Notes where a head will stand (mutates)."""
        part.fresh.append((head, slot))
        self.placed[part.lane.start, head] = part.lane, slot


class Forest:
    """The lanes and who stands in them.

    Heads are held weakly. Heads above a lane's start have no slot of their own there: for what follows them they are
    the last begin slot.

    Attributes:
        lanes: all lanes that have keys and values.
    """

    def __init__(self, windows: Windows, alone: bool = False, forks: bool = True) -> None:
        """A forest without lanes.

        Args:
            windows: which tokens the lanes leave out.
            alone: whether a pass may have one lane only; then each window has one, whatever stands in it.
            forks: whether branches get lanes of their own. Where all heads of a text are asked about at once, as in
                scoring, branches are many and short, and would not pay for copies.
        """
        self.lanes: list[Lane] = []
        self._windows = windows
        self._alone = alone
        self._forks = forks and not alone
        self._places: dict[int, WeakKeyDictionary[Head, Place]] = {}

    def plan(self, heads: Sequence[Head], limit: int) -> Pass:
        """The next pass towards answering ``heads``; `add` and `hold` follow; before, no head and slot has changed.

        It answers as many of the leading heads as ``limit`` positions allow, with the ancestors they lack; it may
        answer none, where the first one lacks more than ``limit``, but it always gets further. A head that has a
        slot already runs again: its keys and values are there, its logits are not.

        Args:
            heads: at least one.
            limit: the most positions, begin tokens aside; at least one.
        """
        planning = _Planning(limit)
        for head in heads:
            if not self._place(head, self._windows.start(self._windows.index(head.depth)), planning):
                break
        return planning.step

    def add(self, step: Pass) -> None:
        """Makes the pass's lanes and slots, so that what they see is known; `hold` follows the run (mutates)."""
        self.lanes += step.begun
        for part in step.parts.values():
            assert part.first == part.lane.slots.count
            columns = (part.parents, part.positions, part.tokens)
            part.lane.add(*(np.array(column, dtype=np.int64) for column in columns))

    def hold(self, step: Pass) -> None:
        """Records that the pass has run: its heads have their slots (mutates)."""
        for part in step.parts.values():
            part.lane.company = 0
            places = self._places.setdefault(part.lane.start, WeakKeyDictionary())
            for head, slot in part.fresh:
                before = places.get(head)
                if before is not None:
                    before.lane.leave(before)
                places[head] = part.lane.hold(head, slot)
        for part, _ in step.wanted:
            part.lane.company += 1

    def drop(self, lane: Lane) -> None:
        """Forgets a lane, if it was there, and all who stand in it (mutates)."""
        if lane in self.lanes:
            self.lanes.remove(lane)
        places: MutableMapping[Head, Place] = self._places.get(lane.start, {})
        for place in lane.places:
            head = place()
            lane.leave(place)
            if head is not None and places.get(head) is place:
                del places[head]
        if not places:
            self._places.pop(lane.start, None)

    def _place(self, head: Head, start: int, planning: _Planning) -> bool:
        """Puts ``head`` and the ancestors it lacks into the pass (mutates it); whether all went in."""
        step = planning.step
        missing, anchor = self._missing(head, start, planning)
        here = planning.placed.get((start, anchor)) or self._standing(anchor, start)
        full = step.size >= planning.limit
        if here is None:
            here = None if full else self._begin(start, anchor, missing, planning)
        elif missing and not full:
            here = self._forked(*here, anchor, planning)
        if here is None or (self._alone and step.parts and here[0] not in step.parts):
            return False
        lane, slot = here
        again = not missing and slot < lane.slots.count
        room = planning.limit - step.size
        if room < 1 and (again or missing):
            return False
        part = step.part(lane)
        if again:
            slots = lane.slots
            slot = part.append(int(slots.tokens[slot]), int(slots.parents[slot]), int(slots.positions[slot]))
        for node in missing[::-1][:room]:
            slot = part.append(node.token, slot, len(self._windows.begin) + node.depth - start - 1)
            planning.stand(node, part, slot)
        if len(missing) > room:
            return False
        step.wanted.append((part, slot))
        return True

    def _missing(self, head: Head, start: int, planning: _Planning) -> tuple[list[Head], Head]:
        """``head`` and those of its ancestors that have no slot, deepest first, and the ancestor they hang on."""
        places: Mapping[Head, Place] = self._places.get(start, {})
        missing: list[Head] = []
        for node in head.path():
            if node.depth <= start or (start, node) in planning.placed or node in places:
                return missing, node
            missing.append(node)
        raise AssertionError("a path ends at depth 0, and no lane starts above that")

    def _standing(self, head: Head, start: int) -> tuple[Lane, Slot] | None:
        place = self._places[start].get(head) if start in self._places else None
        return None if place is None else (place.lane, place.slot)

    def _begin(self, start: int, top: Head, missing: list[Head], planning: _Planning) -> tuple[Lane, Slot] | None:
        """A lane for a text that has none, and the slot of the last of its heads that stands there now.

        That is an earlier text's lane where the two begin alike; then what they share is taken off ``missing``. Where
        such a text is on its way in this very pass there is no lane yet.
        """
        begin = self._windows.begin
        tokens = [node.token for node in reversed(missing)]
        lane, shared = self._like(start, tokens, planning.step)
        if self._alone and planning.step.parts and lane not in planning.step.parts:
            return None
        if _comes(tokens, len(shared), start, len(begin), planning.step):
            return None
        if lane is None:
            lane = Lane(start)
            planning.step.begun.append(lane)
            part = planning.step.part(lane)
            for place, token in enumerate(begin):
                part.append(token, place - 1 if place else NOTHING, place)
        elif shared and not self._alone and not lane.live and lane not in planning.step.parts:
            lane, shared = _taken_over(lane, shared, planning.step)
        part = planning.step.part(lane)
        before = self._standing(top, start - self._windows.stride)
        if before is not None:
            before[0].passed = True
        planning.stand(top, part, len(begin) - 1)
        for slot in shared:
            planning.stand(missing.pop(), part, slot)
        return lane, shared[-1] if shared else len(begin) - 1

    def _like(self, start: int, tokens: list[int], step: Pass) -> tuple[Lane | None, list[Slot]]:
        """The lane of the text that begins most like these tokens, and the slots they share."""
        best: tuple[Lane | None, list[Slot]] = None, []
        wanted = np.array(tokens, dtype=np.int64)
        for lane in (*self.lanes, *step.begun):
            if lane.start != start:
                continue
            if self._alone:
                best = lane, []
            if len(tokens) >= SHARED:
                shared = lane.match(wanted, len(self._windows.begin))
                if len(shared) >= max(SHARED, len(best[1]) + 1):
                    best = lane, shared
        return best

    def _forked(self, lane: Lane, slot: Slot, anchor: Head, planning: _Planning) -> tuple[Lane, Slot]:
        """Where what follows a head goes: into its lane, or, if that is crowded, into a copy of the path to it."""
        if not self._forks or slot >= lane.slots.count or lane.beside(slot) < BESIDE:
            return lane, slot
        if lane.others(slot) < BESIDE:
            lane.go_on_at(slot)
        if not lane.crowded(slot):
            return lane, slot
        places = self._places[lane.start]
        moving: list[tuple[Head, Slot]] = []
        for node in anchor.path():
            place = places.get(node)
            if place is None or place.lane is not lane or lane.beside(place.slot) == 0:
                break
            moving.append((node, int(lane.slots.positions[place.slot])))
        path = lane.slots.path(slot)
        forked = lane.fork(path, len(moving))
        planning.step.begun.append(forked)
        planning.step.forks.append(Fork(lane, forked, path))
        for node, there in moving:
            planning.stand(node, planning.step.part(forked), there)
        return forked, len(path) - 1


def _taken_over(lane: Lane, shared: list[Slot], step: Pass) -> tuple[Lane, list[Slot]]:
    """Where a text goes on that begins like one that is gone, and the slots it shares there.

    That is the other's lane, which then loses the rest of the other text; if that is the longer part, a copy.
    """
    path = lane.slots.path(shared[-1])
    if lane.slots.count <= 2 * len(path):
        return lane, shared
    copied = lane.fork(path, len(shared) + 1)
    step.begun.append(copied)
    step.forks.append(Fork(lane, copied, path))
    return copied, list(range(len(path) - len(shared), len(path)))


def _comes(tokens: list[int], known: int, start: int, begin: int, step: Pass) -> bool:
    """Whether a text runs in this pass that has the next ``SHARED`` of these tokens in common, behind ``known``."""
    wanted = tokens[known : known + SHARED]
    if len(wanted) < SHARED:
        return False
    for part in step.parts.values():
        if part.lane.start == start and begin + known in part.positions:
            at = part.positions.index(begin + known)
            if part.tokens[at : at + SHARED] == wanted:
                return True
    return False
