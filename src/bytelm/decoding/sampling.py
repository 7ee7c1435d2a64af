"""Which symbol comes next: temperature, the usual filters, and the draw.

The 257 symbols of a byte model, end of text included, are treated alike. Filters apply in the order of
`transformers`: temperature, top-k, top-p, min-p. Each sees the renormalised result of the one before.
"""

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bytelm.decoding.checks import check_real, check_whole
from bytelm.decoding.ranking import ranked
from bytelm.protocol import SYMBOLS, FloatArray


@dataclass(frozen=True)
class Sampling:
    """How the next symbol is drawn. The defaults take the most probable one.

    Attributes:
        temperature: log-probabilities are divided by it; 0 takes the most probable symbol.
        top_p: keep the fewest most probable symbols that hold this much probability; 1 keeps all.
        top_k: keep this many most probable symbols; 0 keeps all.
        min_p: keep symbols at least this many times as probable as the best one; 0 keeps all.

    Raises:
        ValueError: a number outside its range.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0

    @property
    def greedy(self) -> bool:
        """Whether the most probable symbol is taken."""
        return self.temperature == 0

    @property
    def plain(self) -> bool:
        """Whether symbols are drawn from the model's own distribution."""
        return self.temperature == 1 and self.top_p == 1 and self.top_k == 0 and self.min_p == 0

    def __post_init__(self) -> None:
        check_real("temperature", self.temperature, sys.float_info.max, "0 is greedy, 1 the model's own")
        check_real("top_p", self.top_p, 1.0, "1 keeps every symbol")
        check_whole("top_k", self.top_k, "0 keeps every symbol")
        check_real("min_p", self.min_p, 1.0, "0 keeps every symbol")


def filtered(logprobs: FloatArray, sampling: Sampling) -> FloatArray:
    """The distribution that ``sampling`` draws from: log-probabilities ``(257,)``, nats, summing to one.

    Symbols that are filtered out have ``-inf``. The most probable symbol always stays. Among equals at the
    edge of a filter the lowest symbol stays, so top-k keeps exactly ``k``.

    Args:
        logprobs: ``(257,)``, nats; not changed.
        sampling: a temperature of 0 gives all the probability to the most probable symbol.
    """
    best = int(np.argmax(logprobs))
    if not np.isfinite(logprobs[best]):
        raise ValueError(f"the best next-byte log-probability is {logprobs[best]}; expected a finite number")
    if sampling.temperature == 0:
        return _kept(np.zeros_like(logprobs), np.array([best]))
    with np.errstate(over="ignore"):
        scaled = _normalised((logprobs - logprobs[best]) / sampling.temperature)
    for keep in (_top_k, _top_p, _min_p):
        scaled = _normalised(_kept(scaled, keep(scaled, sampling)))
    return scaled


def choose(logprobs: FloatArray, sampling: Sampling, rng: np.random.Generator) -> int:
    """One symbol, 0 to 256, drawn from ``filtered(logprobs, sampling)``.

    Greedy choice leaves ``rng`` alone; a draw takes one number from it. A symbol of probability zero is
    never drawn.
    """
    return chosen(logprobs, sampling, 0.0 if sampling.greedy else rng.random())


def chosen(logprobs: FloatArray, sampling: Sampling, point: float) -> int:
    """The symbol at a point of the distribution, 0 to 1, where symbols share this range by their probabilities.

    Greedy choice does not look at the point.
    """
    if sampling.greedy:
        return int(np.argmax(filtered(logprobs, sampling)))
    cumulative = np.cumsum(np.exp(filtered(logprobs, sampling)))
    return int(np.searchsorted(cumulative, point * cumulative[-1], side="right"))


def _top_k(logprobs: FloatArray, sampling: Sampling) -> NDArray[np.intp]:
    return ranked(logprobs)[: sampling.top_k or SYMBOLS]


def _top_p(logprobs: FloatArray, sampling: Sampling) -> NDArray[np.intp]:
    order = ranked(logprobs)
    if sampling.top_p >= 1:
        return order
    mass_with = np.cumsum(np.exp(logprobs[order]))
    needed = 1 + int(np.count_nonzero(mass_with[:-1] < sampling.top_p))
    return order[:needed]


def _min_p(logprobs: FloatArray, sampling: Sampling) -> NDArray[np.intp]:
    return np.flatnonzero(np.exp(logprobs - logprobs.max()) >= sampling.min_p)


def _kept(logprobs: FloatArray, symbols: NDArray[np.intp]) -> FloatArray:
    kept = np.full_like(logprobs, -np.inf)
    kept[symbols] = logprobs[symbols]
    return kept


def _normalised(logprobs: FloatArray) -> FloatArray:
    shifted = logprobs - logprobs.max()
    total: FloatArray = shifted - np.log(np.exp(shifted).sum())
    return total
