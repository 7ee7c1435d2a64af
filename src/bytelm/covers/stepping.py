"""Scoring a text byte by byte, for states that cannot do better."""

import numpy as np

from bytelm.model import Progress
from bytelm.protocol import FloatArray, State


def score_by_steps(state: State, text: bytes, progress: Progress | None) -> FloatArray:
    """``log P(byte i | bytes before i)`` after ``state``: float64 ``(len(text),)``, nats."""
    scores = np.empty(len(text))
    for i in range(len(text)):
        after = state.advance(text[i : i + 1])
        scores[i] = after.logprob - state.logprob
        state = after
        if progress is not None:
            progress(i + 1, len(text))
    return scores
