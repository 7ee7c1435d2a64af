"""A tolerance holds for what a constraint allows, however little of the base model's probability that has."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import bytelm
from bytelm.constraints.building import constrain
from bytelm.constraints.sharpening import refinable, sharpened
from bytelm.constraints.state import ConstrainedState
from bytelm.covers.model import TokenizedLM
from bytelm.protocol import SYMBOLS, State
from covers.random_models import BYTES, Case, cases, texts
from decoding.byte_models import markov

several = st.lists(st.text("ab\xff", min_size=1, max_size=3), min_size=2)
tolerances = st.sampled_from([1e-6, 1e-2, 0.3])


def behind(lm: TokenizedLM, context: bytes, choices: list[bytes], before: bytes) -> ConstrainedState:
    state = constrain(lm, choices=choices, after=context).prefill(before)
    assume(possible(state.base) and possible(state))
    return state


def possible(state: State) -> bool:
    """Whether there is a next-byte distribution."""
    try:
        state.logprobs()
    except FloatingPointError:
        return False
    return True


@settings(max_examples=150)
@given(cases(pairs=True), tolerances, texts(4), several, st.data())
def test_the_tolerance_is_that_of_the_allowed_symbols(
    case: Case, tolerance: float, context: bytes, drawn: list[str], data: st.DataObject
) -> None:
    """Against the same model with nothing left unknown: each probability to the tolerance."""
    choices = [text.encode("latin-1") for text in drawn]
    text = data.draw(st.sampled_from(choices))
    before = text[: data.draw(st.integers(0, len(text) - 1))]
    exact = behind(case.model(0.0), context, choices, before)
    found = behind(case.model(tolerance), context, choices, before)
    difference = np.abs(np.exp(found.logprobs()) - np.exp(exact.logprobs())).max()
    assert difference <= tolerance + 1e-12
    lower, upper = found.bounds()
    assert (np.exp(lower) <= np.exp(exact.logprobs()) * (1 + 1e-12)).all()
    assert (np.exp(exact.logprobs()) <= np.exp(upper) * (1 + 1e-12)).all()
    assert (np.exp(upper) - np.exp(lower)).max() <= 2 * tolerance + 1e-12
    assert found.logmass == pytest.approx(exact.logmass, abs=2 * tolerance + 1e-12)


@settings(max_examples=60)
@given(cases(pairs=True), tolerances, texts(4))
def test_it_asks_no_more_where_all_is_allowed(case: Case, tolerance: float, context: bytes) -> None:
    state = case.model(tolerance).prefill(context)
    assume(possible(state))
    assert sharpened(state, np.ones(SYMBOLS, dtype=np.bool_)) is state


def test_impossible_is_not_unknown() -> None:
    """At a great tolerance the model has not looked for what is allowed here; that is no reason to give up."""
    rough, exact = bytelm.load(tolerance=0.3), bytelm.load(tolerance=0)
    mask = np.zeros(SYMBOLS, dtype=np.bool_)
    mask[[*BYTES, 0xE4]] = True
    base = rough.prefill("import nu")
    assert refinable(base)
    assert np.isneginf(base.logprobs()[mask]).any()
    state = constrain(rough, regex="[ab\u4e00-\u4eff]{2}", after="import nu").prefill("")
    truth = constrain(exact, regex="[ab\u4e00-\u4eff]{2}", after="import nu").prefill("")
    assert np.abs(np.exp(state.logprobs()) - np.exp(truth.logprobs())).max() <= 0.3
    assert np.isfinite(state.logprobs()[list(b"ab\xe4")]).all()


def test_successors_have_the_tolerance_of_the_base_model() -> None:
    lm = bytelm.load(tolerance=0.1)
    state = constrain(lm, regex="[\u4e00-\u4eff]x", after="import nu").prefill("")
    for text in ("\u4e00", "x"):
        state.logprobs()
        state = state.advance(text)
        assert refinable(state.base)
        assert state.base.tolerance == 0.1


def test_states_that_leave_no_tolerance_are_themselves() -> None:
    state = markov(1).prefill("a")
    assert sharpened(state, np.ones(SYMBOLS, dtype=np.bool_)) is state
