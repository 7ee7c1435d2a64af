"""How a cursor goes on by one byte: a pure function of what its rule remembers and of its range, and remembered itself.

Texts repeat themselves, and so do the ways in which they can be cut; a step that was taken once is looked up.
"""

from collections.abc import Hashable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bytelm.tokens.rules import Rule

_FEW = 12
"""How many tokens are tried one by one before the mask of the whole vocabulary is made."""

_REMEMBERED = 2**16


class Step(NamedTuple):
    """What becomes of a cursor with one more byte.

    Attributes:
        ended: the tokens that end there and may follow, by id, each with the context behind it.
        low, high: the range of the longer ones; empty if none of them may follow.
    """

    ended: tuple[tuple[int, Hashable], ...]
    low: int
    high: int


class Steps:
    """The steps of cursors under one rule."""

    def __init__(self, rule: "Rule") -> None:
        self._rule = rule
        self.take = lru_cache(maxsize=_REMEMBERED)(self._take)

    def _take(self, context: Hashable, low: int, high: int, depth: int, byte: int) -> Step:
        """The step of a cursor whose tokens ``[low, high)``, at least one, agree in their first ``depth`` bytes."""
        rule, vocabulary = self._rule, self._rule.vocabulary
        prefix = vocabulary.bytes_at(low)[:depth] + bytes((byte,))
        first, exact, last = vocabulary.narrow(low, high, prefix)
        followed = [(token, rule.advance(context, token)) for token in vocabulary.order[first:exact].tolist()]
        ended = tuple((token, after) for token, after in followed if after is not None)
        return Step(ended, exact, last if self._any_allowed(context, exact, last) else exact)

    def _any_allowed(self, context: Hashable, low: int, high: int) -> bool:
        """Whether any token of the range may follow; most often one of the first does."""
        rule = self._rule
        few = rule.vocabulary.order[low : min(high, low + _FEW)].tolist()
        if any(rule.advance(context, token) is not None for token in few):
            return True
        return high - low > _FEW and bool(rule.allowed(context)[low + _FEW : high].any())
