"""Attention within windows and documents by compiled flex attention, for CUDA; the same as `attention.blocked`."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention


class Flexible:
    """Whole sequences, as `attention.Whole`; the mask is made once for all layers of a stack.

    Args:
        window: how many positions a position sees, itself included; ``None`` for all.
        first_RN: the first position of each one's document; ``None`` where a row is one document.
    """

    def __init__(self, window: int | None, first_RN: Tensor | None = None) -> None:
        self._window = window
        self._first = first_RN
        self._mask: BlockMask | None = None

    def __call__(self, layer: int, query_RNHD: Tensor, key_RNKD: Tensor, value_RNKD: Tensor) -> Tensor:
        if self._mask is None:
            self._mask = block_mask(self._window, self._first, query_RNHD.shape[1], query_RNHD.device)
        found: Tensor = _attention(query_RNHD.is_cuda)(
            query_RNHD.transpose(1, 2),
            key_RNKD.transpose(1, 2),
            value_RNKD.transpose(1, 2),
            block_mask=self._mask,
            enable_gqa=query_RNHD.shape[2] != key_RNKD.shape[2],
        )
        return found.transpose(1, 2)


def block_mask(window: int | None, first_RN: Tensor | None, count: int, device: torch.device) -> BlockMask:
    """Which blocks of positions see which, and which positions in them."""

    def sees(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        found = key <= query
        if window is not None:
            found = found & (query - key < window)
        return found if first_RN is None else found & (key >= first_RN[row, query])

    rows = None if first_RN is None else len(first_RN)
    return create_block_mask(sees, rows, None, count, count, device=str(device))


@cache
def _attention(compiled: bool) -> Callable[..., Any]:
    """Flex attention, compiled where it is fast; elsewhere its own slow form."""
    attention: Callable[..., Any] = flex_attention
    return torch.compile(attention, dynamic=True) if compiled else attention
