"""Tokens as walks through the automaton of borders, whatever cuts the pre-tokens.

A token that follows a state moves it by one character after the other, with no border between them; behind its last
character there may be a border or none. A token may also end inside a character, or begin inside the one that the
tokens before it began. An added token stands between two sections of text and begins the second.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.automaton import DEAD, Automaton
from bytelm.tokens.classes import CharacterClasses
from bytelm.tokens.normalizing import Normalization
from bytelm.tokens.spelling import ByteFallback, Spelling
from bytelm.tokens.vocabulary import Vocabulary
from bytelm.utf8 import completions, split_tail

_CACHE_BYTES = 64 * 2**20
_STEPS_CACHED = 2**16


class Spelled(NamedTuple):
    """What a token spells behind the bytes of an unfinished character.

    Attributes:
        text: the characters that it completes.
        classes: their classes.
        tail: the bytes of a character that it leaves unfinished.
    """

    text: str
    classes: list[int]
    tail: bytes


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
    """The walks of all tokens that are no added ones.

    Args:
        vocabulary: the tokens, sorted.
        reachable: bool ``(vocabulary.size,)``, which of them texts produce, in sorted order.
        automaton: the borders.
        classes: the classes of characters.
        normalization: what happens to characters first.
        fallback: the byte tokens of a tokenizer that starts from characters; ``None`` for byte-level ones.
        spelling: the characters of the tokens, if they are known already.

    Attributes:
        spelling: the characters of the tokens.
        joining: the whole characters of the tokens whose first one may join the character before it, by index.
        continuing: the indices of the tokens that may go on inside a character, the shortest first.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        reachable: NDArray[np.bool_],
        automaton: Automaton,
        classes: CharacterClasses,
        normalization: Normalization,
        fallback: ByteFallback | None,
        spelling: Spelling | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._reachable = reachable
        self._automaton = automaton
        self._classes = classes
        self._fallback = fallback
        words = vocabulary.words
        stand_ins = fallback.tokens if fallback else frozenset()
        byte_tokens = np.zeros(vocabulary.size, dtype=bool)
        byte_tokens[vocabulary.index[sorted(stand_ins)]] = True
        if spelling is None:
            spelled = np.flatnonzero(reachable & ~byte_tokens).tolist()
            spelling = Spelling(words, spelled, classes, normalization)
        self.spelling = spelling
        self.joining = self.spelling.joining
        self._stand_ins = np.flatnonzero(reachable & byte_tokens).tolist()
        inside = reachable & (vocabulary.first_bytes >= 0x80) & (vocabulary.first_bytes < 0xC0)
        self.continuing = self._stand_ins or np.flatnonzero(inside).tolist()
        self.continuing.sort(key=lambda i: len(words[i]))
        self._kept: dict[str, NDArray[Any]] = {}
        self.spelled = lru_cache(maxsize=_STEPS_CACHED)(self._spell)
        self.range_of = lru_cache(maxsize=_STEPS_CACHED)(self._classes_of_tail)
        self._goes_on = lru_cache(maxsize=_STEPS_CACHED)(self._steps_on)
        self.all = lru_cache(maxsize=max(64, _CACHE_BYTES // (5 * vocabulary.size)))(self._walk_all)

    def kept(self, states: Iterable[int]) -> dict[str, NDArray[Any]]:
        """Where all tokens lead from some states at the beginning of a character, as arrays by name."""
        found: dict[str, NDArray[Any]] = {}
        for state in states:
            walked = self.all(state, b"")
            found[f"inside/{state}"], found[f"closed/{state}"] = (
                walked.inside.astype(np.int16),
                np.packbits(walked.closed),
            )
        return found

    def restore(self, kept: Mapping[str, NDArray[Any]]) -> None:
        """Take up what :meth:`kept` returned."""
        self._kept = dict(kept)

    def one(self, state: int, token: int, pending: bytes) -> tuple[set[int], bytes]:
        """The states after one token, and the bytes of the character that it leaves unfinished."""
        spelled = self.spelled(token, pending)
        if spelled is None:
            return set(), b""
        _, classes, tail = spelled
        step = self._automaton.step
        for character_class in classes if tail else classes[:-1]:
            state = step(state, character_class, False)
            if state == DEAD:
                return set(), tail
        if tail:
            return ({state} if self._goes_on(state, tail) else set()), tail
        return {step(state, classes[-1], border) for border in (False, True)} - {DEAD}, tail

    def tail(self, index: int, pending: bytes) -> bytes:
        """The bytes of a character that the token at ``index`` leaves unfinished after ``pending``."""
        split = split_tail(pending + self._vocabulary.bytes_at(index))
        assert split is not None, "the token was walked"
        return split[1]

    def singles(self, few: int) -> dict[int, list[int]]:
        """At most ``few`` token ids of one whole character each, by the character's class."""
        spelling = self.spelling
        whole = np.ones(len(spelling.tokens), dtype=bool)
        whole[spelling.cut] = False
        singles: dict[int, list[int]] = {}
        for place in np.flatnonzero((spelling.counts[spelling.form] == 1) & whole).tolist():
            tokens = singles.setdefault(int(spelling.classes[spelling.starts[spelling.form[place]]]), [])
            if len(tokens) < few:
                tokens.append(int(self._vocabulary.order[spelling.tokens[place]]))
        return singles

    def _spell(self, token: int, pending: bytes) -> Spelled | None:
        if not self._may_spell(token, pending):
            return None
        split = split_tail(pending + self._vocabulary.token_bytes[token])
        return None if split is None else Spelled(split[0], self._classes.of(split[0]).tolist(), split[1])

    def _may_spell(self, token: int, pending: bytes) -> bool:
        """Whether the token is one that text produces after ``pending``, borders and other tokens aside."""
        index = self._vocabulary.index[token]
        if index < 0 or not self._reachable[index]:
            return False
        if self._fallback is None:
            return True
        if token in self._fallback.tokens:
            return self._fallback.may_spell(pending + self._vocabulary.token_bytes[token])
        return not pending

    def _classes_of_tail(self, tail: bytes) -> frozenset[int]:
        return self._classes.of_range(completions(tail))

    def _steps_on(self, state: int, tail: bytes) -> bool:
        """Whether any character that starts with ``tail`` may follow a state."""
        step = self._automaton.step
        return any(step(state, c, border) != DEAD for c in self.range_of(tail) for border in (False, True))

    def _walk_all(self, state: int, pending: bytes) -> Walked:
        """Where every token leads from a state; a token that may not follow it has neither end."""
        if not pending and f"inside/{state}" in self._kept:
            closed = np.unpackbits(self._kept[f"closed/{state}"], count=self._vocabulary.size).astype(bool)
            return Walked(self._kept[f"inside/{state}"].astype(np.int32), closed)
        walked = Walked(
            np.full(self._vocabulary.size, DEAD, dtype=np.int32), np.zeros(self._vocabulary.size, dtype=bool)
        )
        if not pending:
            self._walk_spelled(state, walked)
        for index in self.continuing if pending else self._stand_ins:
            ends, tail = self.one(state, int(self._vocabulary.order[index]), pending)
            for end in ends:
                if not tail and self._automaton.at_border[end]:
                    walked.closed[index] = True
                else:
                    walked.inside[index] = end
        return walked

    def _walk_spelled(self, state: int, walked: Walked) -> None:
        """Walk all tokens that start where a character starts at once, one character of each form a step."""
        spelling = self.spelling
        states = np.full(len(spelling.counts), state, dtype=np.int32)
        closed = np.zeros(len(spelling.counts), dtype=bool)
        for place in range(int(spelling.counts.max(initial=0))):
            active = int(np.searchsorted(-spelling.counts, -place))
            alive = np.flatnonzero(states[:active] != DEAD)
            if not alive.size:
                break
            classes = spelling.classes[spelling.starts[alive] + place]
            last = spelling.counts[alive] == place + 1
            closed[alive[last]] = self._automaton.step_all(states[alive[last]], classes[last], True) != DEAD
            states[alive] = self._automaton.step_all(states[alive], classes, False)
        walked.inside[spelling.tokens] = states[spelling.form]
        walked.closed[spelling.tokens] = closed[spelling.form]
        cut = spelling.tokens[spelling.cut]
        walked.closed[cut] = False
        for index, tail in zip(cut.tolist(), spelling.tails, strict=True):
            if walked.inside[index] != DEAD and not self._goes_on(int(walked.inside[index]), tail):
                walked.inside[index] = DEAD
