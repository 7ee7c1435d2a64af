"""Where in its document each id stands: patches are decided document by document, as if each stood alone.

A document begins at the first id, behind every EOS, and at every BOS, whatever stands before it.
"""

import numpy as np

from bytelm.blt.vocabulary import BOS, EOS, IdArray


def checked(ids: IdArray) -> IdArray:
    """The ids as int64 ``(n,)``.

    Raises:
        ValueError: they are not integers in one dimension.
    """
    found = np.asarray(ids)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        raise ValueError(
            f"ids must be integers in one dimension, got {found.dtype} of shape {found.shape}; "
            "patch the rows of a batch one by one, each without its padding"
        )
    return found.astype(np.int64, copy=False)


def places_of(ids: IdArray, documents: bool) -> IdArray:
    """The distance of each position from the beginning of its document, int64 ``(n + 1,)``, for ids ``(n,)``.

    The last position is that of the id not seen yet; behind an EOS it begins a document.

    Args:
        ids: the ids, checked.
        documents: whether documents are told apart; if not, all of it is one.
    """
    positions = np.arange(len(ids) + 1)
    if not documents:
        return positions
    begins = np.zeros(len(ids) + 1, dtype=bool)
    begins[:-1] = ids == BOS
    begins[1:] |= ids == EOS
    return positions - np.maximum.accumulate(np.where(begins, positions, 0))
