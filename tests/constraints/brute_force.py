"""The slow and obvious constrained model of a finite list of outputs: every answer from the definition."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bytelm.model import ByteLM
from bytelm.protocol import END, FloatArray


def allowed(outputs: Sequence[bytes], before: bytes) -> list[bool]:
    """Which symbols may follow: those with which some output goes on, and the end if one ends."""
    following = [any(text.startswith(before + bytes((byte,))) for text in outputs) for byte in range(END)]
    return [*following, before in outputs]


def next_logprobs(lm: ByteLM[Any], context: bytes, outputs: Sequence[bytes], before: bytes) -> FloatArray:
    """The renormalised distribution behind an output, ``(257,)``, nats."""
    probabilities = np.exp(lm.prefill(context + before).logprobs())
    kept = np.where(allowed(outputs, before), probabilities, 0.0)
    with np.errstate(divide="ignore"):
        found: FloatArray = np.log(kept / kept.sum())
    return found


def logmass(lm: ByteLM[Any], context: bytes, outputs: Sequence[bytes], before: bytes) -> float:
    """The log of what the base model gives to the allowed symbols, nats."""
    probabilities = np.exp(lm.prefill(context + before).logprobs())
    return float(np.log(probabilities[allowed(outputs, before)].sum()))


def logprob(lm: ByteLM[Any], context: bytes, outputs: Sequence[bytes], text: bytes) -> float:
    """The renormalised log-probability of the beginning of an output, nats."""
    places = range(len(text))
    return float(sum(next_logprobs(lm, context, outputs, text[:place])[text[place]] for place in places))
