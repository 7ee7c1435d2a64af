"""Several bytes for one pass: drafted with what is cheap, and verified together (self-speculation).

The large transformer runs once for a patch, and a byte that is to be written waits for it where it begins one. So a few
bytes are drafted by the encoder and the decoder alone, as if the last complete patch were still the last; then one
pass over all of them gives the true distributions. Leviathan et al. 2023, "Fast Inference from Transformers via
Speculative Decoding", section 2, with one difference: the draft and the model choose by the same random number, so
what is written is the same to the byte as without a draft, for greedy choice and for sampling.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from bytelm.blt import hashing
from bytelm.blt.distribution import byte_logprobs
from bytelm.blt.passing import BytePass, ids_before
from bytelm.blt.reader import Reader
from bytelm.blt.rows import Place
from bytelm.blt.vocabulary import OFFSET
from bytelm.decoding.sampling import Sampling, chosen
from bytelm.protocol import END, FloatArray

AHEAD = 64
"""A continuation with so many symbols unread makes no more until some are read."""


class Continued:
    """One continuation (mutable).

    Attributes:
        place: behind the bytes that were made.
        logprobs: of what follows there, float64 ``(257,)``, nats.
        made: symbols that nobody has read yet.
        left: how many more may be made.
    """

    def __init__(self, place: Place, logprobs: FloatArray, rng: np.random.Generator, most: int) -> None:
        self.place = place
        self.logprobs = logprobs
        self.made = deque[int]()
        self.left = most
        self._rng = rng
        self._points: deque[float] = deque()

    def choose(self, logprobs: FloatArray, sampling: Sampling, ahead: int) -> int:
        """The symbol that is ``ahead`` symbols further on, if it follows this distribution."""
        while not sampling.greedy and len(self._points) <= ahead:
            self._points.append(self._rng.random())
        return chosen(logprobs, sampling, 0.0 if sampling.greedy else self._points[ahead])

    def make(self, symbol: int) -> None:
        """One more symbol (mutates)."""
        self.made.append(symbol)
        self.left = 0 if symbol == END else self.left - 1
        if self._points:
            self._points.popleft()
