"""The next-token distributions that count: restricted to what may follow, and renormalised."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bytelm.engines.protocol import TokenModel
from bytelm.protocol import FloatArray
from bytelm.tokens.lattice import TextHead
from bytelm.tokens.rules import Rule


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What is known of a head once the model was asked.

    Attributes:
        logweight: the log-probability of the head itself, nats.
        masses: the probabilities of the tokens after it, float64 ``(vocabulary size,)`` in sorted order.
        end: the probability that the text ends after it.
    """

    logweight: float
    masses: FloatArray
    end: float

    def logweight_after(self, index: int) -> float:
        """The log-probability of the head with the token at ``index`` of the sorted order behind it."""
        return self.logweight + log(float(self.masses[index]))


@dataclass(frozen=True)
class Weigher:
    """A token model and the rule of what may follow.

    Attributes:
        rule: which token sequences count.
        model: the token model.
        end_tokens: the ids that end a text; they stand for no bytes, whatever the vocabulary says.
    """

    rule: Rule
    model: TokenModel
    end_tokens: tuple[int, ...]

    def evaluate(self, heads: Sequence[TextHead]) -> Iterator[tuple[FloatArray, float]]:
        """For each head, in order: the masses of the tokens after it and the mass of the end, summing to one."""
        for head, logprobs in zip(heads, self.model.evaluate(heads), strict=True):
            yield self._restrict(head, logprobs)

    @cached_property
    def _spelled_ends(self) -> NDArray[np.int64]:
        """Where in the sorted order there are end tokens to which the vocabulary gives bytes."""
        index = self.rule.vocabulary.index
        found: NDArray[np.int64] = index[[token for token in self.end_tokens if token < len(index)]]
        return found[found >= 0]

    def _restrict(self, head: TextHead, logprobs: FloatArray) -> tuple[FloatArray, float]:
        scores = np.where(self.rule.allowed(head.context), logprobs[self.rule.vocabulary.order], -np.inf)
        scores[self._spelled_ends] = -np.inf
        ends = logprobs[list(self.end_tokens)] if self.rule.may_end(head.context) else np.empty(0)
        top = max(float(scores.max()), float(ends.max(initial=-np.inf)))
        if top == -np.inf:
            return np.zeros_like(scores), 0.0
        masses, end = np.exp(scores - top), float(np.exp(ends - top).sum())
        total = float(masses.sum()) + end
        masses /= total
        return masses, end / total


def log(value: float) -> float:
    """The natural logarithm, with ``log(0) = -inf``."""
    return float(np.log(value)) if value > 0 else -np.inf
