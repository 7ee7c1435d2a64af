"""Greedy longest match: what WordPiece makes of a word, and RWKV's tokenizer of a whole text.

At every place the tokenizer takes the longest entry of its vocabulary that the text goes on with. So a token that
starts at p is right exactly when no longer entry matches the text at p. What must be remembered are the stretches
from the start of a token to here that some longer entry begins with: no such entry may come about later. Where the
pre-token ends, none can any more.

The mask of next tokens: a remembered stretch f forbids, for every entry f + x, the tokens that begin with x, which
are one range of the sorted vocabulary. Of the x only the shortest count, those that begin with no other. A token
that begins an x and is shorter stays allowed, and the stretch grows.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.segmenting import Segment
from bytelm.tokens.vocabulary import Vocabulary

_MASK_CACHE_BYTES = 64 * 2**20
_STRETCHES_CACHED = 2**14


class LongestSegment(NamedTuple):
    """What longest match remembers of a pre-token.

    Attributes:
        stretches: the bytes from the start of a token to here, for every token where a longer entry begins with
            them, the longest first.
        room: how many more characters the pre-token may have; -1 if as many as it likes.
    """

    stretches: tuple[bytes, ...]
    room: int


class LongestMatch:
    """The segmenter of greedy longest match; see :class:`bytelm.tokens.segmenting.Segmenter`.

    Args:
        vocabulary: the tokens. All of them compete for the longest match.
        produced: bool ``(len(vocabulary.token_bytes),)`` by id, the tokens that the tokenizer may produce; all if
            ``None``. Of several with the same bytes the lowest id is produced.
        competitors: entries that are no tokens of ``vocabulary``, and compete all the same.
        longest: how many characters a pre-token may have, spaces at the beginning of tokens not counted: WordPiece
            gives up on longer words. No limit if ``None``.

    Raises:
        ValueError: ``produced`` has the wrong length, or a competitor is empty.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        produced: NDArray[np.bool_] | None = None,
        competitors: Sequence[bytes] = (),
        longest: int | None = None,
    ) -> None:
        if produced is not None and produced.shape != (len(vocabulary.token_bytes),):
            raise ValueError(f"produced has shape {produced.shape}, for {len(vocabulary.token_bytes)} token ids")
        if not all(competitors):
            raise ValueError("an entry without bytes cannot compete")
        self._vocabulary = vocabulary
        words = [vocabulary.bytes_at(i) for i in range(vocabulary.size)]
        self._entries = Vocabulary(sorted({*words, *competitors}))
        self._widths: NDArray[np.int64] | None = None
        self.reachable = _first_of_equals(words, produced, vocabulary.order)
        if longest is not None:
            self._widths = np.array([_characters(word) for word in words], dtype=np.int64)
            self.reachable &= self._widths <= longest
        self.start: Segment = LongestSegment((), -1 if longest is None else longest)
        self._ranges = lru_cache(maxsize=_STRETCHES_CACHED)(self._forbidden)
        self._masks = lru_cache(maxsize=max(64, _MASK_CACHE_BYTES // vocabulary.size))(self._mask)

    def advance(self, segment: Segment, token: int) -> Segment | None:
        stretches, room = cast(LongestSegment, segment)
        index = int(self._vocabulary.index[token])
        if index < 0 or not self.reachable[index]:
            return None
        if self._widths is not None:
            room -= int(self._widths[index])
            if room < 0:
                return None
        word = self._vocabulary.bytes_at(index)
        if any(self._completes(stretch, word) for stretch in stretches):
            return None
        grown = (*(stretch + word for stretch in stretches), word)
        return LongestSegment(tuple(stretch for stretch in grown if self._goes_on(stretch)), room)

    def allowed(self, segment: Segment) -> NDArray[np.bool_]:
        return self._masks(segment)

    def closing(self, segment: Segment) -> NDArray[np.bool_]:
        return self._masks(segment)

    def exceptional(self, segment: Segment) -> NDArray[np.int64]:
        return np.flatnonzero(self.allowed(segment))

    def may_close(self, segment: Segment) -> bool:
        return True

    def _completes(self, stretch: bytes, word: bytes) -> bool:
        """Whether ``stretch + word`` begins with an entry longer than ``stretch``."""
        low, high = 0, self._entries.size
        for end in range(1, len(word) + 1):
            low, exact, high = self._entries.narrow(low, high, stretch + word[:end])
            if low < exact:
                return True
            if exact == high:
                return False
        return False

    def _goes_on(self, stretch: bytes) -> bool:
        """Whether a longer entry begins with ``stretch``."""
        found = self._entries.narrow(0, self._entries.size, stretch)
        return found.exact < found.high

    def _mask(self, segment: LongestSegment) -> NDArray[np.bool_]:
        mask = self.reachable.copy()
        if segment.stretches:
            size = self._vocabulary.size
            runs = np.concatenate([self._ranges(stretch) for stretch in segment.stretches])
            steps = np.bincount(runs[:, 0], minlength=size + 1) - np.bincount(runs[:, 1], minlength=size + 1)
            mask &= np.cumsum(steps[:-1]) == 0
        if self._widths is not None:
            mask &= self._widths <= segment.room
        mask.flags.writeable = False
        return mask

    def _forbidden(self, stretch: bytes) -> NDArray[np.int64]:
        """The tokens that complete an entry longer than ``stretch``: int64 ``(n, 2)``, ranges ``[low, high)``."""
        runs = []
        _, place, stop = self._entries.narrow(0, self._entries.size, stretch)
        low = 0
        while place < stop:
            entry = self._entries.bytes_at(place)
            low, _, high = self._vocabulary.narrow(low, self._vocabulary.size, entry[len(stretch) :])
            if low < high:
                runs.append((low, high))
            place = self._entries.narrow(place, stop, entry).high
        return np.array(runs, dtype=np.int64).reshape(-1, 2)


def _first_of_equals(
    words: Sequence[bytes], produced: NDArray[np.bool_] | None, order: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """The first produced one of every run of equal words: bool ``(len(words),)``."""
    first = np.ones(len(words), dtype=bool) if produced is None else produced[order].astype(bool)
    latest = None
    for index in np.flatnonzero(first).tolist():
        first[index] = words[index] != latest
        latest = words[index]
    return first


def _characters(word: bytes) -> int:
    """How many characters ``word`` has, a leading space not counted, as lead bytes of UTF-8."""
    return sum(byte & 0xC0 != 0x80 for byte in word.removeprefix(b" "))
