"""Hashes of the n-grams that end at each position (section 3.2.1 of the paper).

The n-gram of size ``g`` at position ``i`` is the ids ``w = ids[i - g + 1 : i + 1]``, with 0 before the text. Its hash
is the polynomial ``sum_j w[j] p^j`` modulo ``2^64``, ``j = 0`` the oldest id, read as a signed number, and then taken
modulo the rows of a table.
"""

from functools import lru_cache
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from bytelm.blt.config import HashConfig

PRIMES: Final = (
    1000000007,
    5915587277,
    1500450271,
    3267000013,
    5754853343,
    4093082899,
    9576890767,
    3628273133,
    2860486313,
    5463458053,
    3367900313,
)
"""The base of the polynomial of each hash function; those of the release."""


def table_rows(ids: Tensor, config: HashConfig, before: Tensor | None = None, first: Tensor | None = None) -> Tensor:
    """The rows of the n-grams in the matrix of all tables, one below the other.

    Args:
        ids: int64 ``(rows, positions)``.
        config: the tables.
        before: the ids that stand before, int64 ``(rows, longest - 1)``, 0 where none do; none do by default.
        first: the position at which the document of each position begins, int64 ``(rows, positions)``; all belong
            to one document by default.

    Returns:
        int64 ``(rows, positions, tables)``; the tables are ordered by function, then by size.
    """
    longest = context(config) + 1
    if before is None:
        before = ids.new_zeros(ids.shape[0], longest - 1)
    windows = torch.cat([before, ids], dim=1).unfold(1, longest, 1)
    if first is not None:
        places = torch.arange(ids.shape[1], device=ids.device)
        age = torch.arange(longest - 1, -1, -1, device=ids.device)
        windows = torch.where((places - first)[..., None] >= age, windows, 0)
    factors, offsets = _constants(config, ids.device)
    return (windows.unsqueeze(2) * factors).sum(-1).remainder(config.rows) + offsets


def embed(rows: Tensor, tables: Tensor) -> Tensor:
    """The sums of the table rows of each position, ``(rows, positions, width)``."""
    found: Tensor = F.embedding_bag(rows.flatten(0, 1), tables, mode="sum")
    return found.view(*rows.shape[:2], -1)


def context(config: HashConfig) -> int:
    """How many ids before a position belong to its n-grams."""
    return max(config.sizes, default=1) - 1


@lru_cache
def _constants(config: HashConfig, device: torch.device) -> tuple[Tensor, Tensor]:
    """The factors of the ids in a window, ``(tables, longest)``, and the first row of each table, ``(tables,)``."""
    longest = context(config) + 1
    factors = [
        [0] * (longest - size) + [_signed(pow(prime, power, 2**64)) for power in range(size)]
        for prime in (PRIMES[function % len(PRIMES)] for function in range(config.functions))
        for size in config.sizes
    ]
    offsets = torch.arange(config.tables, device=device) * config.rows
    return torch.tensor(factors, dtype=torch.int64, device=device).view(-1, longest), offsets


def _signed(value: int) -> int:
    """A number modulo 2^64 as a signed one of 64 bits."""
    return value - 2**64 if value >= 2**63 else value
