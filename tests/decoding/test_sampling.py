import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.decoding.ranking import ranked, top_symbols
from bytelm.decoding.sampling import Sampling, choose, filtered
from bytelm.protocol import END, SYMBOLS, FloatArray


def distribution(seed: int, distinct: int = SYMBOLS) -> FloatArray:
    """Random log-probabilities; with few ``distinct`` values there are ties, and zeros where the value is 0."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, distinct, size=SYMBOLS).astype(float)
    weights[rng.integers(SYMBOLS)] = distinct
    with np.errstate(divide="ignore"):
        logprobs: FloatArray = np.log(weights / weights.sum())
    return logprobs


def slow_filtered(logprobs: FloatArray, sampling: Sampling) -> dict[int, float]:
    """The obvious way, with a dictionary of probabilities; temperature above 0."""
    chances = {s: math.exp(v / sampling.temperature) for s, v in enumerate(logprobs.tolist()) if v > -math.inf}

    def best_first() -> list[int]:
        total = math.fsum(chances.values())
        for symbol in chances:
            chances[symbol] /= total
        return sorted(chances, key=lambda symbol: (-chances[symbol], symbol))

    for symbol in best_first()[sampling.top_k or SYMBOLS :]:
        del chances[symbol]
    mass = 0.0
    for symbol in best_first():
        if mass >= sampling.top_p and sampling.top_p < 1 and mass > 0:
            mass += chances.pop(symbol)
        else:
            mass += chances[symbol]
    order = best_first()
    for symbol in order[1:]:
        if chances[symbol] < sampling.min_p * chances[order[0]]:
            del chances[symbol]
    best_first()
    return chances


samplings = st.builds(
    Sampling,
    temperature=st.floats(0.2, 5.0),
    top_p=st.floats(0.0, 1.0),
    top_k=st.integers(0, 300),
    min_p=st.one_of(st.just(0.0), st.floats(0.0, 1.0)),
)


@given(st.integers(0, 10**6), samplings)
def test_filters_agree_with_the_obvious_way(seed: int, sampling: Sampling) -> None:
    logprobs = distribution(seed)
    expected = slow_filtered(logprobs, sampling)
    found = np.exp(filtered(logprobs, sampling))
    kept = set(np.flatnonzero(found).tolist())
    # A symbol whose mass meets the edge of top-p to the last bit may fall on either side.
    assert len(kept ^ set(expected)) <= 1
    for symbol in kept & set(expected):
        assert found[symbol] == pytest.approx(expected[symbol], rel=1e-2 if kept ^ set(expected) else 1e-9)


@given(st.integers(0, 10**6), samplings)
def test_a_filtered_distribution_sums_to_one_and_keeps_the_best(seed: int, sampling: Sampling) -> None:
    logprobs = distribution(seed, distinct=6)
    before = logprobs.copy()
    found = filtered(logprobs, sampling)
    assert np.exp(found).sum() == pytest.approx(1.0, abs=1e-12)
    assert found[np.argmax(logprobs)] == found.max()
    assert not np.any(np.isfinite(found) & np.isneginf(logprobs))
    np.testing.assert_array_equal(logprobs, before)


def test_filters_worked_by_hand() -> None:
    logprobs = np.full(SYMBOLS, -np.inf)
    logprobs[[97, 98, 99, END]] = np.log([0.4, 0.3, 0.2, 0.1])

    def kept(**options: float) -> dict[int, float]:
        chances = np.exp(filtered(logprobs, Sampling(temperature=1.0, **options)))  # type: ignore[arg-type]
        return {int(s): round(float(chances[s]), 6) for s in np.flatnonzero(chances)}

    assert kept() == {97: 0.4, 98: 0.3, 99: 0.2, END: 0.1}
    assert kept(top_k=2) == {97: 0.571429, 98: 0.428571}
    assert kept(top_p=0.75) == {97: 0.444444, 98: 0.333333, 99: 0.222222}
    assert kept(top_p=0.0) == {97: 1.0}
    assert kept(min_p=0.6) == {97: 0.571429, 98: 0.428571}
    assert kept(top_k=3, top_p=0.5) == {97: 0.571429, 98: 0.428571}  # 0.5 of what top-k left
    assert filtered(logprobs, Sampling())[97] == 0.0


def test_ties_go_to_the_lowest_symbol() -> None:
    flat = np.full(SYMBOLS, -math.log(SYMBOLS))
    rng = np.random.default_rng(0)
    assert choose(flat, Sampling(), rng) == 0
    assert ranked(flat).tolist() == list(range(SYMBOLS))
    kept = filtered(flat, Sampling(temperature=1.0, top_k=3))
    assert np.flatnonzero(np.isfinite(kept)).tolist() == [0, 1, 2]


def test_greedy_choice_leaves_the_generator_alone() -> None:
    rng, untouched = np.random.default_rng(5), np.random.default_rng(5)
    assert choose(distribution(1), Sampling(), rng) == int(np.argmax(distribution(1)))
    assert rng.random() == untouched.random()


def test_draws_follow_the_filtered_distribution() -> None:
    logprobs, sampling = distribution(3), Sampling(temperature=0.7, top_k=20, top_p=0.95)
    chances = np.exp(filtered(logprobs, sampling))
    rng = np.random.default_rng(0)
    draws = 10_000
    counts = np.bincount([choose(logprobs, sampling, rng) for _ in range(draws)], minlength=SYMBOLS)
    live = chances > 0
    assert counts[~live].sum() == 0
    chi_square = float((((counts - draws * chances) ** 2)[live] / (draws * chances[live])).sum())
    freedom = int(live.sum()) - 1
    assert chi_square < freedom + 4 * math.sqrt(2 * freedom)


class Fixed(np.random.Generator):
    """A generator whose every number is ``value``."""

    def __init__(self, value: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.value = value

    def random(self, *_: object, **__: object) -> float:  # type: ignore[override]
        return self.value


@pytest.mark.parametrize("value", [0.0, 0.5, np.nextafter(1.0, 0.0)])
@given(seed=st.integers(0, 10**6))
def test_the_impossible_is_never_drawn(value: float, seed: int) -> None:
    logprobs = distribution(seed, distinct=3)
    symbol = choose(logprobs, Sampling(temperature=1.0), Fixed(value))
    assert np.isfinite(logprobs[symbol])


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e300, sys.float_info.max])
def test_extreme_temperatures(temperature: float) -> None:
    chances = np.exp(filtered(distribution(2), Sampling(temperature=temperature)))
    assert chances.sum() == pytest.approx(1.0)
    live = np.isfinite(distribution(2))
    if temperature < 1:
        assert chances[np.argmax(distribution(2))] == 1.0
    else:
        np.testing.assert_allclose(chances[live], 1 / live.sum())


@pytest.mark.parametrize("broken", [np.full(SYMBOLS, -np.inf), np.full(SYMBOLS, np.nan)])
def test_a_distribution_without_a_best_symbol_is_an_error(broken: FloatArray) -> None:
    with pytest.raises(ValueError, match="expected a finite number"):
        filtered(broken, Sampling())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1.0}, "temperature is -1.0; expected a finite number of at least 0: 0 is greedy"),
        ({"temperature": math.inf}, "temperature is inf; expected a finite number"),
        ({"temperature": math.nan}, "temperature is nan; expected a finite number"),
        ({"temperature": "hot"}, "temperature is 'hot'; expected a finite number"),
        ({"top_p": 1.5}, "top_p is 1.5; expected a number from 0 to 1: 1 keeps every symbol"),
        ({"top_k": -1}, "top_k is -1; expected a whole number of at least 0: 0 keeps every symbol"),
        ({"top_k": 2.0}, "top_k is 2.0; expected a whole number"),
        ({"top_k": True}, "top_k is True; expected a whole number"),
        ({"min_p": -0.1}, "min_p is -0.1; expected a number from 0 to 1: 0 keeps every symbol"),
    ],
)
def test_options_outside_their_range(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sampling(**options)  # type: ignore[arg-type]


def test_top_symbols() -> None:
    logprobs = np.full(SYMBOLS, -np.inf)
    logprobs[[100, END]] = np.log([0.25, 0.75])
    assert top_symbols(logprobs, 3) == [(END, math.log(0.75)), (b"d", math.log(0.25)), (b"\0", -math.inf)]
    assert len(top_symbols(logprobs, 1000)) == SYMBOLS
    with pytest.raises(ValueError, match="k is -1"):
        top_symbols(logprobs, -1)
