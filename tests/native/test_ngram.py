"""Counting models against their definition, in plain Python."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytelm
from bytelm.native.contexts import Contexts
from bytelm.protocol import END, SYMBOLS

TEXTS = st.lists(st.text("ab\x00", max_size=7).map(str.encode), max_size=4)
BEGIN = -1


def counted(texts: list[bytes], context: tuple[int, ...]) -> Counter[int]:
    """What follows a context in some texts, of which each begins with any number of ``BEGIN``."""
    found: Counter[int] = Counter()
    for text in texts:
        symbols = [BEGIN] * 9 + [*text, END]
        for place in range(9, len(symbols)):
            if tuple(symbols[place - len(context) : place]) == context:
                found[symbols[place]] += 1
    return found


def slowly(texts: list[bytes], before: bytes, order: int, adaptive: bool) -> list[float]:
    """The definition, symbol by symbol."""
    found = [1 / SYMBOLS] * SYMBOLS
    for length in range(order + 1):
        context = tuple(([BEGIN] * 9 + [*before])[9 + len(before) - length :])
        counts = counted(texts, context)
        if adaptive and BEGIN not in context:
            places = range(length, len(before))
            counts += Counter(before[p] for p in places if tuple(before[p - length : p]) == context)
        total = sum(counts.values())
        if total:
            lent = 0.5 * len(counts)
            found = [(max(counts[s] - 0.5, 0) + lent * found[s]) / total for s in range(SYMBOLS)]
    return found


@given(TEXTS, st.text("ab\x00", max_size=9).map(str.encode), st.integers(0, 7), st.booleans())
def test_probabilities_are_those_of_the_definition(
    texts: list[bytes], before: bytes, order: int, adaptive: bool
) -> None:
    lm = bytelm.ngram(texts, order=order, adaptive=adaptive)
    logprobs = lm.prefill(before).logprobs()
    np.testing.assert_allclose(np.exp(logprobs), slowly(texts, before, order, adaptive), atol=1e-12)
    assert abs(np.logaddexp.reduce(logprobs)) < 1e-12


@given(TEXTS, st.binary(max_size=12), st.binary(max_size=5))
def test_it_is_a_byte_model(texts: list[bytes], before: bytes, after: bytes) -> None:
    lm = bytelm.ngram(texts)
    state = lm.prefill(before)
    kept = state.logprobs().copy()
    assert state.advance(after).logprob == pytest.approx(math.fsum(lm.score(before + after)), abs=1e-9)
    np.testing.assert_array_equal(state.logprobs(), kept)
    np.testing.assert_array_equal(state.advance(after).logprobs(), lm.prefill(before + after).logprobs())


@given(st.lists(st.binary(max_size=9), max_size=3), st.binary(max_size=9))
def test_contexts_are_counted(texts: list[bytes], before: bytes) -> None:
    following = Contexts(texts).following(before, 7)
    for length, counts in enumerate(following):
        context = tuple(([BEGIN] * 9 + [*before])[9 + len(before) - length :])
        assert {s: n for s, n in enumerate(counts.tolist()) if n} == dict(counted(texts, context))
    if len(following) < 8:
        context = tuple(([BEGIN] * 9 + [*before])[9 + len(before) - len(following) :])
        assert not counted(texts, context)


def test_it_learns_from_the_text() -> None:
    lm = bytelm.ngram()
    scores = lm.score(b"abcdefgh" * 8)
    assert scores[:8].mean() < -4
    assert scores[-8:].mean() > -0.2
    assert bytelm.ngram(adaptive=False).score(b"abab").tolist() == pytest.approx([-math.log(SYMBOLS)] * 4)


def test_only_the_last_bytes_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bytelm.native.ngram.HISTORY", 8)
    lm = bytelm.ngram()
    text = b"abcabcabcxyzxyzxyz"
    np.testing.assert_array_equal(lm.prefill(text).logprobs(), lm.prefill(text[-8:]).logprobs())
    state = lm.prefill(b"").advance(text)
    np.testing.assert_array_equal(state.logprobs(), lm.prefill(text).logprobs())
    assert state.logprob == pytest.approx(math.fsum(lm.score(text)))


@pytest.mark.parametrize("order", [-1, 8, True])
def test_orders_out_of_range(order: int) -> None:
    with pytest.raises(ValueError, match=f"order is how many bytes of context count, from 0 to 7; got {order}"):
        bytelm.ngram(b"abc", order=order)


def test_what_it_shows() -> None:
    state = bytelm.ngram("abc abc").prefill("ab")
    assert repr(state).splitlines()[0] == "after  ab▏"
    assert repr(state).splitlines()[-1] == "  exact"
    assert state.top(1)[0][0] == b"c"
    assert state.logprob < 0
    assert "log P = " in repr(state)
    lower, upper = state.bounds()
    np.testing.assert_array_equal(lower, upper)
