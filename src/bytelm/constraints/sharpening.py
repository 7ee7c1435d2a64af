"""A tolerance that holds for what a constraint allows, however improbable that is.

A byte model that leaves a tolerance knows each next symbol to a share of *all* probability. Where a constraint allows
little of that, as much may be unknown as known: so such a state is asked to look closer.
"""

from typing import Protocol, TypeGuard

import numpy as np

from bytelm.constraints.place import Mask
from bytelm.protocol import State

_STEP = 1e-3
"""How much closer to look where nothing is known yet of what is allowed."""

_CLOSEST = 1e-30
"""Closer than this is everything."""


class Refinable(State, Protocol):
    """A state that leaves a tolerance, and can leave less."""

    @property
    def tolerance(self) -> float:
        """How much of what is known may be left unknown, as a fraction."""
        ...

    def refined(self, tolerance: float) -> "Refinable":
        """This state at another tolerance; what it knows already it keeps."""
        ...


def sharpened(state: State, allowed: Mask) -> State:
    """The state, where it can, with no more unknown than its tolerance times what the allowed symbols have together.

    Its successors have the tolerance that it had.
    """
    if not refinable(state):
        return state
    found: Refinable = state
    aim = state.tolerance
    while _unknown(found, allowed) > state.tolerance * (mass := _mass(found, allowed)):
        wanted = state.tolerance * mass / 2
        aim = wanted if 0 < wanted < aim else aim * _STEP
        found = found.refined(aim if aim > _CLOSEST else 0.0)
    return state if found is state else found.refined(state.tolerance)


def refinable(state: State) -> TypeGuard[Refinable]:
    """Whether the state can leave less unknown; nothing is computed to find out."""
    return hasattr(type(state), "refined")


def _unknown(state: Refinable, allowed: Mask) -> float:
    """How far apart the bounds on the probability of an allowed symbol are, at most."""
    lower, upper = state.bounds()
    return float((np.exp(upper[allowed]) - np.exp(lower[allowed])).max())


def _mass(state: Refinable, allowed: Mask) -> float:
    return float(np.exp(state.logprobs()[allowed]).sum())
