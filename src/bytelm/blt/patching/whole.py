"""Where the patches of a whole sequence start.

The answer for n ids has n + 1 places: the last one is that of the byte not seen yet. Whether a patch starts at p + 1 is
decided by the ids up to p and the entropies up to p, so a text may be cut while it is written; see
`bytelm.blt.patching.stepwise` for that. One thing is not known in time, and cannot occur while a text is written: that
a document begins where none has ended, with a BOS without an EOS before it.

Sequences may pack several documents, BOS, bytes, EOS, BOS, …; each is cut as if it stood alone. In every one of them
the patch of its first id, the BOS, has length 1.
"""

import numpy as np
from numpy.typing import NDArray

from bytelm.blt.patching.borders import borders_move
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.places import checked, places_of
from bytelm.blt.patching.spaces import spaces_end
from bytelm.blt.patching.uncertainty import exceeding, scores
from bytelm.blt.vocabulary import IdArray
from bytelm.protocol import FloatArray
from bytelm.tokens.tokenizer import Tokenizer


def patch_starts(
    patching: Patching,
    ids: IdArray,
    entropies: FloatArray | None = None,
    *,
    tokenizer: Tokenizer | None = None,
    documents: bool = True,
) -> NDArray[np.bool_]:
    """Whether a patch starts at each position, bool ``(n + 1,)``.

    Args:
        patching: what decides.
        ids: int ``(n,)``.
        entropies: of the next byte behind each position, ``(n,)``, nats; for patchings that need them.
        tokenizer: for patching by ``"tokenizer"``.
        documents: whether documents are told apart. If not, all of it is one document whatever ids occur in it, as
            transformers has it.

    Raises:
        ValueError: the ids are not integers in one dimension; or the entropies are missing, not n, or not finite; or
            the tokenizer is missing.
    """
    ids = checked(ids)
    places = places_of(ids, documents)
    starts: NDArray[np.bool_] = places < 2
    starts[1:] |= _decided(patching, ids, places[:-1], entropies, tokenizer)
    if patching.longest is not None:
        starts |= _since(starts) % patching.longest == 0
    return starts


def _decided(
    patching: Patching,
    ids: IdArray,
    places: IdArray,
    entropies: FloatArray | None,
    tokenizer: Tokenizer | None,
) -> NDArray[np.bool_]:
    """Whether the rule of the patching starts a patch behind each position, bool ``(n,)``."""
    if patching.needs_entropies:
        return exceeding(patching, scores(patching, places, entropies))
    if patching.mode == "space":
        return spaces_end(ids)
    if patching.mode == "tokenizer":
        return borders_move(tokenizer, ids)
    if patching.mode == "byte":
        return np.ones(len(ids), dtype=bool)
    return np.equal(places % patching.size, 0, dtype=bool)


def _since(starts: NDArray[np.bool_]) -> IdArray:
    """The distance of each position from the start of its patch."""
    positions: IdArray = np.arange(len(starts))
    return positions - np.maximum.accumulate(np.where(starts, positions, 0))
