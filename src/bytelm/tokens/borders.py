"""Which borders between pre-tokens are still possible, as an automaton learned from the pre-tokenizer itself.

Patterns of pre-tokenizers look ahead: whether a place in a text is a border can depend on characters that have not
come yet. So think of the text together with a guess: a sequence of (character class, is there a border after it?).
The guess is possible if some continuation makes the pre-tokenizer cut exactly so. Possible guesses form a language
that is closed under prefixes, and this module walks the automaton of that language. Its states are learned lazily
by asking the pre-tokenizer about the text followed by each of a fixed set of short continuations over the
characters its pattern distinguishes; two guesses are one state when no continuation tells them apart
(Myhill-Nerode, with the continuations as the distinguishing suffixes).

The tokenizer's own ``encode`` is the judge of the result: see ``tests/tokens``.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.automaton import DEAD, Automaton
from bytelm.tokens.classes import IMPOSSIBLE
from bytelm.tokens.splitting import Splitter

_TEXTS_CACHED = 1024

Answer = tuple[int, ...] | None
"""The borders of a text; ``None`` if the tokenizer never sees it."""

Residual = tuple[tuple[int, ...] | None, ...]
"""For every continuation: the borders it brings, counted from the end of the text, or ``None`` if it contradicts."""


class BorderAutomaton(Automaton):
    """The automaton that is learned from a splitter.

    Args:
        splitter: where texts are cut.
        representatives: one character of each class that it tells apart, the impossible ones first.
    """

    def __init__(self, splitter: Splitter, representatives: list[str]) -> None:
        super().__init__(len(representatives))
        self._splitter = splitter
        self._representatives = representatives
        self._continuations = tuple(dict.fromkeys(_continuations(representatives[IMPOSSIBLE + 1 :])))
        self._ids: dict[tuple[bool, Residual], int] = {}
        self._guesses: list[tuple[str, tuple[int, ...]]] = []
        self._ask = lru_cache(maxsize=_TEXTS_CACHED)(self._ask_splitter)
        self.start = 0

    @classmethod
    def learned(cls, splitter: Splitter, representatives: list[str]) -> "BorderAutomaton":
        """The automaton with nothing known but its start."""
        automaton = cls(splitter, representatives)
        automaton.start = automaton._state("", (), automaton._ask(""))
        return automaton

    @classmethod
    def restored(
        cls, splitter: Splitter, representatives: list[str], kept: Mapping[str, Any], table: NDArray[np.int32]
    ) -> "BorderAutomaton":
        """The automaton that :meth:`kept` and ``table`` described."""
        automaton = cls(splitter, representatives)
        automaton._guesses = [(text, tuple(borders)) for text, borders in kept["guesses"]]
        automaton.at_border, automaton.may_end, automaton.start = kept["at_border"], kept["may_end"], kept["start"]
        automaton._table = table
        return automaton

    def kept(self) -> tuple[dict[str, Any], NDArray[np.int32]]:
        """What was learned so far: what JSON can hold, and the table of steps, int32."""
        kept = {"guesses": self._guesses, "at_border": self.at_border, "may_end": self.may_end, "start": self.start}
        return kept, self._table

    def explore(self, limit: int) -> None:
        state = 0
        while state < min(limit, len(self._guesses)):
            for character_class in range(len(self._representatives)):
                self.step(state, character_class, False)
            state += 1

    def _learn(self, state: int, character_class: int) -> None:
        if character_class == IMPOSSIBLE:
            self._set(state, character_class, DEAD, DEAD)
            return
        text, borders = self._guesses[state]
        longer = text + self._representatives[character_class]
        answers = self._ask(longer)
        inside = self._state(longer, borders, answers)
        self._set(state, character_class, inside, self._state(longer, (*borders, len(longer)), answers))

    def _ask_splitter(self, text: str) -> list[Answer]:
        """The borders that the pre-tokenizer gives to ``text`` before each continuation."""
        return [self._splitter.borders(text + more) for more in self._continuations]

    def _state(self, text: str, borders: tuple[int, ...], answers: list[Answer]) -> int:
        """The state of a guess: ``borders`` are all places of borders in ``text``, its end included if guessed."""
        key = _key(text, borders, answers)
        at_border, residual = key
        if all(later is None for later in residual):
            return DEAD
        if not self._ids:
            self._ids = {_key(*guess, self._ask(guess[0])): state for state, guess in enumerate(self._guesses)}
        if key not in self._ids:
            self._ids[key] = self._add(at_border, residual[0] is not None)
            self._guesses.append((text, borders))
        return self._ids[key]


def _key(text: str, borders: tuple[int, ...], answers: list[Answer]) -> tuple[bool, Residual]:
    """What states are told apart by: whether a border is guessed here, and what each continuation says."""
    end = len(text)
    at_border = not text or (bool(borders) and borders[-1] == end)
    return at_border, tuple(_later_borders(found, end, borders) for found in answers)


def _later_borders(found: Answer, end: int, borders: tuple[int, ...]) -> Answer:
    """The borders of ``found`` behind ``end``, if those up to ``end`` are ``borders``; otherwise ``None``."""
    if found is None:
        return None
    count = len(borders)
    if found[:count] != borders or (len(found) > count and found[count] <= end):
        return None
    return tuple(place - end for place in found[count:])


def _continuations(characters: list[str]) -> Iterator[str]:
    """The continuations that states are told apart by: the empty one first, then all short ones, then runs."""
    yield ""
    for length in (1, 2):
        yield from ("".join(chars) for chars in product(characters, repeat=length))
    for char in characters:
        for count in (3, 4, 5, 6, 7):
            yield char * count
        for count in (2, 3, 4):
            yield from (char * count + other for other in (characters[0], "x", " x", "\nx", " "))
