"""Several states as one: a leading axis everywhere."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import numpy as np

from bytelm.decoding.ranking import top_symbols
from bytelm.decoding.texts import Texts, as_texts
from bytelm.protocol import SYMBOLS, FloatArray, State, Text, is_batch
from bytelm.rendering_html import render_batch_html

SHOWN = 10
"""How many states a notebook shows."""

StateT = TypeVar("StateT", bound=State)

Together = Callable[[Sequence[Any], Sequence[bytes]], tuple[Any, ...]] | None
"""Advances states, each by a text of its own, quicker than one by one; ``None`` where a model has no such way."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BatchState(Generic[StateT]):
    """The states of ``n`` prompts, in their order. Frozen, as each of them is.

    Attributes:
        states: the single states; ``batch[i]`` is ``batch.states[i]``.
        together: advances states, each by a text of its own, quicker than one by one, where there is such a way.
    """

    states: tuple[StateT, ...]
    together: "Callable[[Sequence[StateT], Sequence[bytes]], tuple[StateT, ...]] | None" = None

    def __len__(self) -> int:
        return len(self.states)

    def __iter__(self) -> Iterator[StateT]:
        return iter(self.states)

    def __getitem__(self, index: int) -> StateT:
        return self.states[index]

    def __repr__(self) -> str:
        return f"BatchState of {len(self)} states; index it for a single one"

    def _repr_html_(self) -> str:
        some = BatchState(self.states[:SHOWN])
        return render_batch_html(some.logprob, some.logprobs(), len(self))

    @property
    def logprob(self) -> FloatArray:
        """The log-probability of the bytes so far, float64 ``(n,)``, nats."""
        return np.array([state.logprob for state in self.states], dtype=np.float64)

    @property
    def dropped(self) -> FloatArray:
        """The posterior mass given up so far, float64 ``(n,)``; 0 where nothing was."""
        return np.array([state.dropped for state in self.states], dtype=np.float64)

    def logprobs(self) -> FloatArray:
        """The next-byte distributions, float64 ``(n, 257)``, nats."""
        return _rows([state.logprobs() for state in self.states])

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds on the true log-probabilities, float64 ``(n, 257)`` each, nats."""
        pairs = [state.bounds() for state in self.states]
        return _rows([lower for lower, _ in pairs]), _rows([upper for _, upper in pairs])

    def top(self, k: int) -> list[list[tuple[bytes | int, float]]]:
        """For each state its ``k`` most probable symbols, as ``top_symbols`` gives them."""
        return [top_symbols(state.logprobs(), k) for state in self.states]

    def advance(self, text: Text | Texts) -> "BatchState[StateT]":
        """The states after more bytes: the same text for all, or a list with one text for each.

        Raises:
            ValueError: a list of another length than the batch.
        """
        texts = as_texts(text) if is_batch(text) else as_texts(text) * len(self)
        if len(texts) != len(self):
            raise ValueError(
                f"got {len(texts)} texts for a batch of {len(self)} states; "
                "give one text for all of them, or a list with one for each"
            )
        if self.together is not None:
            return BatchState(self.together(self.states, texts), self.together)
        pairs = zip(self.states, texts, strict=True)
        return BatchState(tuple(cast("StateT", state.advance(text)) for state, text in pairs))


def advance_all(together: Together, states: Sequence[Any], texts: Sequence[bytes]) -> tuple[Any, ...]:
    """States of one model, each after a text of its own; ``together`` is that of a batch of its states.

    A batch need not be kept for this: its states may go, and what they hold.
    """
    return BatchState(tuple(states), together).advance(list(texts)).states


def _rows(rows: list[FloatArray]) -> FloatArray:
    return np.array(rows, dtype=np.float64).reshape(len(rows), SYMBOLS)
