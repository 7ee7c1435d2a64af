"""A continuation with what it is worth: its bytes' log-probabilities, and why it ended."""

import math
from dataclasses import dataclass
from typing import Literal

from bytelm.protocol import FloatArray

Ended = Literal["end", "stop", "max_bytes"]
"""Why a continuation ended: the model ended the text, a stop string was complete, or there were enough bytes."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Completion:
    """A continuation of a prompt. Frozen; the array is read-only.

    Log-probabilities are the model's own: of each byte given the prompt and all bytes before it, at temperature 1 and
    without filters, however the continuation was found.

    Attributes:
        text: the bytes behind the prompt; a stop string is not among them.
        logprobs: of each byte of the text, float64 ``(len(text),)``, nats.
        logend: of what ended the text, given the text, nats: of the end of text, or of all bytes of the stop string;
            ``None`` where ``max_bytes`` did.
        ended: ``"end"``: the model ended the text. ``"stop"``: a stop string came next. ``"max_bytes"``: there were
            as many bytes as were asked for.
    """

    text: bytes
    logprobs: FloatArray
    logend: float | None
    ended: Ended

    def __post_init__(self) -> None:
        assert self.logprobs.shape == (len(self.text),)
        assert (self.logend is None) == (self.ended == "max_bytes")
        self.logprobs.flags.writeable = False

    @property
    def logprob(self) -> float:
        """The log-probability of the text and of what ended it, nats: the sum of ``logprobs`` and ``logend``.

        It is that of the event that plain sampling (temperature 1, no filter) gives this text and ends it so. Such
        events exclude each other, so their probabilities may be compared and added. Where ``max_bytes`` ended the text,
        the event is all texts that begin so.
        """
        return math.fsum(self.logprobs) + (0.0 if self.logend is None else self.logend)

    @property
    def bits_per_byte(self) -> float | None:
        """How many bits the model needs for a byte of the text, what ended it left out; ``None`` for an empty text."""
        return -math.fsum(self.logprobs) / math.log(2) / len(self.text) if self.text else None

    def __repr__(self) -> str:
        bits = "None" if self.bits_per_byte is None else f"{self.bits_per_byte + 0.0:.3f}"
        return f"Completion({self.text!r}, logprob={self.logprob:.3f}, bits_per_byte={bits}, ended={self.ended!r})"
