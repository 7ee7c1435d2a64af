"""What every byte model answers, whatever it is made of.

Nothing above this module knows about tokens: generation, scoring, ensembles and the command line are
written against it.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bytelm.prompts import Prompt, Text, as_bytes, is_batch

__all__ = ["END", "SYMBOLS", "FloatArray", "Prompt", "State", "Text", "as_bytes", "is_batch"]

END = 256
"""The index of end of text in every next-byte distribution; indices 0 to 255 are the bytes."""

SYMBOLS = 257
"""The length of a next-byte distribution: 256 bytes and the end of text."""

FloatArray = NDArray[np.float64]


class State(Protocol):
    """A byte model after some bytes. Frozen: no method changes what another one answers."""

    @property
    def logprob(self) -> float:
        """The log-probability of the bytes so far, nats."""
        ...

    @property
    def dropped(self) -> float:
        """The posterior mass given up so far; 0 where nothing was."""
        ...

    def logprobs(self) -> FloatArray:
        """The next-byte distribution: log-probabilities, float64 ``(257,)``, nats; sums to one."""
        ...

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper bounds on the true log-probabilities, float64 ``(257,)`` each, nats."""
        ...

    def advance(self, text: Text) -> "State":
        """The state after ``text`` more bytes; this one still answers as before."""
        ...
