"""The ways in which members become one model: what each makes of their distributions, and what it learns from a byte.

A way knows its members by their place. It is frozen; what it has learned of a text stands in an array of weights, which
states carry along. Shapes: K members, S = 257 symbols.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from bytelm.ensembles.pools import linear, loglinear, logsum, normalised, normalised_bounds, plausible
from bytelm.protocol import FloatArray

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
"""How often, for each byte, another member may become the better one."""


class Way(ABC):
    """How the members' distributions become one.

    Attributes:
        linear: whether the probability of a symbol is a weighted mean of what the members give to it. Then a text is
            scored by the members' scores alone, without distributions.
        learns: whether a byte changes what is known of the members.
    """

    linear: ClassVar[bool] = False
    learns: ClassVar[bool] = False

    @property
    @abstractmethod
    def begin(self) -> FloatArray:
        """What is known of the members before any text: what `pool` takes and `learn` changes."""

    @property
    @abstractmethod
    def count(self) -> int:
        """How many members there are."""

    @abstractmethod
    def pool(self, logprobs_KS: FloatArray, known: FloatArray) -> FloatArray:
        """One distribution of the members', ``(S,)``, nats."""

    @abstractmethod
    def bounds(self, lower_KS: FloatArray, upper_KS: FloatArray, known: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Bounds on it, ``(S,)`` each, given those on the members' and what is known of these."""

    def learn(self, known: FloatArray, logprobs_K: FloatArray) -> FloatArray:
        """What is known of the members after a byte to which they gave ``logprobs_K``."""
        return known

    def weights(self, known: FloatArray) -> FloatArray:
        """The members' weights, ``(K,)``, for people."""
        return known


@dataclass(frozen=True, eq=False)
class Mean(Way):
    """The mean of the next-byte distributions, with fixed weights.

    This is the ensemble of Phan et al. 2024, "Exact Byte-Level Probabilities from Tokenized Language Models for
    FIM-Tasks and Model Ensembles", section 5.

    Attributes:
        first: the logs of the members' weights before any text, ``(K,)``.
    """

    first: FloatArray

    linear = True

    def reweighted(self, logweights: FloatArray) -> "Mean":
        """The same with other weights."""
        return replace(self, first=logweights)

    @property
    def begin(self) -> FloatArray:
        return self.first

    @property
    def count(self) -> int:
        return len(self.first)

    def logweights(self, known: FloatArray) -> FloatArray:
        """The logs of the members' weights for the next byte, ``(K,)``."""
        return known

    def pool(self, logprobs_KS: FloatArray, known: FloatArray) -> FloatArray:
        return linear(logprobs_KS, self.logweights(known))

    def bounds(self, lower_KS: FloatArray, upper_KS: FloatArray, known: FloatArray) -> tuple[FloatArray, FloatArray]:
        logweights = self.logweights(known)
        return linear(lower_KS, logweights), np.minimum(0.0, linear(upper_KS, logweights))

    def weights(self, known: FloatArray) -> FloatArray:
        found: FloatArray = np.exp(self.logweights(known))
        return found


@dataclass(frozen=True, eq=False)
class Mixture(Mean):
    """A mean whose weights follow the members' success: Bayes' rule at every byte, over who is right and takes over.

    Before every byte another member may have become the right one, with a probability, the rate, that is not known;
    which one is drawn from the first weights (fixed share: Herbster and Warmuth 1998, "Tracking the Best Expert",
    section 5). Several rates are followed side by side, as in Vovk 1999, "Derandomizing Stochastic Prediction
    Strategies". So for each member, of first weight w, each of R rates r, and every text of n bytes, the loss is at
    most that member's and ``log(R / w) - n log(1 - r (1 - w))`` nats.

    What is known of the members are the logs of their weights under each rate, ``(R, K)``.

    Attributes:
        rates: the rates; ``(0.0,)`` makes one Bayesian mixture of whole texts.
    """

    rates: tuple[float, ...] = RATES

    learns = True

    @property
    def begin(self) -> FloatArray:
        equal: FloatArray = np.tile(self.first, (len(self.rates), 1)) - np.log(len(self.rates))
        return equal

    def logweights(self, known: FloatArray) -> FloatArray:
        return logsum(known)

    def learn(self, known: FloatArray, logprobs_K: FloatArray) -> FloatArray:
        after = known + logprobs_K
        total = np.logaddexp.reduce(after, axis=None)
        if not np.isfinite(total):
            return known  # a byte that all rule out says nothing about them
        after = after - total
        rates = np.array(self.rates)[:, np.newaxis]
        with np.errstate(divide="ignore"):
            moved = np.log(rates) + logsum(after, axis=1)[:, np.newaxis] + self.first
            shared: FloatArray = np.logaddexp(np.log1p(-rates) + after, moved)
        return shared


@dataclass(frozen=True, eq=False)
class Product(Way):
    """The product of powers of the distributions, normalised: a logarithmic pool.

    Attributes:
        exponents: one for each member, ``(K,)``; negative ones divide.
        share: symbols are kept that have at least this share of the best one's probability under the first member;
            0 keeps all. Contrastive decoding needs it (Li et al. 2023, "Contrastive Decoding", section 3.3): what both
            models hold absurd may have any quotient.
    """

    exponents: FloatArray
    share: float = 0.0

    def reweighted(self, exponents: FloatArray) -> "Product":
        """The same with other exponents."""
        return replace(self, exponents=exponents)

    @property
    def begin(self) -> FloatArray:
        return self.exponents

    @property
    def count(self) -> int:
        return len(self.exponents)

    def pool(self, logprobs_KS: FloatArray, known: FloatArray) -> FloatArray:
        return normalised(loglinear(logprobs_KS, known) + self._kept(logprobs_KS))

    def bounds(self, lower_KS: FloatArray, upper_KS: FloatArray, known: FloatArray) -> tuple[FloatArray, FloatArray]:
        kept, less = self._kept(upper_KS), known[:, np.newaxis] < 0
        lower = loglinear(np.where(less, upper_KS, lower_KS), known) + kept
        upper = loglinear(np.where(less, lower_KS, upper_KS), known) + kept
        return normalised_bounds(lower, upper)

    def _kept(self, logprobs_KS: FloatArray) -> FloatArray:
        return plausible(logprobs_KS[0], self.share)


@dataclass(frozen=True, eq=False)
class Extreme(Way):
    """The least, or the greatest, of the probabilities that the members give to each symbol, normalised."""

    members: int
    least: bool

    @property
    def begin(self) -> FloatArray:
        return np.ones(self.members)

    @property
    def count(self) -> int:
        return self.members

    def pool(self, logprobs_KS: FloatArray, known: FloatArray) -> FloatArray:
        return normalised(self._chosen(logprobs_KS))

    def bounds(self, lower_KS: FloatArray, upper_KS: FloatArray, known: FloatArray) -> tuple[FloatArray, FloatArray]:
        return normalised_bounds(self._chosen(lower_KS), self._chosen(upper_KS))

    def _chosen(self, logs_KS: FloatArray) -> FloatArray:
        found: FloatArray = logs_KS.min(axis=0) if self.least else logs_KS.max(axis=0)
        return found


def fractions(weights: Sequence[float] | None, count: int) -> FloatArray:
    """The logs of weights that are normalised, ``(K,)``; equal ones by default.

    Raises:
        ValueError: there is not one for each member, or they are no fractions of something.
    """
    given = check_weights(weights, count)
    if given is None:
        return np.full(count, -np.log(count))
    if (given < 0).any() or given.sum() <= 0:
        raise ValueError(f"weights of a mean are at least 0, and one of them more; got {given.tolist()}")
    with np.errstate(divide="ignore"):
        logs: FloatArray = np.log(given / given.sum())
    return logs


def check_weights(weights: Sequence[float] | None, count: int) -> FloatArray | None:
    """The weights as an array ``(K,)``.

    Raises:
        ValueError: there is not one finite number for each member.
    """
    if weights is None:
        return None
    try:
        given = np.array(weights, dtype=np.float64)
    except (TypeError, ValueError):
        given = np.empty(0)
    if given.shape != (count,) or not np.isfinite(given).all():
        raise ValueError(f"expected {count} weights, one finite number for each member; got {weights!r}")
    return given
