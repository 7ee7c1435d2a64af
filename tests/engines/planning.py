"""Passes planned and held without a network."""

from bytelm.engines.forest import Forest
from bytelm.engines.lane import Lane
from bytelm.engines.passes import Part, Pass
from bytelm.engines.windows import Windows
from bytelm.heads import Head

BEGIN = (7, 8)
WINDOWS = Windows(BEGIN, 10_000)
CROWD = 100


def run(forest: Forest, heads: list[Head], limit: int = 10_000) -> Pass:
    step = forest.plan(heads, limit)
    forest.add(step)
    forest.hold(step)
    return step


def only(step: Pass) -> Part:
    (part,) = step.parts.values()
    return part


def where(step: Pass) -> list[int]:
    return [slot for _, slot in step.wanted]


def spelled(lane: Lane, slot: int) -> list[int]:
    """The tokens on the way to a slot."""
    return lane.slots.tokens[lane.slots.path(slot)].tolist()
