"""What is searched for: the options of a search, which continuations count, and what they are worth."""

import math
from dataclasses import dataclass
from numbers import Integral

from bytelm.decoding.checks import check_real, check_whole

MOST_PENALTY = 10.0
"""A greater exponent is a mistake."""


@dataclass(frozen=True)
class Objective:
    """The options of one search, checked.

    A continuation is complete at the end of text, at the first stop string, or with ``max_bytes`` bytes, those of a
    stop string included. Its score is its log-probability, what ended it included, divided by a power of its length:
    how many symbols that probability is of (bytes, those of the stop string, and the end of text).

    Attributes:
        beams: how many hypotheses are kept.
        best: how many continuations are wanted.
        max_bytes: the most bytes of a continuation.
        stops: the stop strings as ``stop_strings`` gives them.
        length_penalty: the exponent of the length.

    Raises:
        ValueError: an option outside its range.
    """

    beams: int
    best: int
    max_bytes: int
    stops: tuple[bytes, ...]
    length_penalty: float

    def __post_init__(self) -> None:
        _check_counted("beams", self.beams, "how many hypotheses are kept at every byte")
        _check_counted("best", self.best, "how many continuations to give")
        check_whole("max_bytes", self.max_bytes, "the most bytes of a continuation")
        check_real(
            "length_penalty", self.length_penalty, MOST_PENALTY, "0 ranks by probability, 1 by the mean of a byte"
        )

    def score(self, logprob: float, length: int) -> float:
        """What a complete continuation is worth; more is better."""
        return logprob / math.pow(max(1, length), self.length_penalty)

    def limit(self, logprob: float) -> float:
        """The most that any continuation of a hypothesis can be worth.

        Log-probabilities only fall, and a negative number is divided by at most the power of the greatest length.
        """
        return self.score(logprob, self.max_bytes)

    def stopping(self, text: bytes) -> dict[int, int]:
        """The bytes that complete a stop string behind ``text``, each with the length of the longest one."""
        return {stop[-1]: len(stop) for stop in reversed(self.stops) if text.endswith(stop[:-1])}


def _check_counted(name: str, value: object, hint: str) -> None:
    """Raise ``ValueError`` unless ``value`` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} is {value!r}; expected a whole number of at least 1: {hint}")
