"""What every byte model answers, whatever it is made of.

Nothing above this module knows about tokens: generation, scoring, ensembles and the command line are
written against these two protocols.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

END = 256
"""The index of end of text in every next-byte distribution; indices 0 to 255 are the bytes."""

SYMBOLS = 257
"""The length of a next-byte distribution: 256 bytes and the end of text."""

FloatArray = NDArray[np.float64]
Text = bytes | bytearray | str
"""A text given by the user; ``str`` is taken as UTF-8."""


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


class ByteModel(Protocol):
    """A probability distribution over byte strings."""

    def prefill(self, prompt: Text) -> State:
        """The state after ``prompt``."""
        ...

    def greedy(self, prompt: Text) -> Iterator[int]:
        """The most probable symbols after ``prompt``, each given those before it; the last one is ``END``, if any."""
        ...

    def score(self, text: Text) -> FloatArray:
        """``log P(byte i | bytes before i)`` for every byte, float64 ``(len,)``, nats."""
        ...


def as_bytes(text: Text) -> bytes:
    """``text`` as bytes; ``str`` becomes UTF-8.

    Raises:
        TypeError: ``text`` is neither bytes nor ``str``.
        ValueError: ``text`` is a ``str`` with a lone surrogate, which has no UTF-8 form.
    """
    if isinstance(text, str):
        try:
            return text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(
                f"the text has a lone surrogate at character {error.start}, which has no UTF-8 form; "
                "give the raw bytes instead"
            ) from error
    if isinstance(text, bytes | bytearray):
        return bytes(text)
    raise TypeError(f"expected bytes or str, got {type(text).__name__}")


def is_batch(prompt: object) -> bool:
    """Whether ``prompt`` is a list or tuple of texts rather than one text."""
    return isinstance(prompt, Sequence) and not isinstance(prompt, bytes | bytearray | str)
