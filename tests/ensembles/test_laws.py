"""What holds for every way to make an ensemble: it is a byte model, and of one model with itself that model."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytelm
from bytelm.ensembles.building import HOW
from bytelm.ensembles.model import EnsembleLM
from bytelm.protocol import END, SYMBOLS
from decoding.byte_models import Markov, markov

SMALL = b"abc"
MEMBERS = [markov(seed, SMALL) for seed in (1, 2, 3)]
COUNT = {"contrast": 2, "proxy": 3}
TEXTS = st.text("abc", max_size=6).map(str.encode)
WAYS = pytest.mark.parametrize("how", HOW)


def made(how: str, members: list[Markov] | None = None) -> EnsembleLM:
    return bytelm.ensemble((MEMBERS if members is None else members)[: COUNT.get(how, 3)], how)


@WAYS
@given(TEXTS, TEXTS)
def test_it_is_a_byte_model(how: str, before: bytes, after: bytes) -> None:
    lm = made(how)
    state = lm.prefill(before).advance(after)
    assert state.logprobs().shape == (SYMBOLS,)
    assert abs(np.logaddexp.reduce(state.logprobs())) < 1e-12
    np.testing.assert_allclose(state.logprobs(), lm.prefill(before + after).logprobs(), atol=1e-9)
    assert state.logprob == pytest.approx(lm.prefill(before + after).logprob, abs=1e-9)
    assert math.fsum(lm.score(before + after)) == pytest.approx(state.logprob, abs=1e-9)
    lower, upper = state.bounds()
    assert (lower <= state.logprobs() + 1e-12).all()
    assert (state.logprobs() <= upper + 1e-12).all()


@WAYS
@given(TEXTS)
def test_a_model_with_itself_is_that_model(how: str, text: bytes) -> None:
    model = MEMBERS[0]
    lm = made(how, [model] * 3) if how != "contrast" else bytelm.ensemble([model] * 2, how, plausible=0.0)
    np.testing.assert_allclose(lm.score(text), model.score(text), atol=1e-9)
    np.testing.assert_allclose(lm.prefill(text).logprobs(), model.prefill(text).logprobs(), atol=1e-9)


@WAYS
def test_one_member_is_that_member(how: str) -> None:
    if how in COUNT:
        with pytest.raises(ValueError, match=f"takes {COUNT[how]} members, .*; got 1"):
            bytelm.ensemble(MEMBERS[:1], how)
    else:
        lm = bytelm.ensemble(MEMBERS[:1], how)
        np.testing.assert_allclose(lm.score("abcabc"), MEMBERS[0].score("abcabc"), atol=1e-12)


@WAYS
@given(st.lists(TEXTS, max_size=4), st.integers(0, 3))
def test_a_batch_is_its_single_states(how: str, texts: list[bytes], seed: int) -> None:
    lm = made(how)
    batch = lm.prefill(texts).advance([text[::-1] for text in texts])
    for text, state in zip(texts, batch, strict=True):
        single = lm.prefill(text).advance(text[::-1])
        np.testing.assert_allclose(state.logprobs(), single.logprobs(), atol=1e-12)
        np.testing.assert_allclose(state.weights, single.weights, atol=1e-12)
    for one, text in zip(lm.score(texts), texts, strict=True):
        np.testing.assert_allclose(one, lm.score(text), atol=1e-12)
    drawn = lm.generate(texts, max_bytes=5, temperature=1.0, seed=seed)
    assert [len(one) <= 5 for one in drawn] == [True] * len(texts)
    assert lm.generate(texts, max_bytes=5) == [lm.generate(text, max_bytes=5) for text in texts]


@WAYS
def test_states_are_frozen(how: str) -> None:
    state = made(how).prefill(b"ab")
    before = state.logprobs().copy(), state.weights.copy(), state.logprob, repr(state)
    state.advance(b"c").advance(b"ab")
    state.advance(b"b").logprobs()
    np.testing.assert_array_equal(state.logprobs(), before[0])
    np.testing.assert_array_equal(state.weights, before[1])
    assert (state.logprob, repr(state)) == before[2:]


@WAYS
def test_all_texts_together_have_probability_one(how: str) -> None:
    """Texts that end after at most two bytes, and those that go on, share the probability."""
    lm = made(how)
    symbols = [bytes((byte,)) for byte in SMALL]
    starts = [b"", *symbols, *(a + b for a in symbols for b in symbols)]
    ended = [lm.prefill(text).logprob + lm.prefill(text).logprobs()[END] for text in starts]
    going = [lm.prefill(a + b + c).logprob for a in symbols for b in symbols for c in symbols]
    assert np.exp(np.logaddexp.reduce([*ended, *going])) == pytest.approx(1, abs=1e-9)


def test_ensembles_are_members_of_ensembles() -> None:
    inner = bytelm.ensemble(MEMBERS[:2], "mean")
    outer = bytelm.ensemble([inner, MEMBERS[2]], "mean", weights=[2, 1])
    flat = bytelm.ensemble(MEMBERS, "mean")
    np.testing.assert_allclose(outer.score("abcab"), flat.score("abcab"), atol=1e-12)
