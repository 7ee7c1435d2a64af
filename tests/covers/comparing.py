"""How answers are compared with the truth: in nats, with minus infinity equal to itself."""

import numpy as np

from bytelm.covers.judges import judge
from bytelm.protocol import FloatArray
from covers.random_models import Case

NATS = 1e-10
"""What rounding may cost a log-probability."""


def largest_gap(found: FloatArray, truth: FloatArray) -> float:
    """The largest difference of two arrays of log-probabilities, nats; ``inf`` where only one is ``-inf``."""
    differ = np.asarray(found != truth)
    return float(np.abs(np.asarray(found)[differ] - np.asarray(truth)[differ]).max(initial=0.0))


def total(joint: FloatArray) -> float:
    """The log of the sum of probabilities given as logs, ``(n,)``."""
    return float(np.logaddexp.reduce(joint))


def joint_of(case: Case, text: bytes) -> FloatArray:
    """``log P(text, symbol)``, float64 ``(257,)``, by the project's judge."""
    return judge(case.rule, case.logprobs_of, case.end_tokens, text)
