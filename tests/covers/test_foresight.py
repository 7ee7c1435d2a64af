"""Heads that are asked about ahead of time: the same answers, in fewer passes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bytelm
from bytelm.covers import foresight
from bytelm.covers.model import TokenizedLM
from bytelm.covers.state import CoverState
from bytelm.protocol import END, FloatArray
from covers.random_models import Case, cases

TEXT = b"def main(argv=None):\n    parser = argparse.ArgumentParser()\n    return parser\n"


def walked(model: TokenizedLM, choices: list[int]) -> list[FloatArray]:
    """The distributions along a text that always goes on with a possible byte."""
    state, found = model.prefill(b""), []
    for choice in choices:
        found.append(state.logprobs())
        possible = np.flatnonzero(found[-1][:END] > -np.inf)
        if not possible.size:
            break
        state = state.advance(bytes([int(possible[choice % possible.size])]))
    return [*found, state.logprobs()]


@settings(max_examples=80)
@given(cases(pairs=True), st.sampled_from([0.0, 1e-6, 0.1]), st.lists(st.integers(0, 5), max_size=10))
def test_answers_are_those_of_a_model_that_looks_nowhere(case: Case, tolerance: float, choices: list[int]) -> None:
    found = walked(case.model(tolerance), choices)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foresight, "MOST", 0)
        plain = walked(case.model(tolerance), choices)
    assert len(found) == len(plain)
    for one, other in zip(found, plain, strict=True):
        np.testing.assert_allclose(np.exp(one), np.exp(other), atol=1e-12)


def stepped(model: TokenizedLM) -> tuple[CoverState, int]:
    state, before = model.prefill(b""), model.effort.passes
    for place in range(len(TEXT)):
        state = state.advance(TEXT[place : place + 1])
    return state, model.effort.passes - before


def test_it_saves_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    state, passes = stepped(bytelm.load())
    monkeypatch.setattr(foresight, "MOST", 0)
    plain, without = stepped(bytelm.load())
    assert passes < 0.75 * without
    assert state.logprob == pytest.approx(plain.logprob, abs=1e-3)
    np.testing.assert_allclose(state.logprobs()[:128], plain.logprobs()[:128], atol=2e-3)


def test_both_branches_of_a_state_know_what_it_foresaw() -> None:
    model = bytelm.load()
    state = model.prefill("import nu")
    before = model.effort.passes
    first, second = state.advance("m"), state.advance("m")
    assert model.effort.passes == before
    np.testing.assert_allclose(np.exp(first.logprobs()), np.exp(second.logprobs()), atol=1e-5)
    other = state.advance("l")
    np.testing.assert_allclose(np.exp(other.logprobs()), np.exp(model.prefill("import nul").logprobs()), atol=1e-5)


def test_filtered_draws_are_those_of_the_states() -> None:
    model = bytelm.load()
    drawn = model.generate("import n", max_bytes=24, temperature=0.7, seed=5)
    rng = np.random.default_rng(np.random.SeedSequence(5, spawn_key=(0,)))
    state, made = model.prefill("import n"), b""
    for _ in range(24):
        logits = state.logprobs() / 0.7
        cumulative = np.cumsum(np.exp(logits - logits.max()))
        symbol = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
        if symbol == END:
            break
        made += bytes([symbol])
        state = state.advance(made[-1:])
    assert drawn == made
