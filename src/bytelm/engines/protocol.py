"""What the covers ask of a token model: the next-token distributions after a set of heads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bytelm.heads import Head
from bytelm.protocol import FloatArray


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


class TokenModel(Protocol):
    """A model over token sequences: ``p(token | begin tokens, head)``.

    Attributes:
        vocabulary_size: the length of every distribution.
        effort: running counts of the work done.
    """

    vocabulary_size: int
    effort: Effort

    def evaluate(self, heads: Sequence[Head]) -> Iterator[FloatArray]:
        """The next-token distribution after each head, in the order given.

        Yields float64 log-probabilities ``(vocabulary_size,)`` in nats, normalised over the whole vocabulary.
        They come as they are computed: a caller that reduces each one before the next keeps only a chunk in
        memory. Ancestors that the model needs and does not hold are computed on the way. A yielded array
        belongs to the caller.
        """
        ...
