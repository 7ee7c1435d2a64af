"""What is trained at a step: the entropy model first, then the model whose patches it cuts."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bytelm.blt.config import BltConfig
from bytelm.blt.entropy import entropies
from bytelm.blt.model import Blt
from bytelm.blt.patching.calibrating import calibrate
from bytelm.blt.patching.whole import patch_starts
from bytelm.protocol import FloatArray
from bytelm.tokens.tokenizer import Tokenizer
from bytelm.training.config import TrainConfig
from bytelm.training.data.rows import Batch
from bytelm.training.networks import ByteTransformer, Loss, loss
from bytelm.training.task import Stage

SAMPLE = 32
"""Rows that a threshold is calibrated on."""


def entropy_steps(config: TrainConfig) -> int:
    """How many of the first steps train the entropy model along; 0 where none is needed, or another run trained it."""
    model = config.model
    if not isinstance(model, BltConfig) or not model.patching.needs_entropies or config.entropy_model:
        return 0
    return round(config.entropy_share * config.steps)


def trained_parts(network: Blt | ByteTransformer, stage: Stage) -> list[nn.Module]:
    """The parts of a network whose weights change in a stage."""
    if not isinstance(network, Blt):
        return [network]
    own = network.patcher
    if stage == "entropy":
        assert own is not None
        return [own]
    return [part for part in network.children() if part is not own]


def loss_of(network: Blt | ByteTransformer, stage: Stage, batch: Batch, device: torch.device) -> Loss:
    """What the predictions of a batch cost."""
    ids = torch.from_numpy(batch.ids).to(device)
    first = torch.from_numpy(batch.first).to(device)
    weights = torch.from_numpy(batch.weights).to(device)
    inputs, targets = ids[:, :-1], ids[:, 1:]
    if not isinstance(network, Blt):
        return loss(network(inputs, first), targets, weights)
    if stage == "entropy":
        return loss(network.entropy_logits(inputs, first), targets, weights)
    return loss(network(inputs, starts_of(network, inputs, first, batch.entropies), first), targets, weights)


def logits_of(network: Blt | ByteTransformer, ids_RN: Tensor) -> Tensor:
    """The logits of the id behind each position of rows that are one document each, ``(R, N, size)``."""
    if not isinstance(network, Blt):
        found: Tensor = network(ids_RN)
    else:
        found = network(ids_RN, starts_of(network, ids_RN, torch.zeros_like(ids_RN)))
    return found


def starts_of(
    network: Blt,
    ids_RN: Tensor,
    first_RN: Tensor,
    known_RN: NDArray[np.float32] | None = None,
    tokenizer: Tokenizer | None = None,
) -> Tensor:
    """Where the patches of rows start, bool ``(R, N + 1)``; documents in a row are told apart.

    Args:
        network: its patching decides.
        ids_RN: int64.
        first_RN: the first position of the document of each position, int64.
        known_RN: the entropies behind the ids, nats, where they were computed before; the entropy model does not run
            then.
        tokenizer: for patching by ``"tokenizer"``.
    """
    patching = network.config.patching
    uncertain = _uncertain(network, ids_RN, first_RN, known_RN)
    found = [
        patch_starts(patching, row, None if uncertain is None else uncertain[line], tokenizer=tokenizer)
        for line, row in enumerate(ids_RN.cpu().numpy())
    ]
    return torch.from_numpy(np.stack(found)).to(ids_RN.device)


def calibrated(network: Blt, batch: Batch, mean_patch: float, device: torch.device) -> BltConfig:
    """The configuration with the threshold that gives patches of a mean size on a sample of rows."""
    ids = torch.from_numpy(batch.ids[:, :-1].copy()).to(device)
    uncertain = _uncertain(network, ids, torch.from_numpy(batch.first).to(device), batch.entropies)
    assert uncertain is not None, "only a patching by entropies is calibrated"
    rows = list(zip(batch.ids[:, :-1], uncertain, strict=True))
    return replace(network.config, patching=calibrate(network.config.patching, rows, mean_patch))


@torch.no_grad()
def _uncertain(
    network: Blt, ids_RN: Tensor, first_RN: Tensor, known_RN: NDArray[np.float32] | None
) -> FloatArray | None:
    """The entropies behind the ids, float64 ``(R, N)``, nats; ``None`` where patches need none."""
    if not network.config.patching.needs_entropies:
        return None
    if known_RN is not None:
        return known_RN.astype(np.float64)
    found: FloatArray = entropies(network.entropy_logits(ids_RN, first_RN)).double().cpu().numpy()
    return found
