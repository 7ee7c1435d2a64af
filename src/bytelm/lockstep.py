"""Several continuations made side by side: whenever one that is read needs a symbol, all that go on make one.

So their states are advanced together, in passes that they share where a model can.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol

import numpy as np

from bytelm.batch import BatchState, StateT, Together, advance_all
from bytelm.decoding.sampling import Sampling, choose
from bytelm.protocol import END

AHEAD = 64
"""A continuation with so many symbols unread makes no more until some are read."""


class Maker(Protocol):
    """Makes the symbols of several continuations, which are told apart by their numbers."""

    def more(self, going: Sequence[int], most: Sequence[int]) -> list[list[int]]:
        """The next symbols of some continuations, for each at least one and at most as many as it may have."""
        ...

    def end(self, index: int) -> None:
        """No more of this one is wanted."""
        ...


class _Lockstep:
    """The continuations (mutable)."""

    def __init__(self, maker: Maker, count: int, most: int) -> None:
        self._maker = maker
        self._made = [deque[int]() for _ in range(count)]
        self._left = dict.fromkeys(range(count), most)

    def symbols(self, index: int) -> Iterator[int]:
        """The symbols of one continuation."""
        try:
            while self._made[index] or self._left.get(index):
                if not self._made[index]:
                    self._step()
                yield self._made[index].popleft()
        finally:
            self._end(index)

    def _step(self) -> None:
        """More symbols for every continuation that goes on and is not far ahead of its reader."""
        making = [index for index in self._left if len(self._made[index]) < AHEAD]
        more = self._maker.more(making, [self._left[index] for index in making])
        for index, symbols in zip(making, more, strict=True):
            self._made[index].extend(symbols)
            self._left[index] -= len(symbols)
            if symbols[-1] == END or self._left[index] == 0:
                self._end(index)

    def _end(self, index: int) -> None:
        """Makes no more of a continuation (mutates)."""
        if self._left.pop(index, None) is not None:
            self._maker.end(index)


class _Stepping(Generic[StateT]):
    """Makes a symbol at a time, from states (mutable)."""

    def __init__(
        self, prefill: Callable[[], BatchState[StateT]], sampling: Sampling, rngs: Sequence[np.random.Generator]
    ) -> None:
        self._prefill: Callable[[], BatchState[StateT]] | None = prefill
        self._sampling = sampling
        self._rngs = rngs
        self._last: dict[int, int] = {}
        self._together: Together = None
        self._states: dict[int, StateT] = {}

    def more(self, going: Sequence[int], most: Sequence[int]) -> list[list[int]]:
        if self._prefill is not None:
            batch = self._prefill()
            self._prefill = None
            self._together, self._states = batch.together, {index: batch[index] for index in going}
            del batch  # it would hold the states behind the prompts, and so all that branches there
        behind = [index for index in going if index in self._last]
        last = [bytes((self._last[index],)) for index in behind]
        after = advance_all(self._together, [self._states[index] for index in behind], last)
        self._states.update(zip(behind, after, strict=True))
        for index in going:
            self._last[index] = choose(self._states[index].logprobs(), self._sampling, self._rngs[index])
        return [[self._last[index]] for index in going]

    def end(self, index: int) -> None:
        self._last.pop(index, None)
        self._states.pop(index, None)


def continued(
    prefill: Callable[[], BatchState[StateT]], sampling: Sampling, rngs: Sequence[np.random.Generator], most: int
) -> list[Iterator[int]]:
    """The symbols behind each prompt of a batch, 0 to 256; ``END`` is the last one.

    The iterators may be read in any order, and left at any time.

    Args:
        prefill: gives the states after the prompts; called when the first symbol is asked for.
        sampling: how a symbol is chosen.
        rngs: where each continuation's draws come from.
        most: no more symbols of each are made.
    """
    return made_by(_Stepping(prefill, sampling, rngs), len(rngs), most)


def made_by(maker: Maker, count: int, most: int) -> list[Iterator[int]]:
    """The symbols of ``count`` continuations that ``maker`` makes, at most ``most`` of each."""
    together = _Lockstep(maker, count, most)
    return [together.symbols(index) for index in range(count)]
