"""One pass of the network as it is planned: which positions run in which lanes, and what they hang on."""

from dataclasses import dataclass, field

from bytelm.engines.lane import Lane
from bytelm.engines.slots import IntArray, Slot
from bytelm.heads import Head


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


@dataclass(eq=False)
class Fork:
    """A lane that begins as a copy of a path of another one.

    Attributes:
        source: the other lane.
        lane: the new lane.
        path: the slots of ``source`` that become its first ones.
    """

    source: Lane
    lane: Lane
    path: IntArray


@dataclass(eq=False)
class Pass:
    """New positions for the network: one part after the other.

    Attributes:
        parts: what runs in each lane.
        wanted: for each head answered here, in the order asked, its part and its slot.
        forks: the lanes to be copied before it runs.
        begun: the lanes that begin with it, forks included.
    """

    parts: dict[Lane, Part] = field(default_factory=dict)
    wanted: list[tuple[Part, Slot]] = field(default_factory=list)
    forks: list[Fork] = field(default_factory=list)
    begun: list[Lane] = field(default_factory=list)

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
