"""What a state must prove of a text at a tolerance, and the ways to come to a state."""

from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from bytelm.covers.state import CoverState
from bytelm.protocol import FloatArray
from covers.comparing import NATS, total
from covers.random_models import Case

tolerances = st.sampled_from([1e-9, 1e-6, 1e-3]) | st.floats(1e-9, 0.5) | st.floats(0.05, 0.5)
strides = st.lists(st.integers(1, 3), max_size=6)


def check_certificate(state: CoverState, joint: FloatArray, tolerance: float) -> None:
    """What a state says of a text whose joint log-probabilities with the next symbol are ``joint``."""
    truth = joint - total(joint)
    lower, upper = state.bounds()
    assert (lower <= truth + NATS).all()
    assert (truth <= upper + NATS).all()
    assert (lower <= state.logprobs() + NATS).all()
    assert (state.logprobs() <= upper + NATS).all()
    assert (np.exp(upper) - np.exp(lower)).max() <= tolerance + 1e-14
    assert abs(np.exp(state.logprobs()).sum() - 1) <= 1e-12
    assert total(joint) - np.log1p(tolerance) - NATS <= state.logprob <= total(joint) + NATS
    assert state.dropped == 0


def ways_to(case: Case, tolerance: float, text: bytes, lengths: list[int], prefix: bytes = b"") -> Iterator[CoverState]:
    """The state after ``text``, read at once, byte by byte, and in chunks of the given lengths."""
    model = case.model(tolerance, prefix)
    yield model.prefill(text)
    for some in ([1] * len(text), lengths):
        state, done = model.prefill(b""), 0
        for length in some:
            state.logprobs()
            state, done = state.advance(text[done : done + length]), done + length
        yield state.advance(text[done:])
