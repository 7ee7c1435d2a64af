"""Scoring texts byte by byte, for states that cannot do better."""

from collections.abc import Sequence

import numpy as np

from bytelm.model import Progress
from bytelm.protocol import FloatArray, State


def score_by_steps(states: Sequence[State], texts: Sequence[bytes], progress: Progress | None) -> list[FloatArray]:
    """``log P(byte i | bytes before i)`` of each text after its state: float64 ``(len(text),)``, nats."""
    total, done = sum(map(len, texts)), 0
    scores = [np.empty(len(text)) for text in texts]
    for state, text, found in zip(states, texts, scores, strict=True):
        for i in range(len(text)):
            after = state.advance(text[i : i + 1])
            found[i] = after.logprob - state.logprob
            state, done = after, done + 1
            if progress is not None:
                progress(done, total)
    return scores
