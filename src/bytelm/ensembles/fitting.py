"""Weights that give a sample the most probability. Both problems are concave: there is one best answer.

Shapes: K members, n bytes, S = 257 symbols.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bytelm.ensembles.pools import plausible
from bytelm.ensembles.ways import Product
from bytelm.protocol import FloatArray

ROUNDS = 500
CLOSE = 1e-9
"""Nats a byte: less is no progress."""

RIDGE = 1e-6
"""Keeps Newton's step finite where members say the same."""

LEAST_SHARE = 1e-3
"""No member is given up for good: another text may need it."""


def fit_mixture(logprobs_Kn: FloatArray) -> FloatArray:
    """The logs of the weights of the best mean, ``(K,)``, by expectation maximisation.

    Bytes that all members rule out count for nothing. No weight is below ``LEAST_SHARE``, before all are normalised.

    Args:
        logprobs_Kn: what each member gives to each byte of the sample, nats.
    """
    possible = logprobs_Kn[:, np.isfinite(logprobs_Kn.max(axis=0))]
    count = len(logprobs_Kn)
    logweights = np.full(count, -np.log(count))
    before = -np.inf
    for _ in range(ROUNDS if possible.size else 0):
        joint = possible + logweights[:, np.newaxis]
        total = np.logaddexp.reduce(joint, axis=0)
        logweights = np.log(np.maximum(np.exp(joint - total).mean(axis=1), LEAST_SHARE))
        logweights -= np.logaddexp.reduce(logweights)
        if total.mean() - before < CLOSE:
            break
        before = total.mean()
    return logweights


def fit_exponents(logprobs_KnS: FloatArray, symbols_n: NDArray[np.uint8], way: Product) -> FloatArray:
    """The exponents of the best product, ``(K,)``, by Newton's method with halved steps.

    The log-likelihood of a logarithmic pool is concave in the exponents: its gradient is what the members give to the
    bytes of the sample less what the pool expects of them, and its Hessian is minus their covariance.

    Args:
        logprobs_KnS: the members' distributions before each byte of the sample, nats. Bytes that one of them rules out
            count for nothing.
        symbols_n: the bytes of the sample.
        way: where the search begins, and which symbols it keeps.
    """
    allowed_nS = np.isfinite(logprobs_KnS).all(axis=0)
    allowed_nS &= np.isfinite([plausible(row, way.share) for row in logprobs_KnS[0]]).reshape(allowed_nS.shape)
    counted = allowed_nS[np.arange(len(symbols_n)), symbols_n]
    sample = _Sample(logprobs_KnS[:, counted], allowed_nS[counted], symbols_n[counted])
    exponents = way.exponents
    for _ in range(ROUNDS if counted.any() else 0):
        value, gradient, curvature = sample.likelihood(exponents)
        step = np.linalg.solve(curvature + RIDGE * np.eye(len(exponents)), gradient)
        while sample.likelihood(exponents + step)[0] < value and np.abs(step).max() > CLOSE:
            step = step / 2
        exponents = exponents + step
        if sample.likelihood(exponents)[0] - value < CLOSE:
            break
    return exponents


class _Sample(NamedTuple):
    """Places of a sample: the members' distributions, the symbols that count, and the byte that stands there."""

    logprobs_KnS: FloatArray
    allowed_nS: NDArray[np.bool_]
    symbols_n: NDArray[np.uint8]

    def likelihood(self, exponents_K: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """The mean log-likelihood of the bytes, its gradient ``(K,)``, and minus its Hessian ``(K, K)``."""
        places = np.arange(len(self.symbols_n))
        logs_KnS = np.where(self.allowed_nS, self.logprobs_KnS, 0.0)
        scores_nS = np.where(self.allowed_nS, np.einsum("k,kns->ns", exponents_K, logs_KnS), -np.inf)
        pooled_nS = scores_nS - np.logaddexp.reduce(scores_nS, axis=1)[:, np.newaxis]
        expected_Kn = np.einsum("ns,kns->kn", np.exp(pooled_nS), logs_KnS)
        gradient = (logs_KnS[:, places, self.symbols_n] - expected_Kn).mean(axis=1)
        second = np.einsum("ns,kns,jns->kj", np.exp(pooled_nS), logs_KnS, logs_KnS, optimize=True)
        curvature = (second - expected_Kn @ expected_Kn.T) / len(places)
        return float(pooled_nS[places, self.symbols_n].mean()), gradient, curvature
