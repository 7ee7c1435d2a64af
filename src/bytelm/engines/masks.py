"""Attention masks for the positions of one pass, as transformers' networks take them.

Most architectures take one additive mask. Those with attention windows look back only ``w`` positions, in all
layers (Mistral: still one mask) or in some (Gemma 2: one mask for each kind of layer). The library would cut
their windows by place in the cache, which in a tree is not the place in the text: so they are cut here.
"""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import PretrainedConfig

from bytelm.engines.slots import BoolArray, IntArray

Mask = torch.Tensor | dict[str, torch.Tensor]
"""Additive, ``(1, 1, new positions, all positions)``: 0 to look, the type's lowest number not to."""


@dataclass(frozen=True)
class AttentionWindows:
    """How far back each kind of layer looks.

    Attributes:
        by_kind: window length in positions, own position included, by the kind of layer; ``None`` for all.
        keyed: whether the network takes one mask for each kind of layer, by name.
        layers: the kind of each layer; none where there is one kind only.
    """

    by_kind: dict[str, int | None]
    keyed: bool
    layers: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: PretrainedConfig) -> "AttentionWindows":
        """The windows of a network of this (text) configuration."""
        window: int | None = getattr(config, "sliding_window", None)
        kinds: list[str] | None = getattr(config, "layer_types", None)
        if kinds is None:
            return cls({"all": window}, keyed=False)
        by_kind = {kind: window if kind == "sliding_attention" else None for kind in sorted(set(kinds))}
        return cls(by_kind, "sliding_attention" in by_kind, tuple(kinds))

    @property
    def shortest(self) -> int | None:
        """The length of the shortest window; ``None`` if every layer looks all the way back."""
        return min((window for window in self.by_kind.values() if window is not None), default=None)

    def of_layer(self, layer: int) -> int | None:
        """The window of a layer; ``None`` if it looks all the way back."""
        return self.by_kind[self.layers[layer] if self.layers else "all"]

    def mask(self, visible: BoolArray, positions: IntArray, dtype: torch.dtype, device: torch.device) -> Mask:
        """The mask of the last ``k`` of ``n`` positions.

        Args:
            visible: ``(k, n)``, who is an ancestor of whom.
            positions: ``(n,)``, the place of each in its text.
            dtype: the network's.
            device: the network's.
        """
        back = positions[len(positions) - len(visible) :, np.newaxis] - positions
        masks = {
            kind: additive(torch.from_numpy(visible if window is None else visible & (back < window)), dtype, device)
            for kind, window in self.by_kind.items()
        }
        return masks if self.keyed else next(iter(masks.values()))


def additive(seen: torch.Tensor, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """A mask ``(…, 1, queries, keys)`` to be added to scores, with heads before the last two axes.

    Args:
        seen: bool ``(queries, keys)`` or ``(rows, queries, keys)``.
        dtype: the scores'.
        device: the scores'.
    """
    look, not_to = torch.zeros((), dtype=dtype), torch.full((), torch.finfo(dtype).min, dtype=dtype)
    mask = torch.where(seen, look, not_to)
    return (mask[None, None] if mask.ndim == 2 else mask[:, None]).to(device)
