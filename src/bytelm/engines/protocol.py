"""What the covers ask of a token model: the next-token distributions after a set of heads."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

from bytelm.heads import Head
from bytelm.protocol import FloatArray

if TYPE_CHECKING:
    import torch

Logits: TypeAlias = Union[NDArray[Any], "torch.Tensor"]
"""Rows of logits ``(k, vocabulary_size)``: float32 or float64 in main memory, or a tensor on another device."""


@dataclass
class Effort:
    """What a token model has done since it was made; benchmarks read it, nothing depends on it.

    Attributes:
        passes: forward passes of the network.
        heads: distributions that were asked for.
        tokens: token positions that went through the network, ancestors recomputed included.
    """

    passes: int = 0
    heads: int = 0
    tokens: int = 0


class TokenModel(ABC):
    """A model over token sequences: ``p(token | begin tokens, head)``.

    Attributes:
        vocabulary_size: the length of every distribution.
        effort: running counts of the work done.
    """

    vocabulary_size: int
    effort: Effort

    @abstractmethod
    def logits(self, heads: Sequence[Head]) -> Iterator[Logits]:
        """The next-token logits after each head, in the order given, some heads at a time.

        Yields ``(k, vocabulary_size)`` for the next ``k`` heads: log-probabilities in nats up to a constant for each
        row, float32 or float64, in main memory or on the device. They come as they are computed: a caller that reduces
        them before it goes on keeps only a few in memory. Ancestors that the model needs and does not hold are
        computed on the way. What was yielded belongs to the caller.
        """

    def evaluate(self, heads: Sequence[Head]) -> Iterator[FloatArray]:
        """The next-token distribution after each head, in the order given.

        Yields float64 log-probabilities ``(vocabulary_size,)`` in nats, normalised over the whole vocabulary.

        Raises:
            FloatingPointError: the logits hold no distribution: one is not a number, or infinite.
        """
        for rows in self.logits(heads):
            for row in in_memory(rows):
                yield normalised(row)

    def apart(self) -> "TokenModel":
        """The same model with nothing remembered, which remembers nothing for this one; its effort counts here.

        It is meant for whole texts whose heads are asked about many at a time.
        """
        return self


def in_memory(rows: Logits) -> NDArray[Any]:
    """Logits as an array in main memory."""
    return rows if isinstance(rows, np.ndarray) else rows.cpu().numpy()


def normalised(logits: NDArray[Any]) -> FloatArray:
    """Log-probabilities, float64 ``(vocabulary_size,)`` in nats, of one row of logits.

    Raises:
        FloatingPointError: the logits hold no distribution: one is not a number, or infinite.
    """
    raised: FloatArray = logits.astype(np.float64)
    raised -= raised.max()
    logprobs: FloatArray = raised - np.log(np.exp(raised).sum())
    if np.isnan(logprobs.sum()):
        raise no_distribution()
    return logprobs


def no_distribution() -> FloatingPointError:
    """The error that logits are not finite."""
    return FloatingPointError("the model's logits hold NaN or infinity; half precision may have overflowed")
