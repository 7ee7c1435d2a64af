"""How good a model is while it learns: bits per byte of texts that were held out, and what it writes."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from torch import Tensor

from bytelm.blt.model import Blt
from bytelm.blt.vocabulary import BOS, EOS, OFFSET, SIZE
from bytelm.protocol import END, SYMBOLS
from bytelm.training.networks import ByteTransformer
from bytelm.training.stages import loss_of
from bytelm.training.task import RowSource
from bytelm.training.world import World

MOST_ROWS: Final = 64
"""How many rows are evaluated at most."""

SAMPLE_BYTES: Final = 120
TEMPERATURE: Final = 0.7


@torch.no_grad()
def validated(network: Blt | ByteTransformer, rows: RowSource, world: World) -> float:
    """Bits per byte of the first rows that were held out; the end of a text counts as a byte.

    Replicas share the rows; those that have one less than others compute one more for nothing, as all take part in
    each pass.
    """
    assert rows.count is not None
    count = min(rows.count, MOST_ROWS)
    nats, targets = 0.0, 0
    for begun in range(0, count, world.replicas):
        number = begun + world.replica
        cost = loss_of(network, "model", rows.batch([min(number, count - 1)]), world.device)
        if number < count:
            nats += float(cost.nats)
            targets += int(cost.targets)
    all_nats, all_targets = world.sum(nats, targets)
    return all_nats / max(all_targets, 1) / math.log(2)


@torch.no_grad()
def sampled(following: Callable[[Tensor], Tensor], seed: int, device: torch.device) -> bytes:
    """What a model writes at temperature 0.7 from nothing.

    Each byte is a pass over all before it, which any network takes, however it is spread over processes; so many
    passes are made whatever is drawn, as all processes take part in each.

    Args:
        following: the log-probabilities, or logits, of the 257 symbols behind one row of ids ``(1, N)``: ``(257,)``.
        seed: of what is drawn.
        device: of the rows.
    """
    generator = np.random.default_rng(seed)
    ids = [BOS]
    for _ in range(SAMPLE_BYTES):
        logs = following(torch.tensor([ids], device=device)).double().cpu()
        symbol = int(generator.choice(SYMBOLS, p=(logs / TEMPERATURE).softmax(-1).numpy()))
        ids.append(EOS if symbol == END else symbol + OFFSET)
    end = ids.index(EOS) if EOS in ids else len(ids)
    return bytes(id - OFFSET for id in ids[1:end])


def symbols_of(logits: Tensor) -> Tensor:
    """Of logits over bytelm's ids ``(…, size)`` those of the 257 symbols ``(…, 257)``."""
    return torch.cat([logits[..., OFFSET:SIZE], logits[..., EOS : EOS + 1]], -1)
