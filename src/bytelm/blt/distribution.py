"""What the logits of a network say about bytes and the end of the text."""

import numpy as np
import torch
from torch import Tensor

from bytelm.blt import vocabulary
from bytelm.protocol import FloatArray

_BLOCK = 4096
"""How many distributions are in memory at a time."""


def byte_logprobs(logits: Tensor) -> FloatArray:
    """The distributions over bytes and end of text that logits give: float64 ``(…, 257)``, nats.

    Args:
        logits: over the ids of the network, ``(…, size)``.
    """
    symbols = logits[..., vocabulary.OFFSET : vocabulary.SIZE]
    kept = torch.cat([symbols, logits[..., vocabulary.EOS : vocabulary.EOS + 1]], -1)
    found: FloatArray = kept.double().log_softmax(-1).cpu().numpy()
    return found


def scores(logits: Tensor, text: bytes) -> FloatArray:
    """The log-probability of each byte of a text, float64 ``(len,)``, nats; ``logits[i]`` predicts byte ``i``."""
    chosen = np.frombuffer(text, dtype=np.uint8).astype(np.int64)
    found = np.empty(len(chosen))
    for begin in range(0, len(chosen), _BLOCK):
        rows = byte_logprobs(logits[begin : begin + _BLOCK])
        found[begin : begin + _BLOCK] = rows[np.arange(len(rows)), chosen[begin : begin + _BLOCK]]
    return found
