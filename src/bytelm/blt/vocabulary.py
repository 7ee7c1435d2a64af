"""The ids of a byte-level network: four special ones, then the bytes. A document is BOS, its bytes, EOS."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

PADDING: Final = 0
"""What batches are padded with (BOE of the release)."""

BOS: Final = 1
EOS: Final = 2
DELIMITER: Final = 3
"""The release's mark between tokens of a byte-pair encoding; never produced."""

OFFSET: Final = 4
"""Byte ``b`` has the id ``b + OFFSET``."""

SIZE: Final = OFFSET + 256

IdArray = NDArray[np.int64]


def ids_of(data: bytes) -> IdArray:
    """The ids of some bytes, int64 ``(len(data),)``; no BOS, no EOS."""
    return np.frombuffer(data, dtype=np.uint8).astype(np.int64) + OFFSET


def document(data: bytes, ended: bool = False) -> IdArray:
    """The ids of a document: BOS and its bytes, int64 ``(len(data) + 1,)``; with EOS one more."""
    return np.concatenate([[BOS], ids_of(data), [EOS] if ended else []]).astype(np.int64)
