"""An unbiased estimate of a text's probability, by drawing segmentations of it.

Each sample is a small population of token sequences that walks through the text byte by byte, each with the mass of
all that goes on like it. Where it outgrows its width, the heavy ones stay, and the light ones are drawn by lot: one of
weight w stays with a probability of w / c, and then weighs c. So every weight is right on average, and so is
their sum at the end: the probability of the text, whatever the rule, the width and the number of samples. A width of 1
is the plain drawing of a segmentation token by token, whose weights vary by many nats within a few dozen bytes.

Cao and Rimell 2021, You should evaluate your language model on marginal likelihood over tokenisations, EMNLP: the
estimate by drawing segmentations. Fearnhead and Clifford 2003, On-line inference for hidden Markov models via particle
filters, JRSS B: which of a population to keep.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bytelm.covers.lead import prefix_logprob
from bytelm.covers.weighing import Weigher
from bytelm.protocol import FloatArray
from bytelm.tokens.lattice import TextHead
from bytelm.tokens.rules import Context, Rule


class Estimate(NamedTuple):
    """An estimate of a text's log-probability.

    Attributes:
        logprob: the log of the mean of the samples' probabilities, nats. The mean is unbiased; its log is on average
            some ``standard_error ** 2 / 2`` nats too low.
        standard_error: that of the mean, divided by the mean; while it is well below 1, also that of ``logprob``, nats.
            It comes from the samples themselves, so it is too small where all of them missed what weighs most.
            ``inf`` if every sample came to a dead end.
        samples: how many independent samples there were.
    """

    logprob: float
    standard_error: float
    samples: int


class _Branch(NamedTuple):
    """Token sequences that go on alike: a head and the tokens ``[low, high)`` of the sorted order that may follow.

    Attributes:
        masses: the probabilities after the head, float64 ``(vocabulary size,)``; ``None`` before the model was asked.
        mass: that of the range, with the end of text where the range is all tokens.
    """

    head: TextHead
    masses: FloatArray | None
    low: int
    high: int
    mass: float


def estimate(
    weigher: Weigher, prefix: bytes, text: bytes, samples: int, width: int, rng: np.random.Generator
) -> Estimate:
    """The log-probability that a text begins with ``text``, given the bytes that the tokenizer puts before it.

    Args:
        weigher: the token model and the rule.
        prefix: the bytes before every text; their own probability is computed, not estimated.
        text: the bytes.
        samples: how many independent samples, at least 2.
        width: how many branches each sample keeps.
        rng: where the lots come from.
    """
    before = prefix_logprob(weigher, prefix)
    logmasses = _sampled(weigher, prefix + text, samples, width, rng)
    top = float(logmasses.max())
    if top == -np.inf:
        return Estimate(-np.inf, np.inf, samples)
    scaled = np.exp(logmasses - top)
    mean = float(scaled.mean())
    error = float(scaled.std(ddof=1)) / mean / samples**0.5
    return Estimate(top + float(np.log(mean)) - before, error, samples)


def thin(logweights: FloatArray, width: int, rng: np.random.Generator) -> FloatArray:
    """Leave at most ``width`` of some weights above zero, each of them what it was on average.

    Args:
        logweights: float64 ``(n,)``, nats.
        width: at least 1.
        rng: one number is drawn.

    Returns:
        the log-weights, ``-inf`` where one was left out: float64 ``(n,)``.
    """
    if np.count_nonzero(logweights > -np.inf) <= width:
        return logweights
    weights = np.exp(logweights - logweights.max())
    limit = _limit(np.sort(weights)[::-1], width)
    light = np.flatnonzero(weights < limit)
    ladder = np.cumsum(weights[light]) / limit + rng.random()
    chosen = np.diff(np.floor(ladder), prepend=0.0) > 0
    thinned = logweights.copy()
    thinned[light] = np.where(chosen, np.log(limit) + logweights.max(), -np.inf)
    return thinned


def _limit(falling: FloatArray, width: int) -> float:
    """The weight c with Σ min(w / c, 1) = width, of weights in falling order."""
    tails = np.cumsum(falling[::-1])[::-1]
    for heavy in range(width):
        limit = float(tails[heavy]) / (width - heavy)
        if falling[heavy] <= limit:
            return limit
    raise AssertionError("the last of the width is no heavier than all that are left together")


def _sampled(weigher: Weigher, data: bytes, samples: int, width: int, rng: np.random.Generator) -> FloatArray:
    """The log-mass of ``data`` by each sample: float64 ``(samples,)``, nats."""
    root = _Branch(TextHead(None, -1, weigher.rule.start, 0), None, 0, weigher.rule.vocabulary.size, 1.0)
    branches, logweights = [root], np.zeros((samples, 1))
    for place in range(len(data)):
        asked = _asked(weigher, branches)
        read = [(i, *found) for i, branch in enumerate(asked) for found in _read(weigher.rule, branch, data, place)]
        if not read:
            return np.full(samples, -np.inf)
        parents, branches, shares = (list(column) for column in zip(*read, strict=True))
        logweights = logweights[:, parents] + np.log(shares)
        if place + 1 < len(data):
            logweights = np.array([thin(row, width, rng) for row in logweights])
        alive = np.flatnonzero((logweights > -np.inf).any(axis=0))
        branches, logweights = [branches[i] for i in alive], logweights[:, alive]
    return np.asarray(np.logaddexp.reduce(logweights, axis=1))


def _asked(weigher: Weigher, branches: list[_Branch]) -> list[_Branch]:
    """The branches with the model's answers; it is asked in one call."""
    heads = [branch.head for branch in branches if branch.masses is None]
    answers = weigher.evaluate(heads)
    return [
        branch if branch.masses is not None else branch._replace(masses=next(answers).array()) for branch in branches
    ]


def _read(rule: Rule, branch: _Branch, data: bytes, place: int) -> Iterator[tuple[_Branch, float]]:
    """What a branch comes to with the byte at ``place``, and the share of its mass that each outcome has.

    Sequences that cannot read the byte after it are left out.
    """
    vocabulary, head, masses = rule.vocabulary, branch.head, branch.masses
    assert masses is not None, "only branches that were asked about read on"
    low, exact, high = vocabulary.narrow(branch.low, branch.high, data[head.end : place + 1])
    mass = float(masses[exact:high].sum())
    if mass > 0:
        yield branch._replace(low=exact, high=high, mass=mass), mass / branch.mass
    for index in range(low, exact):
        token = int(vocabulary.order[index])
        context = rule.advance(head.context, token)
        if context is not None and masses[index] > 0 and _goes_on(rule, context, data[place + 1 : place + 2]):
            born = TextHead(head, token, context, place + 1)
            yield _Branch(born, None, 0, vocabulary.size, 1.0), float(masses[index]) / branch.mass


def _goes_on(rule: Rule, context: Context, byte: bytes) -> bool:
    """Whether some token that may follow starts with the byte, if there is one."""
    low, _, high = rule.vocabulary.narrow(0, rule.vocabulary.size, byte)
    return not byte or bool(rule.allowed(context)[low:high].any())
