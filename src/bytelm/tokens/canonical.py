"""The rule of ``segmentation="canonical"``: only token sequences that the tokenizer itself can produce.

A sequence counts if it is a prefix of ``encode(y)`` for some text ``y``. Three things decide it: the merges, inside
a pre-token (:mod:`bytelm.tokens.merges`); the borders between pre-tokens that some continuation still makes possible
(:mod:`bytelm.tokens.borders`); and the characters, which a token may cut but which must come out as valid UTF-8.
They must hold together: where the borders demand a continuation that the merges forbid, the sequence ends nowhere,
and does not count.
"""

from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.borders import DEAD, BorderAutomaton
from bytelm.tokens.merges import Merges
from bytelm.tokens.rules import Context
from bytelm.tokens.spelling import ByteFallback
from bytelm.tokens.splitting import CharacterClasses, Splitter
from bytelm.tokens.vocabulary import Vocabulary
from bytelm.tokens.walks import Walks

_MASK_CACHE_BYTES = 64 * 2**20
_STEPS_CACHED = 2**16


class CanonicalContext(NamedTuple):
    """What decides which tokens may follow a canonical sequence.

    Attributes:
        last: the last token's id; -1 at the beginning.
        states: the automaton's states after the last whole character, one for each guess of borders that agrees
            with the sequence and with some text.
        pending: the bytes of a character that the last tokens began and did not finish.
    """

    last: int
    states: tuple[int, ...]
    pending: bytes


class CanonicalRule:
    """Canonical sequences of a byte-pair encoding.

    Args:
        vocabulary: the tokens that text can produce, sorted.
        merges: the merges, over token ids.
        splitter: where the pre-tokenizer cuts.
        fallback: the byte tokens of a tokenizer that starts from characters; ``None`` for byte-level ones.
    """

    heads_die = True

    def __init__(
        self, vocabulary: Vocabulary, merges: Merges, splitter: Splitter, fallback: ByteFallback | None = None
    ) -> None:
        self.vocabulary = vocabulary
        self._merges = merges
        classes = CharacterClasses(splitter)
        self._automaton = BorderAutomaton(splitter, classes)
        self._walks = Walks(vocabulary, merges, self._automaton, classes, fallback)
        self.start: Context = CanonicalContext(-1, (self._automaton.start,), b"")
        self._advance = lru_cache(maxsize=_STEPS_CACHED)(self._follow)
        self._searched = lru_cache(maxsize=_STEPS_CACHED)(self._search)
        masks = max(64, _MASK_CACHE_BYTES // vocabulary.size)
        self._reach = lru_cache(maxsize=masks)(self._living)
        self._allowed = lru_cache(maxsize=masks)(self._mask)

    def advance(self, context: Context, token: int) -> Context | None:
        return self._advance(context, token)

    def allowed(self, context: Context) -> NDArray[np.bool_]:
        return self._allowed(context)

    def may_end(self, context: Context) -> bool:
        _, states, pending = cast(CanonicalContext, context)
        return not pending and any(self._automaton.may_end[state] for state in states)

    def _follow(self, context: CanonicalContext, token: int) -> CanonicalContext | None:
        last, states, pending = context
        if last >= 0 and not self._merges.allows(last, token):
            states = () if pending else tuple(state for state in states if self._automaton.at_border[state])
        ends, tail = self._walks.one(states, token, pending)
        living = tuple(sorted(state for state in ends if self._lives(token, state, tail)))
        return CanonicalContext(token, living, tail) if living else None

    def _mask(self, context: CanonicalContext) -> NDArray[np.bool_]:
        last, states, pending = context
        across = np.zeros(self.vocabulary.size, dtype=bool)
        inside = np.zeros(self.vocabulary.size, dtype=bool)
        for state in states:
            side = across if self._automaton.at_border[state] and not pending else inside
            side |= self._reach(state, pending)
        if last >= 0 and inside.any():
            inside &= self._merges.allowed_after(last)[self.vocabulary.order]
        mask = across | inside
        mask.flags.writeable = False
        return mask

    def _living(self, state: int, pending: bytes) -> NDArray[np.bool_]:
        """Which tokens may follow a state, the merges between it and them aside: bool, sorted order."""
        walked = self._walks.all(state, pending)
        reach = walked.closed.copy()
        for index in np.flatnonzero((walked.inside != DEAD) & ~reach).tolist():
            token, after = int(self.vocabulary.order[index]), int(walked.inside[index])
            reach[index] = self._lives(token, after, self._walks.tail(index, pending))
        return reach

    def _lives(self, token: int, state: int, tail: bytes) -> bool:
        """Whether some text goes on from ``token`` and ``state``. Behind a border every text does."""
        return (not tail and self._automaton.at_border[state]) or self._searched(token, state, tail)

    def _search(self, token: int, state: int, tail: bytes) -> bool:
        """Look for tokens that may follow up to the next border."""
        if self._walks.closes(token, state, tail):
            return True
        seen = {(token, state, tail)}
        waiting = [(token, state, tail)]
        while waiting:
            token, state, tail = waiting.pop()
            walked = self._walks.all(state, tail)
            follows = self._merges.allowed_after(token)[self.vocabulary.order]
            if (walked.closed & follows).any():
                return True
            for index in np.flatnonzero((walked.inside != DEAD) & follows).tolist():
                node = (int(self.vocabulary.order[index]), int(walked.inside[index]), self._walks.tail(index, tail))
                if node not in seen:
                    seen.add(node)
                    waiting.append(node)
        return False
