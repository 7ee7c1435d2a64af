"""Attention within windows and documents by compiled flex attention, for CUDA; the same as `attention.blocked`."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask, flex_attention


def flexible(
    query_RNHD: Tensor, key_RNKD: Tensor, value_RNKD: Tensor, window: int | None, first_RN: Tensor | None
) -> Tensor:
    """Attention to the positions before, within the window and the document; shapes as of `attention.Whole`."""
    rows, count = query_RNHD.shape[:2]

    def sees(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        found = key <= query
        if window is not None:
            found = found & (query - key < window)
        return found if first_RN is None else found & (key >= first_RN[row, query])

    mask = create_block_mask(
        sees, None if first_RN is None else rows, None, count, count, device=str(query_RNHD.device)
    )
    found: Tensor = _attention(query_RNHD.is_cuda)(
        query_RNHD.transpose(1, 2),
        key_RNKD.transpose(1, 2),
        value_RNKD.transpose(1, 2),
        block_mask=mask,
        enable_gqa=query_RNHD.shape[2] != key_RNKD.shape[2],
    )
    return found.transpose(1, 2)


@cache
def _attention(compiled: bool) -> Callable[..., Any]:
    """Flex attention, compiled where it is fast; elsewhere its own slow form."""
    attention: Callable[..., Any] = flex_attention
    return torch.compile(attention, dynamic=True) if compiled else attention
