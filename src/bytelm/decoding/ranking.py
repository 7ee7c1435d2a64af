"""The one order of next symbols: the most probable first, the lowest symbol first among equals."""

import numpy as np
from numpy.typing import NDArray

from bytelm.decoding.checks import check_whole
from bytelm.protocol import END, FloatArray


def ranked(logprobs: FloatArray) -> NDArray[np.intp]:
    """The symbols ``(257,)`` by falling log-probability; ties go to the lowest symbol."""
    return np.argsort(-logprobs, kind="stable")


def top_symbols(logprobs: FloatArray, k: int) -> list[tuple[bytes | int, float]]:
    """The ``k`` most probable symbols with their log-probabilities, nats.

    A byte is given as ``bytes`` of length one, the end of text as the integer ``END``. More than 257 gives
    all 257, those of probability zero (``-inf``) included.
    """
    check_whole("k", k, "how many symbols to list")
    best = ranked(logprobs)[:k].tolist()
    return [(END if symbol == END else bytes([symbol]), float(logprobs[symbol])) for symbol in best]
