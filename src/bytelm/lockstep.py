"""Several continuations made side by side: whenever one that is read needs a symbol, all that go on make one.

So their states are advanced together, in passes that they share where a model can.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Generic

import numpy as np

from bytelm.batch import BatchState, StateT, Together, advance_all
from bytelm.decoding.sampling import Sampling, choose
from bytelm.protocol import END

AHEAD = 64
"""A continuation with so many symbols unread makes no more until some are read."""


class _Lockstep(Generic[StateT]):
    """The continuations (mutable)."""

    def __init__(
        self,
        prefill: Callable[[], BatchState[StateT]],
        sampling: Sampling,
        rngs: Sequence[np.random.Generator],
        most: int,
    ) -> None:
        self._prefill = prefill
        self._sampling = sampling
        self._rngs = rngs
        self._most = most
        self._made = [deque[int]() for _ in rngs]
        self._left = dict.fromkeys(range(len(rngs)), most)
        self._last: dict[int, int] = {}
        self._begun = False
        self._together: Together = None
        self._states: dict[int, StateT] = {}

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
        """One more symbol for every continuation that goes on and is not far ahead of its reader."""
        if not self._begun:
            self._begun, batch = True, self._prefill()
            self._together, self._states = batch.together, dict(enumerate(batch))
            del batch  # it would hold the states behind the prompts, and so all that branches there
        making = [index for index in self._left if len(self._made[index]) < AHEAD]
        behind = [index for index in making if index in self._last]
        last = [bytes((self._last[index],)) for index in behind]
        after = advance_all(self._together, [self._states[index] for index in behind], last)
        self._states.update(zip(behind, after, strict=True))
        for index in making:
            symbol = choose(self._states[index].logprobs(), self._sampling, self._rngs[index])
            self._made[index].append(symbol)
            self._last[index] = symbol
            self._left[index] -= 1
            if symbol == END or self._left[index] == 0:
                self._end(index)

    def _end(self, index: int) -> None:
        """Makes no more of a continuation (mutates)."""
        self._left.pop(index, None)
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
    together = _Lockstep(prefill, sampling, rngs, most)
    return [together.symbols(index) for index in range(len(rngs))]
