"""What each way computes, against its definition in plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bytelm
from bytelm.ensembles.pools import LEAST
from bytelm.ensembles.ways import RATES
from bytelm.protocol import END, FloatArray
from decoding.byte_models import markov, scripted

SMALL = b"abc"
MEMBERS = [markov(seed, SMALL) for seed in (1, 2, 3)]
TEXTS = st.text("abc", max_size=8).map(str.encode)
SYMBOLS = [*SMALL, END]


def given_by(members: list, text: bytes) -> list[dict[int, float]]:
    """The probabilities of the symbols that are possible, of each member after a text."""
    rows = [member.prefill(text).logprobs() for member in members]
    return [{symbol: math.exp(row[symbol]) for symbol in SYMBOLS} for row in rows]


def normalised(scores: dict[int, float]) -> FloatArray:
    total = sum(scores.values())
    return np.array([scores[symbol] / total for symbol in SYMBOLS])


def found(lm: object, text: bytes) -> FloatArray:
    return np.exp(lm.prefill(text).logprobs()[SYMBOLS])  # type: ignore[attr-defined]


@given(TEXTS, st.lists(st.floats(0.01, 10), min_size=3, max_size=3))
def test_means_and_products(text: bytes, weights: list[float]) -> None:
    rows = given_by(MEMBERS, text)
    total = sum(weights)
    mean = {s: sum(w / total * row[s] for w, row in zip(weights, rows, strict=True)) for s in SYMBOLS}
    lm = bytelm.ensemble(MEMBERS, "mean", weights)
    np.testing.assert_allclose(found(lm, text), normalised(mean), atol=1e-9)
    product = {s: math.prod(row[s] ** w for w, row in zip(weights, rows, strict=True)) for s in SYMBOLS}
    np.testing.assert_allclose(
        found(bytelm.ensemble(MEMBERS, "product", weights), text), normalised(product), atol=1e-9
    )


@given(TEXTS)
def test_extremes(text: bytes) -> None:
    rows = given_by(MEMBERS, text)
    for how, chosen in (("min", min), ("max", max)):
        scores = {s: chosen(row[s] for row in rows) for s in SYMBOLS}
        np.testing.assert_allclose(found(bytelm.ensemble(MEMBERS, how), text), normalised(scores), atol=1e-9)


@given(TEXTS, st.floats(0, 3), st.floats(0.001, 1))
def test_contrast_and_proxy(text: bytes, strength: float, plausible: float) -> None:
    base, expert, anti = given_by(MEMBERS, text)
    moved = {s: base[s] * (expert[s] / anti[s]) ** strength for s in SYMBOLS}
    lm = bytelm.ensemble(MEMBERS, "proxy", strength=strength)
    np.testing.assert_allclose(found(lm, text), normalised(moved), atol=1e-9)
    best = max(base.values())
    sharp = {s: base[s] ** (1 + strength) / expert[s] ** strength for s in SYMBOLS}
    kept = {s: sharp[s] if base[s] >= plausible * best * (1 - 1e-12) else 0.0 for s in SYMBOLS}
    lm = bytelm.ensemble(MEMBERS[:2], "contrast", strength=strength, plausible=plausible)
    np.testing.assert_allclose(found(lm, text), normalised(kept), atol=1e-9)


@given(TEXTS, st.sampled_from([0.0, 0.01, 0.3, 1.0]), st.lists(st.floats(0.1, 5), min_size=3, max_size=3))
def test_the_mixture_sums_over_all_sequences_of_experts(text: bytes, switch: float, weights: list[float]) -> None:
    """Fixed share is the forward pass of a chain whose hidden state is the right member."""
    total = sum(weights)
    prior = [w / total for w in weights]
    scores = [[math.exp(s) for s in member.score(text)] for member in MEMBERS]
    ways = {(): 1.0}
    for place in range(len(text)):
        after: dict[tuple[int, ...], float] = {}
        for path, weight in ways.items():
            for member in range(3):
                stays = (1 - switch) * (path[-1] == member) if path else 0.0
                move = stays + (switch if path else 1.0) * prior[member]
                after[(*path, member)] = weight * move * scores[member][place]
        ways = after
        if len(ways) > 3**5:  # the sum over all but the last member is all that counts
            ways = {(m,): sum(w for path, w in ways.items() if path[-1] == m) for m in range(3)}
    lm = bytelm.ensemble(MEMBERS, "mixture", weights, switch=switch)
    assert lm.prefill(text).logprob == pytest.approx(math.log(sum(ways.values())), abs=1e-9)


@given(TEXTS)
def test_rates_are_learned_by_bayes(text: bytes) -> None:
    """All rates together are the mean of each alone, over whole texts."""
    alone = [bytelm.ensemble(MEMBERS, switch=rate).prefill(text).logprob for rate in RATES]
    found = bytelm.ensemble(MEMBERS).prefill(text).logprob
    assert found == pytest.approx(np.logaddexp.reduce(alone) - math.log(len(RATES)), abs=1e-9)


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_the_mixture_keeps_its_promise(texts: list[bytes]) -> None:
    """The bound of its docstring, for each member."""
    text = b"".join(texts)
    loss = -bytelm.ensemble(MEMBERS).score(text).sum()
    for member in MEMBERS:
        for rate in RATES:
            allowed = math.log(3 * len(RATES)) - len(text) * math.log(1 - rate * 2 / 3)
            assert loss <= -member.score(text).sum() + allowed + 1e-9


def test_the_mixture_follows_the_better_member() -> None:
    lm = bytelm.ensemble([markov(1, b"ab"), markov(1, b"cd")], "mixture", switch=0.01)
    state = lm.prefill("abab")
    assert state.weights.tolist() == pytest.approx([0.995, 0.005])
    assert state.advance("cd").weights.tolist() == pytest.approx([0.005, 0.995])
    plain = bytelm.ensemble([markov(1, b"ab"), markov(1, b"abcd")], "mixture", switch=0).prefill("ab")
    assert plain.weights.sum() == pytest.approx(1)
    assert plain.advance("c").weights.tolist() == [0, 1]


def test_members_that_rule_all_out_tell_nothing() -> None:
    lm = bytelm.ensemble([markov(1, b"ab"), markov(2, b"ab")], "mixture")
    state = lm.prefill("ab")
    after = state.advance("z")
    np.testing.assert_array_equal(after.weights, state.weights)
    assert after.logprob == -math.inf
    assert lm.prefill("abz").logprob == -math.inf


def test_members_of_a_product_must_agree() -> None:
    lm = bytelm.ensemble([scripted(b"a"), scripted(b"b")], "product")
    with pytest.raises(FloatingPointError, match=r"no next byte that all of them hold possible; use how=\"mean\""):
        lm.prefill("").logprobs()
    assert bytelm.ensemble([scripted(b"a"), scripted(b"b")], "max").prefill("").top(2) == [
        (b"a", -math.log(2)),
        (b"b", -math.log(2)),
    ]


def test_a_zero_that_is_subtracted_is_finite() -> None:
    lm = bytelm.ensemble([markov(1, SMALL), scripted(b"a")], "contrast", strength=1, plausible=0)
    base = markov(1, SMALL).prefill("").logprobs()[SYMBOLS]
    logs = 2 * base - np.where(np.array(SYMBOLS) == ord("a"), 0.0, LEAST)
    np.testing.assert_allclose(found(lm, b""), np.exp(logs - np.logaddexp.reduce(logs)), atol=1e-12)


def test_a_member_of_weight_zero_does_not_count() -> None:
    lm = bytelm.ensemble([markov(1, SMALL), scripted(b"a")], "product", weights=[1, 0])
    np.testing.assert_allclose(lm.score("abc"), markov(1, SMALL).score("abc"), atol=1e-12)
