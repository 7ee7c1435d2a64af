"""Greedy decoding that asks the token model no more than it takes to be certain of the best symbol.

A distribution to a tolerance of 1e-6 is more than greedy decoding needs: it is enough that the lower bound of one
symbol lies above the upper bounds of all others. So states are kept at a coarse tolerance, and are refined, in the end
to 0, only where the best symbol is in doubt. The result is that of ``tolerance=0``, byte for byte.
"""

from collections.abc import Iterator

import numpy as np

from bytelm.covers.state import CoverState
from bytelm.protocol import END

COARSE = 0.9
"""The tolerance that states are kept at; nine bytes in ten need no more."""

FINER = (0.1, 1e-2, 1e-3, 1e-5, 0.0)


def greedy_symbols(state: CoverState) -> Iterator[int]:
    """The most probable symbols after a state of canonical segmentation at the tolerance ``COARSE``; ``END`` ends."""
    while True:
        symbol, state = _best(state)
        yield symbol
        if symbol == END:
            return
        state = state.refined(COARSE).advance(bytes([symbol]))


def _best(state: CoverState) -> tuple[int, CoverState]:
    """The most probable symbol, of equal ones the lowest, and the state as far as it had to be refined."""
    for tolerance in FINER:
        lower, upper = state.bounds()
        best = int(np.argmax(lower))
        if lower[best] > np.delete(upper, best).max():
            return best, state
        state = state.refined(tolerance)
    return int(np.argmax(state.logprobs())), state
