"""How probable it is that a word ends at a place of a text.

The probability of a word *as an event* is that of its bytes and of its ending there, given that the word before it has
ended where it begins:

    P(word, then it ends | text before, the word before ends there)
        = P(bytes of the word | text before) · P(a word ends behind it | …) / P(a word ends before it | …)

(Pimentel and Meister 2024, "How to Compute the Probability of a Word"; Oh and Schuler 2024, "Leading Whitespaces of
Language Models' Subword Vocabulary Pose a Confound for Calculating Word Probabilities"). The quotients cancel from word
to word; and over all words that can follow, with the end of text as one of them, these probabilities sum to one.

Whether a word ends is said by the next character (``bytelm.spans.words``), and mostly by its first byte. Where it is
not, the distributions behind that byte are asked for, the most probable ones first, until what is open weighs no more
than a tolerance.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from bytelm.batch import BatchState
from bytelm.model import ByteLM, Progress
from bytelm.prompts import Prompt
from bytelm.protocol import FloatArray, State
from bytelm.spans.characters import Kind
from bytelm.spans.words import OPEN, YES, answers

TOGETHER = 8
"""How many places of a text are looked at side by side; what lies before the last one is read for all of them."""


@dataclass(eq=False)
class _Open:
    """The beginning of a character that may or may not end the word."""

    mass: float
    partial: bytes
    state: State


@dataclass(eq=False)
class _Place:
    """What is known of one place (mutable).

    Attributes:
        before: the kind of the character before it.
        border: the probability that a word ends there, as far as it is known.
        open: what may add to it.
    """

    before: Kind
    border: float = 0.0
    open: list[_Open] = field(default_factory=list)

    def learn(self, spaced: bool, mass: float, partial: bytes, state: State) -> None:
        """Takes in what follows ``partial``, whose probability is ``mass`` (mutates)."""
        masses = mass * np.exp(state.logprobs())
        verdicts = answers(self.before, spaced, partial)
        self.border += float(masses[verdicts == YES].sum())
        for symbol in np.flatnonzero((verdicts == OPEN) & (masses > 0)).tolist():
            self.open.append(_Open(float(masses[symbol]), partial + bytes([symbol]), state))

    def needed(self, tolerance: float) -> list[_Open]:
        """Takes out the heaviest ones that are open, until the others weigh little (mutates)."""
        self.open.sort(key=lambda one: one.mass)
        weights = np.cumsum([one.mass for one in self.open])
        left = int(np.searchsorted(weights, tolerance * self.border, side="right"))
        taken, self.open = self.open[left:], self.open[:left]
        return taken


def border_logprobs(
    lm: ByteLM[Any],
    prompt: bytes | Prompt,
    text: bytes,
    ends: Sequence[int],
    before: Sequence[Kind],
    spaced: bool,
    tolerance: float,
    progress: Progress | None = None,
) -> FloatArray:
    """``log P(a word ends at a place | prompt and text up to there)``, float64 ``(len(ends),)``, nats.

    At most ``log(1 + tolerance)`` too low, as far as the model's own answers are exact: one that knows probabilities to
    within 1e-6 cannot tell how probable a border is where that is less.

    Args:
        lm: the model.
        prompt: what stands before the text; without a text of its own.
        text: the text.
        ends: where its words end, rising.
        before: the kind of the character before each end.
        spaced: whether words are spaced.
        tolerance: how much of a probability may be left unknown, as a fraction.
        progress: called now and then with the bytes done and the bytes in all.
    """
    found: list[float] = []
    kinds = iter(before)
    for batch in _states(lm, prompt, text, ends):
        places = [_Place(kind) for kind in islice(kinds, len(batch))]
        for place, state in zip(places, batch, strict=True):
            place.learn(spaced, 1.0, b"", state)
        _close(places, batch, spaced, tolerance)
        found += [place.border for place in places]
        if progress is not None:
            progress(ends[len(found) - 1], len(text))
    return np.array([math.log(border) if border > 0 else -math.inf for border in found])


def _states(lm: ByteLM[Any], prompt: bytes | Prompt, text: bytes, ends: Sequence[int]) -> Iterator[BatchState[Any]]:
    """The states at some places of a text, a few at a time, which share passes.

    Each few go on from the last state of those before: a prompt for each place would be read from its beginning.
    """
    batch, start = lm.prefill([prompt]), 0
    for first in range(0, len(ends), TOGETHER):
        some = ends[first : first + TOGETHER]
        last = BatchState((batch.states[-1],) * len(some), batch.together)
        batch = last.advance([text[start:end] for end in some])
        start = some[-1]
        yield batch


def _close(places: Sequence[_Place], batch: BatchState[Any], spaced: bool, tolerance: float) -> None:
    """Asks what follows the characters that have begun, until little of any place is open (mutates the places)."""
    while asked := [(place, one) for place in places for one in place.needed(tolerance)]:
        reached = BatchState(tuple(one.state for _, one in asked), batch.together)
        for (place, one), state in zip(asked, reached.advance([one.partial[-1:] for _, one in asked]), strict=True):
            place.learn(spaced, one.mass, one.partial, state)
