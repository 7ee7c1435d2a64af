"""What networks remember of a text, whatever form they give it: rows of it are joined, and taken apart again.

A state is what a network hands back to be called with next time: a cache of keys and values, a recurrent state, or
both, in objects, lists and dictionaries around tensors whose first axis is the row. Nothing else is assumed about it.
"""

from collections.abc import Callable, Hashable, Iterator
from copy import copy
from typing import Any

import torch

State = Any
"""A network's memory of some texts, one a row."""

PLAIN = (bool, int, float, str, type(None), torch.dtype, torch.device)


def joined(states: list[State]) -> State:
    """One state of as many rows as there are ``states``, which have one row each and the same ``signature``; a copy."""
    return _mapped(states, lambda tensors: torch.cat(tensors) if tensors[0].ndim else tensors[0].clone())


def row_of(state: State, row: int) -> State:
    """A state of one row; a copy, so that nothing of the others is kept with it."""
    return _mapped(
        [state], lambda tensors: tensors[0][row : row + 1].clone() if tensors[0].ndim else tensors[0].clone()
    )


def signature(state: State) -> Hashable:
    """What states must have in common to be rows of one: shapes, lengths, everything that is no tensor."""
    return tuple(_leaves(state))


def bytes_of(state: State) -> int:
    """How much memory its tensors take."""
    return sum(leaf.nbytes for leaf in _tensors(state))


def _mapped(states: list[State], of: Callable[[list[torch.Tensor]], torch.Tensor]) -> State:
    first = states[0]
    if isinstance(first, torch.Tensor):
        return of(states)
    if isinstance(first, PLAIN) or callable(first):
        return first
    if isinstance(first, (list, tuple)):
        return type(first)(_mapped(list(parts), of) for parts in zip(*states, strict=True))
    if isinstance(first, dict):
        return {key: _mapped([state[key] for state in states], of) for key in first}
    made = copy(first)
    for name in vars(first):
        setattr(made, name, _mapped([getattr(state, name) for state in states], of))
    return made


def _leaves(state: State) -> Iterator[Hashable]:
    if isinstance(state, torch.Tensor):
        yield tuple(state.shape)
    elif isinstance(state, PLAIN):
        yield state
    else:
        for part in _parts(state):
            yield from _leaves(part)


def _tensors(state: State) -> Iterator[torch.Tensor]:
    if isinstance(state, torch.Tensor):
        yield state
    elif not isinstance(state, PLAIN):
        for part in _parts(state):
            yield from _tensors(part)


def _parts(state: State) -> Iterator[State]:
    if isinstance(state, (list, tuple)):
        yield from state
    elif isinstance(state, dict):
        yield from state.values()
    elif not callable(state):
        yield from vars(state).values()
