"""Tokens as walks through the automaton of borders, the merges aside.

A token that follows a state moves it by one character after the other, with no border between them; behind its last
character there may be a border or none. A token may also end inside a character, or begin inside the one that the
tokens before it began.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.borders import DEAD, BorderAutomaton
from bytelm.tokens.merges import Merges
from bytelm.tokens.spelling import ByteFallback, Spelling
from bytelm.tokens.splitting import CharacterClasses
from bytelm.tokens.vocabulary import Vocabulary
from bytelm.utf8 import completions, split_tail

_CACHE_BYTES = 64 * 2**20
_STEPS_CACHED = 2**16
_SINGLES = 16


class Walked(NamedTuple):
    """Where every token leads from one state, in the vocabulary's sorted order.

    Attributes:
        inside: int32 ``(size,)``, the state after the token's whole characters with no border behind the last one;
            ``DEAD`` if there is none.
        closed: bool ``(size,)``, whether there may be a border behind the token.
    """

    inside: NDArray[np.int32]
    closed: NDArray[np.bool_]


class Walks:
    """The walks of all tokens.

    Args:
        vocabulary: the tokens, sorted.
        merges: which tokens text can produce, and which may stand side by side.
        automaton: the borders.
        classes: the classes of characters.
        fallback: the byte tokens of a tokenizer that starts from characters; ``None`` for byte-level ones.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        merges: Merges,
        automaton: BorderAutomaton,
        classes: CharacterClasses,
        fallback: ByteFallback | None,
    ) -> None:
        self._vocabulary = vocabulary
        self._merges = merges
        self._automaton = automaton
        self._classes = classes
        self._fallback = fallback
        words = [vocabulary.bytes_at(i) for i in range(vocabulary.size)]
        stand_ins = fallback.tokens if fallback else frozenset()
        reachable = [i for i in range(vocabulary.size) if merges.reachable[vocabulary.order[i]]]
        spelled = [i for i in reachable if int(vocabulary.order[i]) not in stand_ins]
        self._spelling = Spelling(words, spelled, classes)
        self._stand_ins = [i for i in reachable if int(vocabulary.order[i]) in stand_ins]
        self._continuing = self._stand_ins or [i for i in reachable if 0x80 <= words[i][0] < 0xC0]
        self._continuing.sort(key=lambda i: len(words[i]))
        self._singles = self._find_singles()
        self._spelled = lru_cache(maxsize=_STEPS_CACHED)(self._spell)
        self._range = lru_cache(maxsize=_STEPS_CACHED)(self._classes_of_tail)
        self._goes_on = lru_cache(maxsize=_STEPS_CACHED)(self._steps_on)
        self._completes = lru_cache(maxsize=_STEPS_CACHED)(self._complete)
        self.all = lru_cache(maxsize=max(64, _CACHE_BYTES // (5 * vocabulary.size)))(self._walk_all)

    def one(self, states: tuple[int, ...], token: int, pending: bytes) -> tuple[set[int], bytes]:
        """The states after one token, and the bytes of the character that it leaves unfinished."""
        spelled = self._spelled(token, pending)
        if spelled is None:
            return set(), b""
        classes, tail = spelled
        step = self._automaton.step
        after = set(states)
        for character_class in classes if tail else classes[:-1]:
            after = {step(state, character_class, False) for state in after} - {DEAD}
        if tail:
            after = {state for state in after if self._goes_on(state, tail)}
        else:
            after = {step(state, classes[-1], border) for state in after for border in (False, True)} - {DEAD}
        return after, tail

    def closes(self, token: int, state: int, tail: bytes) -> bool:
        """Whether, as a quick look shows, one more character may follow ``token`` and a border behind that."""
        if tail:
            closing = frozenset(c for c in self._range(tail) if self._automaton.step(state, c, True) != DEAD)
            return self._completes(token, tail, closing)
        return any(
            self._automaton.step(state, c, True) != DEAD and any(self._merges.allows(token, u) for u in tokens)
            for c, tokens in self._singles.items()
        )

    def tail(self, index: int, pending: bytes) -> bytes:
        """The bytes of a character that the token at ``index`` leaves unfinished after ``pending``."""
        split = split_tail(pending + self._vocabulary.bytes_at(index))
        assert split is not None, "the token was walked"
        return split[1]

    def _spell(self, token: int, pending: bytes) -> tuple[list[int], bytes] | None:
        """The classes of the characters that the token completes, and the bytes of one it leaves unfinished."""
        if not self._may_spell(token, pending):
            return None
        split = split_tail(pending + self._vocabulary.token_bytes[token])
        return None if split is None else (self._classes.of(split[0]).tolist(), split[1])

    def _may_spell(self, token: int, pending: bytes) -> bool:
        """Whether the token is one that text produces after ``pending``, the merges and borders aside."""
        if not self._merges.reachable[token]:
            return False
        if self._fallback is None:
            return True
        if token in self._fallback.tokens:
            return self._fallback.may_spell(pending + self._vocabulary.token_bytes[token])
        return not pending

    def _find_singles(self) -> dict[int, list[int]]:
        """A few tokens of one whole character each, by the character's class."""
        spelling = self._spelling
        singles: dict[int, list[int]] = {}
        for row in np.flatnonzero((spelling.counts == 1) & ~spelling.cut).tolist():
            tokens = singles.setdefault(int(spelling.classes[spelling.starts[row]]), [])
            if len(tokens) < _SINGLES:
                tokens.append(int(self._vocabulary.order[spelling.by_length[row]]))
        return singles

    def _classes_of_tail(self, tail: bytes) -> frozenset[int]:
        return self._classes.of_range(completions(tail))

    def _steps_on(self, state: int, tail: bytes) -> bool:
        """Whether any character that starts with ``tail`` may follow a state."""
        step = self._automaton.step
        return any(step(state, c, border) != DEAD for c in self._range(tail) for border in (False, True))

    def _complete(self, last: int, tail: bytes, wanted: frozenset[int]) -> bool:
        """Whether tokens that may follow ``last`` finish a character of a ``wanted`` class, and end with it."""
        if not wanted & self._range(tail):
            return False
        missing = len(chr(completions(tail).start).encode()) - len(tail)
        for index in self._continuing:
            word, token = self._vocabulary.bytes_at(index), int(self._vocabulary.order[index])
            if len(word) > missing:
                break
            spelled = self._spelled(token, tail)
            if spelled is not None and self._merges.allows(last, token):
                classes, left = spelled
                if self._completes(token, left, wanted) if left else classes[0] in wanted:
                    return True
        return False

    def _walk_all(self, state: int, pending: bytes) -> Walked:
        """Where every token leads from a state; a token that may not follow it has neither end."""
        walked = Walked(
            np.full(self._vocabulary.size, DEAD, dtype=np.int32), np.zeros(self._vocabulary.size, dtype=bool)
        )
        if not pending:
            self._walk_spelled(state, walked)
        for index in self._continuing if pending else self._stand_ins:
            ends, tail = self.one((state,), int(self._vocabulary.order[index]), pending)
            for end in ends:
                if not tail and self._automaton.at_border[end]:
                    walked.closed[index] = True
                else:
                    walked.inside[index] = end
        return walked

    def _walk_spelled(self, state: int, walked: Walked) -> None:
        """Walk all tokens that start where a character starts at once, one character of each a step."""
        spelling = self._spelling
        states = np.full(len(spelling.counts), state, dtype=np.int32)
        for place in range(int(spelling.counts.max(initial=0))):
            active = int(np.searchsorted(-spelling.counts, -place))
            alive = np.flatnonzero(states[:active] != DEAD)
            classes = spelling.classes[spelling.starts[alive] + place]
            last = (spelling.counts[alive] == place + 1) & ~spelling.cut[alive]
            closed = self._automaton.step_all(states[alive[last]], classes[last], True)
            walked.closed[spelling.by_length[alive[last]]] = closed != DEAD
            states[alive] = self._automaton.step_all(states[alive], classes, False)
        for row in np.flatnonzero(spelling.cut & (states != DEAD)).tolist():
            if not self._goes_on(int(states[row]), spelling.tails[int(spelling.by_length[row])]):
                states[row] = DEAD
        walked.inside[spelling.by_length] = states
