"""The bounds contain every distribution that the base model's bounds allow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bytelm
from bytelm.constraints.building import constrain
from bytelm.constraints.masses import restricted, restricted_bounds
from bytelm.constraints.place import Mask
from bytelm.protocol import SYMBOLS, FloatArray
from decoding.byte_models import markov

FLOAT32 = 1e-5
"""Nats between two evaluations of the same network."""

seeds = st.integers(0, 10**6)


def truth_and_bounds(rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Random log-probabilities, some of them ``-inf``, and bounds on them, as wide as may be."""
    weights = np.exp(rng.normal(0, 4, SYMBOLS)) * (rng.random(SYMBOLS) < 0.8)
    truth = weights / weights.sum()
    lower = truth * np.clip(rng.normal(0.9, 0.2, SYMBOLS), 0, 1) * (rng.random(SYMBOLS) < 0.8)
    upper = np.minimum(1, truth * (1 + rng.exponential(0.1, SYMBOLS)) + rng.exponential(1e-3) * rng.random(SYMBOLS))
    with np.errstate(divide="ignore"):
        return np.log(truth), np.log(lower), np.log(upper)


def some_symbols(rng: np.random.Generator, count: int) -> Mask:
    allowed = np.zeros(SYMBOLS, dtype=np.bool_)
    allowed[rng.choice(SYMBOLS, count, replace=False)] = True
    return allowed


@settings(max_examples=100)
@given(seeds, st.integers(2, 30))
def test_bounds_contain_the_truth(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    truth, lower, upper = truth_and_bounds(rng)
    allowed = some_symbols(rng, count)
    if np.exp(truth[allowed]).sum() == 0:
        return
    low, high = restricted_bounds(lower, upper, allowed)
    middle = restricted(truth, allowed)
    assert (np.exp(low) <= np.exp(middle) * (1 + 1e-12)).all()
    assert (np.exp(middle) <= np.exp(high) * (1 + 1e-12)).all()


@settings(max_examples=40)
@given(seeds, st.integers(2, 20))
def test_bounds_against_the_definition(seed: int, count: int) -> None:
    """Each is what the plain formula gives with that symbol at its worst and all others at their best."""
    rng = np.random.default_rng(seed)
    _, lower, upper = truth_and_bounds(rng)
    allowed = some_symbols(rng, count)
    low, high = restricted_bounds(lower, upper, allowed)
    least, most = np.exp(lower), np.exp(upper)
    lacking = 1 - least.sum() + 1e-14
    for symbol in range(SYMBOLS):
        others = allowed & (np.arange(SYMBOLS) != symbol)
        rivals = min(most[others].sum(), least[others].sum() + lacking)
        for found, mass, rest in ((low, least[symbol], rivals), (high, most[symbol], least[others].sum())):
            expected = mass / (mass + rest) if allowed[symbol] and mass > 0 else 0.0
            assert np.exp(found[symbol]) == pytest.approx(expected, rel=1e-9)


def test_bounds_of_the_bundled_model_contain_the_truth() -> None:
    rough, exact = bytelm.load(tolerance=0.3), bytelm.load(tolerance=0)
    gaps = []
    for context in ("import nu", "def __in", "for i in ran", "retu", "x = self.", "    print(so"):
        for regex in ("[a-z]{2}", "(mpy|it__|ge)", "[^a-m]"):
            state = constrain(rough, regex=regex, after=context).prefill("")
            lower, upper = state.bounds()
            truth = constrain(exact, regex=regex, after=context).prefill("").logprobs()
            assert (lower <= state.logprobs()).all()
            assert (state.logprobs() <= upper).all()
            assert (lower <= truth + FLOAT32).all()
            assert (truth <= upper + FLOAT32).all()
            gaps.append(float((np.exp(upper) - np.exp(lower)).max()))
    assert max(gaps) > 1e-3


def test_bounds_of_an_exact_model_are_the_distribution_twice() -> None:
    state = constrain(markov(1), regex="[a-z]b").prefill("")
    for one in (state, state.advance("a")):
        assert all(np.array_equal(bound, one.logprobs()) for bound in one.bounds())
