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
        passes: how many of them were of the network or its body, and so forward passes.
        begun: how many passes there have ever been.
    """

    def __init__(self, network: Any, settle: Callable[[], None] = nothing) -> None:
        self.calls: list[float] = []
        self.passes = 0
        self.begun = 0
        self._inside = 0
        self._settle = settle
        head = network.get_output_embeddings()
        for part in (network, network.base_model, head):
            part.forward = self._timed(part.forward, is_pass=part is not head)

    @property
    def seconds(self) -> float:
        """The seconds in all calls since the last `reset`."""
        return sum(self.calls)

    def reset(self) -> None:
        """Forget all calls (mutates)."""
        self.calls.clear()
        self.passes = 0

    def check(self) -> None:
        """Make sure that something was timed.

        Raises:
            ValueError: no pass was ever seen.
        """
        if not self.begun:
            raise ValueError("no forward pass was seen: the engine must call the network, or its body, to be timed")

    def _timed(self, forward: Callable[..., Any], is_pass: bool) -> Callable[..., Any]:
        @wraps(forward)
        def run(*given: Any, **named: Any) -> Any:
            if self._inside:
                return forward(*given, **named)
            self.passes += is_pass
            self.begun += is_pass
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
