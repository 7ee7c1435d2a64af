"""How good a model is while it learns: bits per byte of texts that were held out, and what it writes."""

import math
from typing import Final

import numpy as np
import torch

from bytelm.blt.model import Blt
from bytelm.blt.vocabulary import BOS, EOS, OFFSET, SIZE
from bytelm.training.data.rows import Rows
from bytelm.training.networks import ByteTransformer
from bytelm.training.stages import logits_of, loss_of
from bytelm.training.world import World

MOST_ROWS: Final = 64
"""How many rows are evaluated at most."""

SAMPLE_BYTES: Final = 120
TEMPERATURE: Final = 0.7


@torch.no_grad()
def validated(network: Blt | ByteTransformer, rows: Rows, world: World) -> float:
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
def sampled(network: Blt | ByteTransformer, seed: int, device: torch.device) -> bytes:
    """What the model writes at temperature 0.7 from nothing.

    Each byte is a pass over all before it, which any network takes, however it is spread over processes; so many
    passes are made whatever is drawn, as all processes take part in each.
    """
    generator = np.random.default_rng(seed)
    ids = [BOS]
    for _ in range(SAMPLE_BYTES):
        logits = logits_of(network, torch.tensor([ids], device=device))[0, -1, :SIZE].double().cpu()
        logits[:OFFSET] = torch.where(torch.arange(OFFSET) == EOS, logits[:OFFSET], -math.inf)
        shares = (logits / TEMPERATURE).softmax(-1).numpy()
        ids.append(int(generator.choice(SIZE, p=shares)))
    end = ids.index(EOS) if EOS in ids else len(ids)
    return bytes(id - OFFSET for id in ids[1:end])
