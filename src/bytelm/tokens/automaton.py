"""Automata whose states and steps are found as they are asked for, over (character class, border after it?)."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

DEAD = -1
UNKNOWN = -2

_ROOM = 16


class Automaton(ABC):
    """An automaton of possible (character class, border after it) sequences.

    States are integers. The text so far ends either at a border (which one may cross without asking the segmenter)
    or inside a pre-token; ``at_border`` tells which was guessed.

    Args:
        classes: how many character classes there are so far.

    Attributes:
        start: the state before any text.
        at_border: for every state, whether the guess is that a border is here.
        may_end: for every state, whether the text may end here.
    """

    start: int

    def __init__(self, classes: int) -> None:
        self.at_border: list[bool] = []
        self.may_end: list[bool] = []
        self._table = np.full((_ROOM, 2, classes + _ROOM), UNKNOWN, dtype=np.int32)

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

    @abstractmethod
    def _learn(self, state: int, character_class: int) -> None:
        """Fill in both successors of ``state`` under a character class."""

    @abstractmethod
    def explore(self, limit: int) -> None:
        """Find all steps from ``limit`` states, the likeliest first."""

    def _set(self, state: int, character_class: int, inside: int, border: int) -> None:
        """Enter the successors without and with a border behind the character."""
        self._table[state, :, character_class] = (inside, border)

    def _add(self, at_border: bool, may_end: bool) -> int:
        """A new state."""
        self.at_border.append(at_border)
        self.may_end.append(may_end)
        if len(self.at_border) > self._table.shape[0]:
            self._grow(0)
        return len(self.at_border) - 1

    def _grow(self, axis: int) -> None:
        padding = [(0, 0), (0, 0), (0, 0)]
        padding[axis] = (0, self._table.shape[axis])
        self._table = np.pad(self._table, padding, constant_values=UNKNOWN)
