"""The one predicate that defines a byte model over tokens: may token t follow the sequence h?

A rule walks a token sequence and keeps what it needs of it as a small hashable *context*. Everything that differs
between segmentations is behind this protocol.
"""

from collections.abc import Hashable
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.steps import Steps
from bytelm.tokens.vocabulary import Vocabulary

Context = Hashable
"""What a rule remembers of a token sequence; equal contexts allow the same continuations."""


class Rule(Protocol):
    """Which token sequences count.

    Attributes:
        vocabulary: the tokens, sorted by their bytes.
        start: the context of the empty sequence.
        steps: how cursors go on under the rule.
        heads_die: whether a sequence that left the bytes of a text behind is soon ruled out by them. Where it is
            not, as with all segmentations, the number of live sequences grows without limit.
    """

    vocabulary: Vocabulary
    start: Context
    steps: Steps
    heads_die: bool

    def advance(self, context: Context, token: int) -> Context | None:
        """The context after one more token; ``None`` if the token may not follow."""
        ...

    def allowed(self, context: Context) -> NDArray[np.bool_]:
        """Which tokens may follow: bool ``(vocabulary.size,)`` in the vocabulary's sorted order. Not to be changed."""
        ...

    def may_end(self, context: Context) -> bool:
        """Whether a text may end here."""
        ...


class EverySegmentation:
    """The rule of ``segmentation="all"``: any token that has bytes may follow, and a text may end anywhere."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.start: Context = ()
        # Where no token begins another one, bytes can be cut in one way only.
        self.heads_die = not any(longer.startswith(word) for word, longer in pairwise(vocabulary.words))
        self.steps = Steps(self)
        self._allowed = np.ones(vocabulary.size, dtype=bool)

    def advance(self, context: Context, token: int) -> Context | None:
        return context if self.vocabulary.index[token] >= 0 else None

    def allowed(self, context: Context) -> NDArray[np.bool_]:
        return self._allowed

    def may_end(self, context: Context) -> bool:
        return True
