"""Networks that see, besides each token, a row for the longest suffix of the text that some dictionary has.

Which row that is follows from one integer of state for each slot of a lane: its parent's, and its token, give its own.
The network brings the automaton along, as its attribute ``suffixes``.
"""

from typing import Protocol

from bytelm.engines.lane import Lane
from bytelm.engines.passes import Fork, Pass
from bytelm.engines.slots import NOTHING, IntArray


class Suffixes(Protocol):
    """Rows along a text; the states are integers.

    Attributes:
        start: the state of an empty text.
    """

    start: int

    def step(self, state: int, id: int, /) -> int:
        """The state behind one more token."""
        ...

    def row(self, state: int, /) -> int:
        """The row of the token that led to a state."""
        ...


class SuffixStates:
    """The states of all slots of some lanes.

    Args:
        suffixes: what the states are of.
    """

    def __init__(self, suffixes: Suffixes) -> None:
        self._suffixes = suffixes
        self._states: dict[Lane, list[int]] = {}

    def fork(self, fork: Fork) -> None:
        """Gives a copy of a path the states that it has in its first lane (mutates)."""
        held = self._states[fork.source]
        self._states[fork.lane] = [held[slot] for slot in fork.path.tolist()]

    def extend(self, step: Pass) -> list[int]:
        """Finds the states of a pass's new slots (mutates), and returns their rows in its order."""
        rows: list[int] = []
        for lane, part in step.parts.items():
            held = self._states.setdefault(lane, [])
            assert len(held) == part.first
            for token, parent in zip(part.tokens, part.parents, strict=True):
                before = self._suffixes.start if parent == NOTHING else held[parent]
                held.append(self._suffixes.step(before, token))
                rows.append(self._suffixes.row(held[-1]))
        return rows

    def keep(self, lane: Lane, kept: IntArray) -> None:
        """Makes what slot ``kept[i]`` had that of ``i``, and forgets the others (mutates)."""
        held = self._states[lane]
        self._states[lane] = [held[slot] for slot in kept.tolist()]

    def drop(self, lane: Lane) -> None:
        """Forgets a lane, if it was there (mutates)."""
        self._states.pop(lane, None)
