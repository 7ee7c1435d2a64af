"""Byte views with a bug planted in them, for judges to find."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.rules import Context, Rule
from bytelm.tokens.steps import Steps
from bytelm.tokens.tokenizer import Tokenizer
from tokens.tiny import byte_level, save

MERGES = [(b"t", b"h"), (b"th", b"e"), (b" ", b"the"), (b"a", b"b"), (b"\xe4", b"\xb8"), (b"\xe4\xb8", b"\xad")]
TH, THE, AB = 256, 257, 259
WORDS = {"type": "Split", "pattern": {"Regex": r" ?\w+|\s+(?!\S)|."}, "behavior": "Isolated", "invert": False}


class Planted:
    """A rule with tokens that it never allows, or always does, the start of a text aside."""

    heads_die = True

    def __init__(self, rule: Rule, never: Iterable[int] = (), always: Iterable[int] = ()) -> None:
        self.vocabulary = rule.vocabulary
        self.start = rule.start
        self._rule = rule
        self._never = frozenset(never)
        self._always = frozenset(always)
        self.steps = Steps(self)

    def advance(self, context: Context, token: int) -> Context | None:
        if token in self._never:
            return None
        after = self._rule.advance(context, token)
        if after is None and token in self._always and context != self.start:
            after = self._rule.advance(self.start, token)
        return after

    def allowed(self, context: Context) -> NDArray[np.bool_]:
        order = self.vocabulary.order
        return np.array([self.advance(context, int(token)) is not None for token in order])

    def may_end(self, context: Context) -> bool:
        return self._rule.may_end(context)


def tokenizer(folder: Path) -> Tokenizer:
    """A byte-level tokenizer of a few merges, without a bug."""
    return save(folder, byte_level(MERGES, WORDS))


def plant(tokenizer: Tokenizer, never: Iterable[int] = (), always: Iterable[int] = ()) -> Tokenizer:
    """The tokenizer with a bug in its rule (mutates it)."""
    vars(tokenizer)["canonical"] = Planted(tokenizer.canonical, never, always)
    return tokenizer
