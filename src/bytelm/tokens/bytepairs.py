"""The segmenter of byte-pair encoding: merges, and tokens that only whole pre-tokens become."""

from collections.abc import Collection
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.merges import Merges
from bytelm.tokens.segmenting import Segment
from bytelm.tokens.vocabulary import Vocabulary

_CACHE_BYTES = 64 * 2**20
_BEGIN = -1
_WHOLE = "whole"


class BytePairs:
    """How byte-pair encoding cuts a pre-token.

    A segment is the last token's id. Some tokenizers look a whole pre-token up in the vocabulary before they merge
    (``ignore_merges``), and have tokens that merging does not reach. While a pre-token may still become such a token,
    its segment is the last token's id together with its bytes so far: it may not end where it would be one token.

    Args:
        vocabulary: the tokens, sorted.
        merges: the merges.
        whole: the ids of tokens that merging does not reach but whole pre-tokens become.
    """

    def __init__(self, vocabulary: Vocabulary, merges: Merges, whole: Collection[int] = ()) -> None:
        self._vocabulary = vocabulary
        self._merges = merges
        self._whole = frozenset(whole)
        self._spelled_whole = {vocabulary.token_bytes[token] for token in whole}
        self._beginnings = {data[:end] for data in self._spelled_whole for end in range(1, len(data) + 1)}
        self.start: Segment = _BEGIN
        merged = merges.reachable[vocabulary.order]
        self._merged = merged
        self._positions = merges.positions(vocabulary.order)
        self.reachable = merged.copy()
        self.reachable[vocabulary.index[sorted(self._whole)]] = True
        self._nothing = np.zeros(vocabulary.size, dtype=bool)
        self._no_index = np.empty(0, dtype=np.int64)
        for mask in (self.reachable, self._nothing):
            mask.flags.writeable = False
        cached = max(64, _CACHE_BYTES // vocabulary.size)
        self._after = lru_cache(maxsize=cached)(self._allowed_after)
        self._exceptions = lru_cache(maxsize=cached)(self._completing_whole)

    def advance(self, segment: Segment, token: int) -> Segment | None:
        if segment == _BEGIN:
            if token in self._whole:
                return _WHOLE
            return self._segment(token, self._vocabulary.token_bytes[token]) if self._merges.reachable[token] else None
        if segment == _WHOLE:
            return None
        last, begun = segment if isinstance(segment, tuple) else (segment, b"")
        if not (self._merges.reachable[token] and self._merges.allows(last, token)):
            return None
        return self._segment(token, begun + self._vocabulary.token_bytes[token]) if begun else token

    def allowed(self, segment: Segment) -> NDArray[np.bool_]:
        if segment == _BEGIN:
            return self.reachable
        if segment == _WHOLE:
            return self._nothing
        found: NDArray[np.bool_] = self._after(segment[0] if isinstance(segment, tuple) else segment)
        return found

    def closing(self, segment: Segment) -> NDArray[np.bool_]:
        allowed = self.allowed(segment)
        if not isinstance(segment, tuple):
            return allowed
        closing = allowed.copy()
        begun = segment[1]
        for data in self._spelled_whole:
            if data.startswith(begun):
                found = self._vocabulary.find(data[len(begun) :])
                closing[found.start : found.stop] = False
        return closing

    def exceptional(self, segment: Segment) -> NDArray[np.int64]:
        if isinstance(segment, tuple):
            return self._exceptions(segment[1])
        return self._exceptions(b"") if segment == _BEGIN else self._no_index

    def may_close(self, segment: Segment) -> bool:
        return not (isinstance(segment, tuple) and segment[1] in self._spelled_whole)

    def _segment(self, token: int, begun: bytes) -> Segment:
        return (token, begun) if begun in self._beginnings else token

    def _allowed_after(self, last: int) -> NDArray[np.bool_]:
        allowed: NDArray[np.bool_] = self._merged & ~self._merges.refused_after(last)[self._positions]
        allowed.flags.writeable = False
        return allowed

    def _completing_whole(self, begun: bytes) -> NDArray[np.int64]:
        """The indices of tokens that, behind the bytes ``begun``, are or still may become a whole one."""
        found = {int(self._vocabulary.index[token]) for token in self._whole if not begun}
        for data in self._beginnings:
            if data.startswith(begun):
                found.update(self._vocabulary.find(data[len(begun) :]))
        return np.array(sorted(found), dtype=np.int64)
