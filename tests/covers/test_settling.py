"""Which pending heads are evaluated: as few as the tolerance asks for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bytelm.covers.settling import heaviest
from bytelm.tokens.lattice import TextHead

weights = st.lists(st.floats(-30, 0) | st.just(-np.inf), max_size=12)


@given(weights, st.floats(-20, 0), st.sampled_from([1e-6, 1e-2, 0.5]))
def test_the_heaviest_and_no_more(logweights: list[float], logmass: float, tolerance: float) -> None:
    """What is left is within the tolerance, and would not be with the lightest of those that were chosen."""
    pending = {TextHead(None, -1, (), 0): weight for weight in logweights}
    chosen = heaviest(pending, logmass, tolerance)
    rest = [weight for head, weight in pending.items() if head not in chosen]
    allowed = tolerance * np.exp(logmass)
    assert np.exp(rest).sum() <= allowed * (1 + 1e-9)
    if chosen:
        lightest = min(pending[head] for head in chosen)
        assert lightest >= max(rest, default=-np.inf)
        assert np.exp([*rest, lightest]).sum() > allowed * (1 - 1e-9)


@given(weights, st.floats(-20, 0), st.sampled_from([1e-6, 1e-2, 0.5]), st.data())
def test_what_is_chosen_at_the_end_counts_as_known(
    logweights: list[float], logmass: float, tolerance: float, data: st.DataObject
) -> None:
    pending = {TextHead(None, -1, (), data.draw(st.integers(0, 1))): weight for weight in logweights}
    chosen = heaviest(pending, logmass, tolerance, end=1)
    rest = [weight for head, weight in pending.items() if head not in chosen]
    known = np.exp(logmass) + sum(np.exp(pending[head]) for head in chosen if head.end == 1)
    assert np.exp(rest).sum() <= tolerance * known * (1 + 1e-9)
    assert len(chosen) <= len(heaviest(pending, logmass, tolerance))


def test_where_nothing_is_known_all_are_needed() -> None:
    heads = [TextHead(None, -1, (), 0) for _ in range(3)]
    pending = dict(zip(heads, [0.0, -5.0, -np.inf], strict=True))
    assert set(heaviest(pending, -np.inf, 0.1)) == set(heads[:2])
