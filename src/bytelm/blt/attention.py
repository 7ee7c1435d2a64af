"""Causal attention within windows and documents, in blocks, so that memory grows with the length and not its square.

Shapes: R rows, N positions, H heads of queries, K heads of keys and values, D head width.
"""

import math
from collections.abc import Sequence
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

    Queries go by blocks of half a window, which see one and a half windows of keys: little is computed for nothing.
    The masks are made once for all layers of a stack.

    Args:
        window: how many positions a position sees, itself included; ``None`` for all.
        first_RN: the first position of each one's document; ``None`` where a row is one document.
    """

    def __init__(self, window: int | None, first_RN: Tensor | None = None) -> None:
        self.window = window
        self._first = first_RN
        self._masks: dict[tuple[int, int, int], Tensor] = {}

    def __call__(self, layer: int, query_RNHD: Tensor, key_RNKD: Tensor, value_RNKD: Tensor) -> Tensor:
        if self._first is None and (self.window is None or self.window >= query_RNHD.shape[1]):
            return scaled(query_RNHD, key_RNKD, value_RNKD, causal=True)
        found: Tensor = self._in_blocks(query_RNHD, key_RNKD, value_RNKD)
        return found

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # Each block would be compiled by itself.
    def _in_blocks(self, query_RNHD: Tensor, key_RNKD: Tensor, value_RNKD: Tensor) -> Tensor:
        sight = self.window or query_RNHD.shape[1]
        size = max(64, -(-sight // 2))
        before = -(-sight // size)
        # Parts of a tensor, put together anew: the gradient of a slice is as long as the whole sequence.
        queries, keys, values = (torch.split(part, size, dim=1) for part in (query_RNHD, key_RNKD, value_RNKD))
        found = []
        for place, query in enumerate(queries):
            seen = slice(max(0, place - before), place + 1)
            key = _joined(keys[seen])
            found.append(scaled(query, key, _joined(values[seen]), self._mask(place * size, query, key)))
        return _joined(found)

    def _mask(self, begin: int, query: Tensor, key: Tensor) -> Tensor:
        """What is added to the scores of a block from position ``begin`` on, ``(R or 1, queries, keys)``."""
        shape = query.shape[1], key.shape[1]
        kind = (0 if self._first is None else begin, *shape)
        if kind not in self._masks:
            end = begin + shape[0]
            queries, keys = torch.arange(begin, end), torch.arange(end - shape[1], end)
            seen = visible(queries, keys, self.window, query.device)
            if self._first is not None:
                seen = seen & (self._first[:, begin:end, None] <= keys.to(query.device))
            self._masks[kind] = query.new_zeros(seen.shape).masked_fill(~seen, -math.inf)
        return self._masks[kind]


class Apart:
    """Documents that stand one behind the other in one row, each attended to by itself.

    Args:
        sizes: how many positions each has; nothing stands behind the last one.
        attends: what the positions of each document see.
    """

    def __init__(self, sizes: Sequence[int], attends: Sequence[Attend]) -> None:
        self._sizes = list(sizes)
        self._attends = attends

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # The sizes are others in every pass.
    def __call__(self, layer: int, query_1NHD: Tensor, key_1NKD: Tensor, value_1NKD: Tensor) -> Tensor:
        parts = (torch.split(part, self._sizes, dim=1) for part in (query_1NHD, key_1NKD, value_1NKD))
        return _joined([attend(layer, *one) for attend, *one in zip(self._attends, *parts, strict=True)])


def whole(like: Tensor, window: int | None, first_RN: Tensor | None = None) -> Attend:
    """`Whole` by whatever is quickest where the sequences are: on CUDA, masks are compiled into flex attention."""
    if like.is_cuda and (window is not None or first_RN is not None):
        from bytelm.blt.flexible import Flexible

        return Flexible(window, first_RN)
    return Whole(window, first_RN)


def visible(queries: Tensor, keys: Tensor, window: int | None, device: torch.device) -> Tensor:
    """Which positions see which, bool ``(1, queries, keys)``."""
    back = queries.to(device)[:, None] - keys.to(device)
    return ((back >= 0) if window is None else (back >= 0) & (back < window)).unsqueeze(0)


def scaled(
    query_RNHD: Tensor, key_RMKD: Tensor, value_RMKD: Tensor, mask_RNM: Tensor | None = None, causal: bool = False
) -> Tensor:
    """Scaled dot-product attention; a mask, bool or added to the scores, has one row for all, or one for each."""
    found = F.scaled_dot_product_attention(
        query_RNHD.transpose(1, 2),
        key_RMKD.transpose(1, 2),
        value_RMKD.transpose(1, 2),
        attn_mask=None if mask_RNM is None else mask_RNM.unsqueeze(1),
        is_causal=causal,
        enable_gqa=query_RNHD.shape[2] != key_RMKD.shape[2],
    )
    return found.transpose(1, 2)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Parts of a sequence, ``(R, n, …)``, one behind the other."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=1)
