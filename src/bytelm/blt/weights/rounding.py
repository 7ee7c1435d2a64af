"""The width inside feed-forward networks by Meta's rule: two thirds of four times the width, rounded up."""

from collections.abc import Iterable, Sequence

from bytelm.blt.config import StackConfig

RELEASED_MULTIPLE = 256


def meta_hidden(width: int, multiple: int, factor: float | None) -> int:
    """The width inside, for states of ``width``: ``⌊8 width / 3⌋`` times a factor, rounded up to a multiple."""
    hidden = int(2 * (4 * width) / 3)
    if factor is not None:
        hidden = int(factor * hidden)
    return multiple * ((hidden + multiple - 1) // multiple)


def meta_rounding(stacks: Sequence[StackConfig]) -> int | None:
    """A multiple by which the rule, without a factor, gives what all the stacks have; ``None`` if there is none.

    It is the released models' if that will do, else the largest.
    """
    smallest = min(stack.hidden for stack in stacks)
    candidates: Iterable[int] = (RELEASED_MULTIPLE, *range(smallest, 0, -1))
    return next((multiple for multiple in candidates if _fits(multiple, stacks)), None)


def _fits(multiple: int, stacks: Sequence[StackConfig]) -> bool:
    return all(meta_hidden(stack.width, multiple, None) == stack.hidden for stack in stacks)
