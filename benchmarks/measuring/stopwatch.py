"""The time inside a network's forward passes, apart from all that is around them."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from bytelm.covers.model import TokenizedLM
from measuring.rounds import nothing


class Stopwatch:
    """Times every outermost call of a network, of its body and of its output layer (mutable).

    The three are timed because a caller may leave out the first and use the other two. Their ``forward`` is
    replaced for good: use a network of its own.

    Args:
        network: a causal language model of transformers.
        settle: called before the clock is read.

    Attributes:
        calls: the seconds of each call since the last `reset`.
    """

    def __init__(self, network: Any, settle: Callable[[], None] = nothing) -> None:
        self.calls: list[float] = []
        self._inside = 0
        self._settle = settle
        parts = (network, network.base_model, network.get_output_embeddings())
        for part in {id(part): part for part in parts}.values():
            part.forward = self._timed(part.forward)

    @property
    def seconds(self) -> float:
        """The seconds in all calls since the last `reset`."""
        return sum(self.calls)

    def reset(self) -> None:
        """Forget all calls (mutates)."""
        self.calls.clear()

    def _timed(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(forward)
        def run(*given: Any, **named: Any) -> Any:
            if self._inside:
                return forward(*given, **named)
            self._settle()
            begun = time.perf_counter()
            self._inside += 1
            try:
                return forward(*given, **named)
            finally:
                self._inside -= 1
                self._settle()
                self.calls.append(time.perf_counter() - begun)

        return run


def network_of(lm: TokenizedLM) -> Any:
    """The network of transformers below a byte model; the benchmark reaches for it, no user should."""
    return lm._weigher.model._network._model  # type: ignore[attr-defined]
