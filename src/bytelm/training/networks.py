"""The networks of training runs: their shape, their size, and their loss.

Shapes: R rows, N positions, V ids of the vocabulary.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bytelm.blt.attention import whole
from bytelm.blt.config import BltConfig
from bytelm.blt.entropy import EntropyModel
from bytelm.blt.model import Blt
from bytelm.blt.vocabulary import SIZE
from bytelm.training.config import TrainConfig

_UNREAL = -100
"""The target that PyTorch's cross entropy leaves out."""


class ByteTransformer(EntropyModel):
    """An entropy model, or a plain transformer over bytes, as a network to train."""

    def forward(self, ids_RN: Tensor, first_RN: Tensor | None = None) -> Tensor:
        """The logits of the id behind each position, ``(R, N, V)``.

        Args:
            ids_RN: int64, rows padded at their ends.
            first_RN: the first position of the document of each position, int64; rows are one document by default.
        """
        rotate = self.rotary.upto(ids_RN.shape[1], self.embed_tokens.weight)
        return self.logits(ids_RN, rotate, whole(ids_RN, self.config.window, first_RN))


class ParameterCounts(NamedTuple):
    """How many numbers a network learns.

    Attributes:
        total: all.
        tables: those of embeddings and of tables of n-grams, of which a byte uses few.
    """

    total: int
    tables: int


class Loss(NamedTuple):
    """What some predictions cost; add up those of all parts of a batch, and divide once.

    Attributes:
        nats: the sum over the targets, float64 ``()``.
        targets: how many there are, int64 ``()``.
    """

    nats: Tensor
    targets: Tensor


def skeleton(config: TrainConfig) -> Blt | ByteTransformer:
    """The network of a run without any numbers: its parameters are on the meta device."""
    with torch.device("meta"):
        return Blt(config.model) if isinstance(config.model, BltConfig) else ByteTransformer(config.model, SIZE)


def count_parameters(network: nn.Module) -> ParameterCounts:
    """How many numbers a network learns."""
    tables = [part.weight for part in network.modules() if isinstance(part, nn.Embedding)]
    return ParameterCounts(sum(p.numel() for p in network.parameters()), sum(table.numel() for table in tables))


def loss(logits_RNV: Tensor, targets_RN: Tensor, weights_RN: Tensor) -> Loss:
    """The cross entropy of the real targets, each computed in float32.

    Args:
        logits_RNV: of the id behind each position.
        targets_RN: these ids, int64.
        weights_RN: bool; which targets are real. The others cost nothing, and their logits have no gradient.

    Raises:
        ValueError: the shapes do not fit, or the weights are not bool.
    """
    if logits_RNV.shape[:-1] != targets_RN.shape or targets_RN.shape != weights_RN.shape:
        raise ValueError(
            f"logits (R, N, V), targets (R, N) and weights (R, N) do not fit: got {tuple(logits_RNV.shape)}, "
            f"{tuple(targets_RN.shape)} and {tuple(weights_RN.shape)}"
        )
    if weights_RN.dtype != torch.bool:
        raise ValueError(f"weights must be bool, got {weights_RN.dtype}")
    targets = targets_RN.masked_fill(~weights_RN, _UNREAL)
    logits = logits_RNV.flatten(0, -2).float()
    nats = F.cross_entropy(logits, targets.flatten(), reduction="none", ignore_index=_UNREAL)
    # In float32, how a batch is shared among processes would be seen in the sixth digit of a sum.
    return Loss(nats.double().sum(), weights_RN.sum())
