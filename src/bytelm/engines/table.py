"""A token model read from a table or a function: for tests, examples and the documentation."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np

from bytelm.engines.protocol import Effort, TokenModel
from bytelm.heads import Head
from bytelm.protocol import FloatArray

LogprobsOf = Callable[[tuple[int, ...]], FloatArray]
"""From the tokens after the begin tokens to float64 log-probabilities ``(vocabulary_size,)``, nats."""

CONTEXTS = 2**14
"""How many contexts' distributions a random table remembers; the others are drawn again, the same."""


class TableModel(TokenModel):
    """A token model that looks its distributions up.

    Attributes:
        vocabulary_size: the length of every distribution.
        effort: running counts; a call counts as one pass, and a head as one token.
    """

    def __init__(self, vocabulary_size: int, logprobs_of: LogprobsOf) -> None:
        if vocabulary_size < 1:
            raise ValueError(f"a vocabulary needs at least one token, not {vocabulary_size}")
        self.vocabulary_size = vocabulary_size
        self.effort = Effort()
        self._logprobs_of = logprobs_of

    def logits(self, heads: Sequence[Head]) -> Iterator[FloatArray]:
        """See `TokenModel.logits`.

        Raises:
            ValueError: the table's answer has another shape, holds NaN, or does not sum to one within 1e-9.
        """
        self.effort.passes += bool(heads)
        for head in heads:
            self.effort.heads += 1
            self.effort.tokens += 1
            yield self._row(head.tokens())[np.newaxis]

    def _row(self, tokens: tuple[int, ...]) -> FloatArray:
        row: FloatArray = np.array(self._logprobs_of(tokens), dtype=np.float64)
        if row.shape != (self.vocabulary_size,):
            raise ValueError(f"the table gives shape {row.shape} after {tokens}, not ({self.vocabulary_size},)")
        if np.isnan(row).any():
            raise ValueError(f"the table gives NaN after {tokens}")
        total = float(np.exp(row).sum())
        if not abs(total - 1) <= 1e-9:
            raise ValueError(f"the table's probabilities after {tokens} sum to {total!r}, not to one")
        return row


def random_table(
    vocabulary_size: int, rng: np.random.Generator, concentration: float = 1.0, memory: int | None = None
) -> TableModel:
    """A model whose every context has a random distribution of its own.

    Args:
        vocabulary_size: how many tokens there are.
        rng: one seed is drawn from it; the model is a function of that seed, whatever is asked, in any order.
        concentration: of the symmetric Dirichlet distribution; small is peaked, large is flat.
        memory: how many of the last tokens make the context; all of them by default.

    Raises:
        ValueError: ``concentration`` is not positive or ``memory`` is negative.
    """
    if not concentration > 0:
        raise ValueError(f"the concentration must be positive, not {concentration}")
    if memory is not None and memory < 0:
        raise ValueError(f"the memory must not be negative, not {memory}")
    seed = int(rng.integers(2**63))

    @lru_cache(maxsize=CONTEXTS)
    def drawn(context: tuple[int, ...]) -> FloatArray:
        return _dirichlet(vocabulary_size, concentration, np.random.default_rng([seed, *context]))

    def logprobs_of(tokens: tuple[int, ...]) -> FloatArray:
        return drawn(tokens if memory is None else tokens[max(0, len(tokens) - memory) :])

    return TableModel(vocabulary_size, logprobs_of)


def _dirichlet(size: int, concentration: float, rng: np.random.Generator) -> FloatArray:
    """Log of a Dirichlet draw, in logs throughout: gamma draws of small concentrations underflow to zero."""
    gammas = np.log(rng.standard_gamma(concentration + 1, size))
    logs: FloatArray = gammas - rng.standard_exponential(size) / concentration
    logs -= logs.max()
    logs -= np.log(np.exp(logs).sum())
    return logs
