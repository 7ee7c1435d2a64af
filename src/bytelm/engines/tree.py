"""One window's heads in their slots, and what one forward pass has to run for them.

No network here: the caller runs the pass that `Tree.plan` describes and keeps keys and values in the order of
the slots.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from bytelm.engines.slots import NOTHING, IntArray, Slot, Slots
from bytelm.heads import Head


@dataclass
class Pass:
    """New positions for the network, in the order of their slots.

    Attributes:
        first: the slot of the first position.
        tokens: the token id of each position.
        parents: the slot each position hangs on, possibly one of this pass; ``NOTHING`` for the first begin
            token.
        positions: the place of each in its text, from 0 at the first begin token.
        fresh: the heads that get a slot here.
        wanted: for each head answered here, in the order asked, the number of its position in the pass.
    """

    first: Slot
    tokens: list[int] = field(default_factory=list)
    parents: list[Slot] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    fresh: dict[Head, Slot] = field(default_factory=dict)
    wanted: list[int] = field(default_factory=list)

    def append(self, token: int, parent: Slot, position: int) -> Slot:
        """Adds a position (mutates) and returns its slot."""
        self.tokens.append(token)
        self.parents.append(parent)
        self.positions.append(position)
        return self.first + len(self.tokens) - 1


class Tree:
    """The heads of one window and their slots. The begin tokens hold the first slots.

    Heads are held weakly: a slot whose head is gone is dead, and so are those below it, as a head keeps its
    parents alive. Begin slots never die. Heads at or above the window's start, the roots among them, have no
    slot: for what follows them they are the last begin slot.
    """

    def __init__(self, begin: tuple[int, ...], start: int) -> None:
        self.slots = Slots()
        self._begin = begin
        self._start = start
        self._held: WeakKeyDictionary[Head, Slot] = WeakKeyDictionary()

    @property
    def live(self) -> int:
        """How many heads hold a slot."""
        return len(self._held)

    @property
    def dead(self) -> int:
        """How many slots no head needs any more."""
        return max(0, self.slots.count - len(self._begin) - self.live)

    def plan(self, heads: Sequence[Head], limit: int) -> Pass:
        """The next pass towards answering ``heads``, which all belong to this window.

        It answers as many of the leading heads as ``limit`` positions allow, with the ancestors they lack; it
        may answer none, where the first one lacks more than ``limit``, but it always gets further. A head
        that has a slot already runs again: its keys and values are there, its logits are not. Changes nothing
        here.
        """
        step = Pass(self.slots.count)
        if not self.slots.count:
            for place, token in enumerate(self._begin):
                step.append(token, place - 1 if place else NOTHING, place)
        for head in heads:
            if not self._place(head, step, limit):
                break
        return step

    def hold(self, step: Pass) -> None:
        """Records that the pass has run: its heads have their slots (mutates)."""
        self._held.update(step.fresh)

    def add(self, step: Pass) -> None:
        """Makes the pass's slots, so that what they see is known; `hold` follows the run (mutates)."""
        assert step.first == self.slots.count
        self.slots.add(np.array(step.parents, dtype=np.int64), np.array(step.positions, dtype=np.int64))

    def compact(self) -> IntArray:
        """Forgets the dead slots and returns the old numbers of those that stay, in order (mutates)."""
        survivors = sorted(self._held.items(), key=lambda item: item[1])
        begin = range(min(len(self._begin), self.slots.count))
        kept = np.array([*begin, *(slot for _, slot in survivors)], dtype=np.int64)
        self.slots.keep(kept)
        for slot, (head, _) in enumerate(survivors, start=len(begin)):
            self._held[head] = slot
        return kept

    def _place(self, head: Head, step: Pass, limit: int) -> bool:
        """Puts ``head`` and the ancestors it lacks into ``step`` (mutates it); whether all went in."""
        room = limit - len(step.tokens)
        slot = self._slot(head, step)
        if slot is None:
            missing = self._missing(head, step)
            for node in missing[: max(0, room)]:
                self._append(node, step)
            if len(missing) > room:
                return False
            slot = step.fresh[head]
        elif slot < step.first:
            if room < 1:
                return False
            token = self._begin[-1] if head.parent is None else head.token
            slot = step.append(token, int(self.slots.parents[slot]), int(self.slots.positions[slot]))
        step.wanted.append(slot - step.first)
        return True

    def _append(self, node: Head, step: Pass) -> None:
        assert node.parent is not None
        parent = self._slot(node.parent, step)
        assert parent is not None
        position = len(self._begin) + node.depth - self._start - 1
        step.fresh[node] = step.append(node.token, parent, position)

    def _missing(self, head: Head, step: Pass) -> list[Head]:
        """``head`` and those of its ancestors that have no slot, shallowest first."""
        missing: list[Head] = []
        for node in head.path():
            if self._slot(node, step) is not None:
                break
            missing.append(node)
        return missing[::-1]

    def _slot(self, node: Head, step: Pass) -> Slot | None:
        if node.depth <= self._start:
            return len(self._begin) - 1
        slot = step.fresh.get(node)
        return self._held.get(node) if slot is None else slot
