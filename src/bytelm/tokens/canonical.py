"""The rule of ``segmentation="canonical"``: only token sequences that the tokenizer itself can produce.

A sequence counts if it is a prefix of ``encode(y)`` for some text ``y``. Three things decide it: the merges, inside
a pre-token (:mod:`bytelm.tokens.merges`); the borders between pre-tokens that some continuation still makes possible
(:mod:`bytelm.tokens.borders`); and the characters, which a token may cut but which must come out as valid UTF-8.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.borders import DEAD, BorderAutomaton
from bytelm.tokens.merges import Merges
from bytelm.tokens.rules import Context
from bytelm.tokens.spelling import ByteFallback, Spelling
from bytelm.tokens.splitting import CharacterClasses, Splitter
from bytelm.tokens.utf8 import completions, split_tail
from bytelm.tokens.vocabulary import Vocabulary

_MASK_CACHE_BYTES = 64 * 2**20


class CanonicalContext(NamedTuple):
    """What decides which tokens may follow a canonical sequence.

    Attributes:
        last: the last token's id; -1 at the beginning.
        states: the automaton's states after the last whole character, one for each guess of borders that agrees
            with the sequence.
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
        self._fallback = fallback
        self._classes = CharacterClasses(splitter)
        self._automaton = BorderAutomaton(splitter, self._classes)
        self.start: Context = CanonicalContext(-1, (self._automaton.start,), b"")
        sorted_bytes = [vocabulary.bytes_at(i) for i in range(vocabulary.size)]
        stand_ins = fallback.tokens if fallback else frozenset()
        self._stand_ins = [i for i in range(vocabulary.size) if int(vocabulary.order[i]) in stand_ins]
        reachable = [i for i in range(vocabulary.size) if merges.reachable[vocabulary.order[i]]]
        self._continuing = [i for i in reachable if 0x80 <= sorted_bytes[i][0] < 0xC0]
        self._continuing.sort(key=lambda i: len(sorted_bytes[i]))
        spelled = [i for i in reachable if int(vocabulary.order[i]) not in stand_ins]
        self._spelling = Spelling(sorted_bytes, spelled, self._classes)
        self._completing = lru_cache(maxsize=2**16)(self._completing_classes)
        self._range_classes = lru_cache(maxsize=2**12)(self._classes_of_tail)
        self._reach = lru_cache(maxsize=max(64, _MASK_CACHE_BYTES // vocabulary.size))(self._walk_all)
        self._allowed = lru_cache(maxsize=max(64, _MASK_CACHE_BYTES // vocabulary.size))(self._mask)

    def advance(self, context: Context, token: int) -> Context | None:
        last, states, pending = cast(CanonicalContext, context)
        if not self._may_spell(token, pending):
            return None
        if last >= 0 and not self._merges.allows(last, token):
            states = () if pending else tuple(state for state in states if self._automaton.at_border[state])
        split = split_tail(pending + self.vocabulary.token_bytes[token])
        if split is None:
            return None
        text, tail = split
        ends = self._walk(states, self._classes.of(text).tolist(), token, tail)
        return CanonicalContext(token, ends, tail) if ends else None

    def allowed(self, context: Context) -> NDArray[np.bool_]:
        return self._allowed(context)

    def may_end(self, context: Context) -> bool:
        _, states, pending = cast(CanonicalContext, context)
        return not pending and any(self._automaton.may_end[state] for state in states)

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

    def _may_spell(self, token: int, pending: bytes) -> bool:
        """Whether the token is one that text produces after ``pending``, the merges and borders aside."""
        if not self._merges.reachable[token]:
            return False
        if self._fallback is None:
            return True
        if token in self._fallback.tokens:
            return self._fallback.may_spell(pending + self.vocabulary.token_bytes[token])
        return not pending

    def _walk(self, states: Sequence[int], classes: list[int], token: int, tail: bytes) -> tuple[int, ...]:
        """The states after the characters of one token, with no border inside it."""
        step = self._automaton.step
        for character_class in classes if tail else classes[:-1]:
            states = [after for state in states if (after := step(state, character_class, False)) != DEAD]
        if tail:
            classes_after = self._completing(token, tail)
            return tuple(sorted({state for state in states if self._goes_on(state, classes_after)}))
        ends = {step(state, classes[-1], border) for state in states for border in (False, True)}
        return tuple(sorted(ends - {DEAD}))

    def _goes_on(self, state: int, classes: frozenset[int]) -> bool:
        """Whether a character of any of ``classes`` may follow."""
        return any(self._automaton.step(state, c, border) != DEAD for c in classes for border in (False, True))

    def _completing_classes(self, last: int, pending: bytes) -> frozenset[int]:
        """The classes that an unfinished character can still get from the tokens that may follow ``last``."""
        possible = self._range_classes(pending)
        found: set[int] = set()
        for index in self._stand_ins if self._fallback else self._continuing:
            token = int(self.vocabulary.order[index])
            split = split_tail(pending + self.vocabulary.token_bytes[token])
            if split is None:
                continue
            text, tail = split
            classes = frozenset(self._classes.of(text[0]).tolist()) if text else self._range_classes(tail)
            if not classes <= found and self._may_spell(token, pending) and self._merges.allows(last, token):
                found |= classes if text else self._completing(token, tail)
                if found >= possible:
                    break
        return frozenset(found)

    def _classes_of_tail(self, tail: bytes) -> frozenset[int]:
        return self._classes.of_range(completions(tail))

    def _walk_all(self, state: int, pending: bytes) -> NDArray[np.bool_]:
        """Which tokens the characters and borders let follow a state, the merges aside: bool, sorted order."""
        reach = np.zeros(self.vocabulary.size, dtype=bool)
        if not pending:
            self._walk_spelled(state, reach)
        singles = self._stand_ins if self._fallback else self._continuing if pending else []
        for index in singles:
            token = int(self.vocabulary.order[index])
            split = split_tail(pending + self.vocabulary.token_bytes[token])
            if split is not None and self._may_spell(token, pending):
                reach[index] = bool(self._walk((state,), self._classes.of(split[0]).tolist(), token, split[1]))
        return reach

    def _walk_spelled(self, state: int, reach: NDArray[np.bool_]) -> None:
        """Walk all tokens that start with a character at once, one character of each a step."""
        spelling = self._spelling
        states = np.full(len(spelling.counts), state, dtype=np.int32)
        for place in range(int(spelling.counts.max(initial=0))):
            active = int(np.searchsorted(-spelling.counts, -place))
            classes = spelling.classes[spelling.starts[:active] + place]
            ends = (spelling.counts[:active] == place + 1) & ~spelling.cut[:active]
            before = states[:active].copy()
            states[:active] = self._automaton.step_all(before, classes, False)
            closed = self._automaton.step_all(before[ends], classes[ends], True)
            reach[spelling.by_length[:active][ends]] = (closed != DEAD) | (states[:active][ends] != DEAD)
        for row in np.flatnonzero(spelling.cut & (states != DEAD)).tolist():
            index = int(spelling.by_length[row])
            token = int(self.vocabulary.order[index])
            reach[index] = self._goes_on(int(states[row]), self._completing(token, spelling.tails[index]))
