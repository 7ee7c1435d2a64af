"""The order of an epoch."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bytelm.training.data.order import shuffled

_MASK = 2**64 - 1


def mixed(key: int) -> int:
    """The finalizer of SplitMix64, with numbers that do not overflow."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        key = ((key ^ (key >> shift)) * factor) & _MASK
    return key ^ (key >> 31)


def reference(count: int, seed: int, epoch: int) -> list[int]:
    """The definition, a number at a time."""
    step = 0x9E3779B97F4A7C15

    def next_of(key: int) -> int:
        return mixed((key + step) & _MASK)

    first = next_of(next_of(seed) ^ epoch)
    second = next_of(next_of(first))
    keys = [mixed(mixed((number * step + first) & _MASK) ^ second) for number in range(count)]
    return sorted(range(count), key=keys.__getitem__)


@given(count=st.integers(0, 50), seed=st.integers(0, 2**64 - 1), epoch=st.integers(0, 2**40))
def test_the_definition(count: int, seed: int, epoch: int) -> None:
    assert shuffled(count, seed, epoch).tolist() == reference(count, seed, epoch)


def test_it_stays_what_it_is() -> None:
    """Whoever goes on with training after an update reads the same rows."""
    assert shuffled(10, 0, 0).tolist() == [1, 7, 5, 6, 3, 8, 9, 2, 4, 0]
    assert shuffled(10, 7, 3).tolist() == [8, 0, 1, 2, 5, 4, 3, 7, 6, 9]
    assert shuffled(10, 2**64 - 1, 0).tolist() == [6, 9, 4, 8, 7, 5, 2, 3, 0, 1]


def test_it_looks_random() -> None:
    """Every number comes to every place about as often as to others, and no two epochs are alike."""
    count, epochs = 20, 4000
    found = np.stack([shuffled(count, 1, epoch) for epoch in range(epochs)])
    assert len(np.unique(found, axis=0)) == epochs
    for index in range(count):
        times = np.bincount(found[:, index], minlength=count)
        chi_squared = ((times - epochs / count) ** 2 / (epochs / count)).sum()
        assert chi_squared < 55  # of 19 degrees of freedom: exceeded once in 40,000
    follows = (np.diff(found, axis=1) == 1).mean()
    assert abs(follows - 1 / count) < 0.005
    assert (shuffled(1000, 1, 0) != shuffled(1000, 2, 0)).mean() > 0.98
