"""Logits become the probabilities of what may follow, in main memory and on a device."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bytelm.covers.masses import DeviceMasses, HostMasses, Masses, Restriction, Wanted, drawing
from bytelm.engines.protocol import Logits
from bytelm.protocol import FloatArray
from bytelm.tokens.vocabulary import Vocabulary

TOKENS = [b"b", b"", b"ab", b"a", b"abc", b"ca", b"a", b"\xff", b"", b"bc"]
VOCABULARY = Vocabulary(TOKENS)
ENDS = (1, 5, 11)
"""A special token, a spelled one, and an id that the vocabulary does not have."""

IDS = 12


def slowly(logits: FloatArray, wanted: Wanted) -> tuple[FloatArray, float]:
    """By the definition, in float64."""
    probabilities = np.exp(logits - np.logaddexp.reduce(logits))
    masses = probabilities[VOCABULARY.order] * wanted.allowed
    masses[VOCABULARY.index[5]] = 0
    end = probabilities[list(ENDS)].sum() if wanted.ends else 0.0
    total = masses.sum() + end
    return (masses / total, end / total) if total > 0 else (masses, 0.0)


def made(logits: Logits, wanted: list[Wanted]) -> list[Masses]:
    return list(Restriction(VOCABULARY, ENDS).masses(logits, wanted))


wanted_rows = st.lists(
    st.builds(
        Wanted,
        st.lists(st.booleans(), min_size=VOCABULARY.size, max_size=VOCABULARY.size).map(
            lambda row: np.array(row, dtype=bool)
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize("place", ["float64", "float32", "device"])
@given(wanted=wanted_rows, seed=st.integers(0, 1000), spread=st.sampled_from([1.0, 20.0]))
def test_masses_are_those_of_the_definition(place: str, wanted: list[Wanted], seed: int, spread: float) -> None:
    exact = np.random.default_rng(seed).normal(0, spread, (len(wanted), IDS)).astype(np.float32)
    logits: Logits = exact.astype(np.float64) if place == "float64" else exact
    near = 1e-12 if place == "float64" else 5e-6
    found = made(torch.from_numpy(exact) if place == "device" else logits, wanted)
    for masses, row, one in zip(found, exact.astype(np.float64), wanted, strict=True):
        right, end = slowly(row, one)
        np.testing.assert_allclose(masses.array(), right, rtol=near, atol=1e-30)
        assert masses.end == pytest.approx(end, rel=near, abs=1e-30)
        for low in range(VOCABULARY.size):
            for high in range(low + 1, VOCABULARY.size + 1):
                assert masses.of(low, high) == pytest.approx(right[low:high].sum(), rel=10 * near, abs=1e-30)
                assert right[masses.best(low, high)] == right[low:high].max()
        expected = VOCABULARY.byte_masses(right, 0, VOCABULARY.size, 0)
        np.testing.assert_allclose(by_byte(masses, 0, VOCABULARY.size, 0), 2 * expected, rtol=near, atol=1e-30)
        _, exact_end, high = VOCABULARY.narrow(0, VOCABULARY.size, b"a")
        expected = VOCABULARY.byte_masses(right, exact_end, high, 1)
        np.testing.assert_allclose(by_byte(masses, exact_end, high, 1), 2 * expected, rtol=near, atol=1e-30)


def by_byte(masses: Masses, low: int, high: int, depth: int) -> FloatArray:
    """Twice the probabilities of some tokens by their byte at a depth."""
    sums = np.zeros(257)
    masses.add_by_byte(sums, 2.0, VOCABULARY, low, high, depth)
    assert sums[256] == 0
    return sums[:256]


@pytest.mark.parametrize("device", [False, True])
def test_what_may_follow_can_be_far_below_what_may_not(device: bool) -> None:
    logits = np.zeros((1, IDS), dtype=np.float32)
    logits[0, 3] = 500.0
    allowed = np.zeros(VOCABULARY.size, dtype=bool)
    allowed[[VOCABULARY.index[0], VOCABULARY.index[2]]] = True
    (masses,) = made(torch.from_numpy(logits) if device else logits, [Wanted(allowed, False)])
    assert isinstance(masses, HostMasses)
    assert masses.of(0, VOCABULARY.size) == 1
    assert masses.array()[VOCABULARY.index[2]] == 0.5


@pytest.mark.parametrize("device", [False, True])
def test_where_nothing_may_follow_nothing_does(device: bool) -> None:
    logits = np.zeros((1, IDS), dtype=np.float32)
    nothing = Wanted(np.zeros(VOCABULARY.size, dtype=bool), False)
    (masses,) = made(torch.from_numpy(logits) if device else logits, [nothing])
    assert masses.of(0, VOCABULARY.size) == masses.end == 0


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("device", [False, True])
def test_logits_that_are_no_distribution(wrong: float, device: bool) -> None:
    logits = np.zeros((1, IDS), dtype=np.float32)
    logits[0, 2] = wrong
    everything = Wanted(np.ones(VOCABULARY.size, dtype=bool), True)
    with pytest.raises(FloatingPointError, match="NaN or infinity"):
        made(torch.from_numpy(logits) if device else logits, [everything])
    with pytest.raises(FloatingPointError, match="NaN or infinity"):
        drawing(torch.from_numpy(logits) if device else logits)


@given(st.integers(1, 2000), st.integers(0, 1000), st.floats(0, 1, exclude_max=True))
def test_draws_are_by_cumulative_probability(size: int, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    scaled = rng.random(size) * (rng.random(size) < 0.5)
    scaled[rng.integers(size)] = 1.0
    sums = np.cumsum(scaled)
    with np.errstate(divide="ignore"):
        logits = np.log(scaled)[np.newaxis]
    stored = HostMasses(scaled, float(scaled.sum()), 0.0).drawn(0, size, share)
    for found in (stored, drawing(logits)(share), drawing(torch.from_numpy(logits).double())(share)):
        assert scaled[found] > 0
        before = sums[found] - scaled[found]
        assert before - 1e-9 <= share * sums[-1] <= sums[found] + 1e-9


def test_a_device_hands_over_one_narrow_range_at_a_time() -> None:
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(1, IDS)).astype(np.float32))
    (masses,) = made(logits, [Wanted(np.ones(VOCABULARY.size, dtype=bool), True)])
    assert isinstance(masses, DeviceMasses)
    _, low, high = VOCABULARY.narrow(0, VOCABULARY.size, b"a")
    near = masses.fetch(low, high)
    assert len(near) == high - low
    assert masses.fetch(low + 1, high).base is near.base
