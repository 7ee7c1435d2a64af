"""``covers()``: what the probability of the bytes so far is made of, for people to look at."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bytelm.covers.state import CoverState
from covers.comparing import NATS, joint_of, total
from covers.random_models import Case, cases, table, texts
from covers.tiny_tokenizers import tiny_tokenizer


def check_list(state: CoverState, case: Case, text: bytes) -> None:
    """Best first, each spelling the text, with its head's own probability as the bound of its weight."""
    covers = state.covers()
    weights = [cover.logweight for cover in covers]
    assert weights == sorted(weights, reverse=True)
    assert len({(cover.tokens, cover.rest) for cover in covers}) == len(covers)
    spelling = case.rule.vocabulary.token_bytes
    for cover in covers:
        assert b"".join(spelling[token] for token in cover.tokens) + cover.rest == text


@settings(max_examples=60)
@given(cases(pairs=True) | cases(pairs=False), texts())
def test_the_weights_add_up_to_the_probability(case: Case, text: bytes) -> None:
    joint = joint_of(case, text)
    assume(total(joint) > -np.inf)
    state = case.model().prefill(text)
    check_list(state, case, text)
    assert all(cover.evaluated for cover in state.covers())
    assert abs(total(np.array([cover.logweight for cover in state.covers()])) - total(joint)) <= NATS


@settings(max_examples=60)
@given(cases(pairs=True), texts(7, 2), st.sampled_from([0.05, 0.5]))
def test_pending_weights_are_upper_bounds(case: Case, text: bytes, tolerance: float) -> None:
    """The evaluated weights fall short of the probability, and with the pending ones they reach it."""
    joint = joint_of(case, text)
    assume(total(joint) > -np.inf)
    state = case.model(tolerance).prefill(text)
    check_list(state, case, text)
    exact = {(cover.tokens, cover.rest): cover.logweight for cover in case.model().prefill(text).covers()}
    for cover in state.covers():
        truth = exact.get((cover.tokens, cover.rest), -np.inf)
        assert abs(cover.logweight - truth) <= NATS if cover.evaluated else truth <= cover.logweight + NATS
    known = total(np.array([cover.logweight for cover in state.covers() if cover.evaluated]))
    everything = total(np.array([cover.logweight for cover in state.covers()]))
    assert known - NATS <= total(joint) <= everything + NATS
    assert total(joint) - known <= np.log1p(tolerance) + NATS


def sentencepiece(tolerance: float, text: str) -> CoverState:
    tokenizer = tiny_tokenizer("sentencepiece", 1)
    case = Case(tokenizer.view.canonical, table(tokenizer.view.size, 0, 1.0), tokenizer.ends)
    return case.model(tolerance, tokenizer.prefix).prefill(text)


def test_the_bytes_put_before_every_text_are_part_of_the_covers() -> None:
    """They belong to the tokens, so they are shown; the weights are those of the text, given these bytes."""
    tokenizer = tiny_tokenizer("sentencepiece", 1)
    state = sentencepiece(0.0, "a bé")
    for cover in state.covers():
        spelled = b"".join(map(tokenizer.view.token_bytes, cover.tokens)) + cover.rest
        assert spelled == " a bé".encode()
    assert abs(total(np.array([cover.logweight for cover in state.covers()])) - state.logprob) <= NATS


def test_a_state_shows_its_covers() -> None:
    exact, lazy = repr(sentencepiece(0.0, "a b")), repr(sentencepiece(0.5, "a b"))
    assert "a·b" in exact
    assert "live cover" in exact
    assert "pending" not in exact
    assert "pending" in lazy
