"""Causal attention within windows and documents, in blocks, so that memory grows with the length and not its square.

Shapes: R rows, N positions, H heads of queries, K heads of keys and values, D head width.
"""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class Attend(Protocol):
    """What the positions of a pass see: one of these goes through all layers of a stack."""

    def __call__(self, layer: int, query_RNHD: Tensor, key_RNKD: Tensor, value_RNKD: Tensor) -> Tensor:
        """What the queries of a layer find, ``(R, N, H, D)``."""
        ...


class Whole:
    """Whole sequences: a position sees those before it, in its document and within the window.

    Args:
        window: how many positions a position sees, itself included; ``None`` for all.
        first_RN: the first position of each one's document; ``None`` where a row is one document.
    """

    def __init__(self, window: int | None, first_RN: Tensor | None = None) -> None:
        self._window = window
        self._first = first_RN

    def __call__(self, layer: int, query_RNHD: Tensor, key_RNKD: Tensor, value_RNKD: Tensor) -> Tensor:
        return blocked(query_RNHD, key_RNKD, value_RNKD, self._window, self._first)


def whole(like: Tensor, window: int | None, first_RN: Tensor | None = None) -> Attend:
    """`Whole` by whatever is quickest where the sequences are: on CUDA, masks are compiled into flex attention."""
    if like.is_cuda and (window is not None or first_RN is not None):
        from bytelm.blt.flexible import Flexible

        return Flexible(window, first_RN)
    return Whole(window, first_RN)


def blocked(
    query_RNHD: Tensor, key_RNKD: Tensor, value_RNKD: Tensor, window: int | None, first_RN: Tensor | None
) -> Tensor:
    """Attention to the positions before, block of queries by block of queries; see `Whole`."""
    count = query_RNHD.shape[1]
    if first_RN is None and (window is None or window >= count):
        return scaled(query_RNHD, key_RNKD, value_RNKD, causal=True)
    # Half a window of queries sees one and a half windows of keys: little is computed for nothing.
    size = max(64, (window or count) // 2)
    found = []
    for begin in range(0, count, size):
        end = min(begin + size, count)
        low = 0 if window is None else max(0, begin - window + 1)
        mask = visible(torch.arange(begin, end), torch.arange(low, end), window, query_RNHD.device)
        if first_RN is not None:
            mask = mask & (first_RN[:, begin:end, None] <= torch.arange(low, end, device=first_RN.device))
        found.append(scaled(query_RNHD[:, begin:end], key_RNKD[:, low:end], value_RNKD[:, low:end], mask))
    return torch.cat(found, dim=1)


def visible(queries: Tensor, keys: Tensor, window: int | None, device: torch.device) -> Tensor:
    """Which positions see which, bool ``(1, queries, keys)``."""
    back = queries.to(device)[:, None] - keys.to(device)
    return ((back >= 0) if window is None else (back >= 0) & (back < window)).unsqueeze(0)


def scaled(
    query_RNHD: Tensor, key_RMKD: Tensor, value_RMKD: Tensor, mask_RNM: Tensor | None = None, causal: bool = False
) -> Tensor:
    """Scaled dot-product attention; a mask has one row for all, or one for each."""
    found = F.scaled_dot_product_attention(
        query_RNHD.transpose(1, 2),
        key_RMKD.transpose(1, 2),
        value_RMKD.transpose(1, 2),
        attn_mask=None if mask_RNM is None else mask_RNM.unsqueeze(1),
        is_causal=causal,
        enable_gqa=query_RNHD.shape[2] != key_RMKD.shape[2],
    )
    return found.transpose(1, 2)
