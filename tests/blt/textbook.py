"""Attention as the textbooks have it: all scores at once, dense masks, loops over heads."""

import torch
from torch import Tensor


def attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """What queries ``(N, H, D)`` find in keys and values ``(M, K, D)`` where the mask, bool ``(N, M)``, lets them."""
    heads, width = query.shape[1:]
    shared = heads // key.shape[1]
    found = []
    for head in range(heads):
        scores = query[:, head] @ key[:, head // shared].T / width**0.5
        weights = scores.masked_fill(~mask, float("-inf")).softmax(-1)
        found.append(weights @ value[:, head // shared])
    return torch.stack(found, 1)


def causal(count: int, window: int | None, first: Tensor | None) -> Tensor:
    """Which positions see which, bool ``(count, count)``."""
    return torch.tensor(
        [
            [
                key <= query
                and (window is None or query - key < window)
                and (first is None or key >= int(first[query]))
                for key in range(count)
            ]
            for query in range(count)
        ]
    )


def own_bytes(patches: Tensor, count: int, many: int) -> Tensor:
    """Which vectors of patches see which bytes, bool ``(count · many, bytes)``."""
    numbers = torch.arange(count).repeat_interleave(many)
    return numbers[:, None] == patches


def own_patch(patches: Tensor, count: int, many: int) -> Tensor:
    """Which bytes see which vectors of patches, bool ``(bytes, count · many)``."""
    return own_bytes(patches, count, many).T
