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

from bytelm.tokens.classes import IMPOSSIBLE
from bytelm.tokens.splitting import Splitter

DEAD = -1
UNKNOWN = -2
_TEXTS_CACHED = 1024

Answer = tuple[int, ...] | None
"""The borders of a text; ``None`` if the tokenizer never sees it."""

Residual = tuple[tuple[int, ...] | None, ...]
"""For every continuation: the borders it brings, counted from the end of the text, or ``None`` if it contradicts."""


class BorderAutomaton:
    """The automaton of possible (character class, border after it) sequences.

    States are integers. The text so far ends either at a border (which one may cross without asking the merges) or
    inside a pre-token; ``at_border`` tells which was guessed.

    Attributes:
        start: the state before any text.
        at_border: for every state, whether the guess is that a border is here.
        may_end: for every state, whether the text may end here.
    """

    def __init__(self, splitter: Splitter, representatives: list[str]) -> None:
        self._prepare(splitter, representatives)
        self._guesses: list[tuple[str, tuple[int, ...]]] = []
        self.at_border: list[bool] = []
        self.may_end: list[bool] = []
        self._table = np.full((16, 2, max(16, len(representatives))), UNKNOWN, dtype=np.int32)
        self.start = self._state("", (), self._ask(""))

    def _prepare(self, splitter: Splitter, representatives: list[str]) -> None:
        self._splitter = splitter
        self._representatives = representatives
        self._continuations = tuple(dict.fromkeys(_continuations(representatives[IMPOSSIBLE + 1 :])))
        self._ids: dict[tuple[bool, Residual], int] = {}
        self._ask = lru_cache(maxsize=_TEXTS_CACHED)(self._ask_splitter)

    @classmethod
    def restored(
        cls, splitter: Splitter, representatives: list[str], kept: Mapping[str, Any], table: NDArray[np.int32]
    ) -> "BorderAutomaton":
        """The automaton that :meth:`kept` and ``table`` described."""
        automaton = cls.__new__(cls)
        automaton._prepare(splitter, representatives)
        automaton._guesses = [(text, tuple(borders)) for text, borders in kept["guesses"]]
        automaton.at_border, automaton.may_end, automaton.start = kept["at_border"], kept["may_end"], kept["start"]
        automaton._table = table
        return automaton

    def kept(self) -> tuple[dict[str, Any], NDArray[np.int32]]:
        """What was learned so far: what JSON can hold, and the table of steps, int32."""
        kept = {"guesses": self._guesses, "at_border": self.at_border, "may_end": self.may_end, "start": self.start}
        return kept, self._table

    def explore(self, limit: int) -> None:
        """Learn all steps from the first ``limit`` states."""
        state = 0
        while state < min(limit, len(self._guesses)):
            for character_class in range(len(self._representatives)):
                self.step(state, character_class, False)
            state += 1

    def step(self, state: int, character_class: int, border: bool) -> int:
        """The state after one more character with, or without, a border behind it; ``DEAD`` if impossible."""
        if character_class >= self._table.shape[2]:
            self._grow(2)
        found = int(self._table[state, int(border), character_class])
        if found == UNKNOWN:
            self._learn(state, character_class)
            found = int(self._table[state, int(border), character_class])
        return found

    def step_all(self, states: NDArray[np.int32], classes: NDArray[np.int64], border: bool) -> NDArray[np.int32]:
        """``step`` for arrays of equal shape; dead states stay dead."""
        if classes.size and int(classes.max()) >= self._table.shape[2]:
            self._grow(2)
        rows = np.maximum(states, 0)
        found = self._table[rows, int(border), classes]
        missing = (found == UNKNOWN) & (states >= 0)
        if missing.any():
            for state, character_class in np.unique(np.stack((rows[missing], classes[missing])), axis=1).T.tolist():
                self._learn(state, character_class)
            found = self._table[rows, int(border), classes]
        return np.where(states >= 0, found, DEAD).astype(np.int32)

    def _learn(self, state: int, character_class: int) -> None:
        """Fill in both successors of ``state`` under a character class."""
        if character_class == IMPOSSIBLE:
            self._table[state, :, IMPOSSIBLE] = DEAD
            return
        text, borders = self._guesses[state]
        longer = text + self._representatives[character_class]
        answers = self._ask(longer)
        for border in (False, True):
            guess = (*borders, len(longer)) if border else borders
            successor = self._state(longer, guess, answers)
            self._table[state, int(border), character_class] = successor

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
            self._ids[key] = len(self._guesses)
            self._guesses.append((text, borders))
            self.at_border.append(at_border)
            self.may_end.append(residual[0] is not None)
            if len(self._guesses) > self._table.shape[0]:
                self._grow(0)
        return self._ids[key]

    def _grow(self, axis: int) -> None:
        padding = [(0, 0), (0, 0), (0, 0)]
        padding[axis] = (0, self._table.shape[axis])
        self._table = np.pad(self._table, padding, constant_values=UNKNOWN)


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
