"""At a tolerance above 0 the bounds contain the truth, and are no wider than the tolerance allows."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from covers.certificates import check_certificate, strides, tolerances, ways_to
from covers.comparing import NATS, joint_of, largest_gap, total
from covers.random_models import Case, cases, texts


@settings(max_examples=200)
@given(cases(pairs=True), texts(7, 2), tolerances, strides)
def test_the_bounds_contain_the_truth(case: Case, text: bytes, tolerance: float, lengths: list[int]) -> None:
    joint = joint_of(case, text)
    assume(total(joint) > -np.inf)
    for state in ways_to(case, tolerance, text, lengths):
        check_certificate(state, joint, tolerance)


@settings(max_examples=100)
@given(cases(pairs=True), texts(7, 2), tolerances)
def test_scores_are_right_to_the_tolerance(case: Case, text: bytes, tolerance: float) -> None:
    """The probability of every beginning is within the tolerance, and so every score is."""
    along = np.array([total(joint_of(case, text[:i])) for i in range(len(text) + 1)])
    assume(along[-1] > -np.inf)
    scores = case.model(tolerance).score(text)
    shortfalls = along[1:] - along[0] - np.cumsum(scores)
    assert (shortfalls >= -NATS).all()
    assert (shortfalls <= np.log1p(tolerance) + NATS).all()
    assert largest_gap(scores, np.diff(along)) <= np.log1p(tolerance) + NATS


@settings(max_examples=100)
@given(cases(pairs=True), texts(2, 1), texts(5), tolerances, strides)
def test_a_prefix_keeps_the_certificate(
    case: Case, prefix: bytes, text: bytes, tolerance: float, lengths: list[int]
) -> None:
    """The bounds are of the text given the prefix, so the probability of the prefix must be known exactly."""
    joint = joint_of(case, prefix + text)
    assume(total(joint) > -np.inf)
    conditional = joint - total(joint_of(case, prefix))
    for state in ways_to(case, tolerance, text, lengths, prefix):
        check_certificate(state, conditional, tolerance)


@settings(max_examples=40)
@given(cases(pairs=True), texts(7, 2), st.sampled_from([1e-6, 0.1, 0.5]))
def test_a_pruned_head_comes_back(case: Case, text: bytes, tolerance: float) -> None:
    """However often the pending heads were left out on the way, the certificate holds at every byte."""
    assume(total(joint_of(case, text)) > -np.inf)
    state = case.model(tolerance).prefill(b"")
    for i in range(len(text)):
        check_certificate(state, joint_of(case, text[:i]), tolerance)
        state = state.advance(text[i : i + 1])
    check_certificate(state, joint_of(case, text), tolerance)


def test_a_tolerance_saves_evaluations() -> None:
    """Otherwise the tests above would say nothing of pending heads."""

    @settings(max_examples=40, database=None, derandomize=True)
    @given(cases(pairs=True), texts(7, 2))
    def count(case: Case, text: bytes) -> None:
        assume(total(joint_of(case, text)) > -np.inf)
        exact, lazy = case.model(0.0), case.model(0.1)
        exact.prefill(text)
        state = lazy.prefill(text)
        assert lazy.effort.heads <= exact.effort.heads
        saved.append(exact.effort.heads - lazy.effort.heads)
        pending.append(any(not cover.evaluated for cover in state.covers()))

    saved: list[int] = []
    pending: list[bool] = []
    count()
    assert sum(saved) >= 20
    assert sum(pending) >= 5


@settings(max_examples=100)
@given(cases(pairs=False), texts(2), texts(5), st.sampled_from([1e-6, 0.1, 0.5]))
def test_every_segmentation_gives_a_lower_bound(case: Case, prefix: bytes, text: bytes, tolerance: float) -> None:
    """What is dropped makes the probability too low, never too high, and is counted."""
    joint = joint_of(case, prefix + text)
    assume(total(joint) > -np.inf)
    truth = total(joint) - total(joint_of(case, prefix))
    state = case.model(tolerance, prefix).prefill(text)
    assert -np.inf < state.logprob <= truth + NATS
    assert np.isfinite(case.model(tolerance, prefix).score(text)).all()
    assert 0 <= state.dropped < 1
    assert abs(np.exp(state.logprobs()).sum() - 1) <= 1e-12
    if state.dropped == 0:
        assert abs(state.logprob - truth) <= NATS
