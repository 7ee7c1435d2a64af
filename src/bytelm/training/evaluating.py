"""How good a model is while it learns: bits per byte of texts that were held out, and what it writes."""

import math
from typing import Final

import torch

from bytelm.blt.lm import BltLM
from bytelm.blt.model import Blt
from bytelm.training.data.rows import Rows
from bytelm.training.networks import ByteTransformer
from bytelm.training.stages import loss_of

MOST_ROWS: Final = 64
"""How many rows are evaluated at most."""

SAMPLE_BYTES: Final = 120


@torch.no_grad()
def validated(network: Blt | ByteTransformer, rows: Rows, device: torch.device) -> float:
    """Bits per byte of the first rows that were held out; the end of a text counts as a byte."""
    assert rows.count is not None
    nats, targets = 0.0, 0
    for number in range(min(rows.count, MOST_ROWS)):
        cost = loss_of(network, "model", rows.batch([number]), device)
        nats += float(cost.nats)
        targets += int(cost.targets)
    return nats / max(targets, 1) / math.log(2)


def sampled(network: Blt, seed: int) -> bytes:
    """What the model writes at temperature 0.7 from nothing."""
    return BltLM(network).generate(b"", max_bytes=SAMPLE_BYTES, temperature=0.7, seed=seed)
