"""The pieces of a Unigram model, sorted, with what the best segmentations inside of each are worth.

The best segmentation of the rest of a piece depends on nothing but that rest, and the rests of all pieces are few
different strings. Each is scored once, the shortest first, from the pieces that it begins with. Characters without
a piece of their own count as unknown ones.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from itertools import pairwise, repeat

import numpy as np
from numpy.typing import NDArray

from bytelm.protocol import FloatArray

_FINEST = 2.0**30
"""Multiples of its inverse add up exactly in float64 while the sums stay below 2**23: half a million tokens."""


class Pieces:
    """Pieces and their scores. What is kept of the rests of pieces lies in flat arrays, at ``offsets[i] + k`` for the
    rest of piece i behind its first k characters; the empty rest is among them.

    Args:
        scores: the score of every piece.
        unknown: the score of an unknown character.

    Attributes:
        score: the score of every piece, by its text.
        unknown: the score of an unknown character.
        texts: the pieces, sorted by code points, which is to say by their UTF-8.
        scores: float64 ``(n,)``, in the order of ``texts``.
        lengths: int64 ``(n,)``, in characters.
        offsets: int64 ``(n,)``, where the rests of each piece begin in the flat arrays.
        rests: flat float64, the score of the best segmentation of each rest.
        lows: flat int64, the first of the pieces that start with each rest.
        highs: flat int64, one more than the last of them; 0 if there are none.
        surplus: float64 ``(n,)``, by how much the best segmentation into shorter pieces scores higher than the piece.
        exact: whether scores add up without rounding, in any order.
    """

    def __init__(self, scores: Mapping[str, float], unknown: float) -> None:
        self.score = dict(scores)
        self.unknown = unknown
        self.texts = sorted(self.score)
        self.scores: FloatArray = np.array([self.score[text] for text in self.texts], dtype=np.float64)
        self.lengths = np.array([len(text) for text in self.texts], dtype=np.int64)
        self.offsets = np.cumsum(self.lengths + 1) - self.lengths - 1
        scaled = np.append(self.scores, unknown) * _FINEST
        self.exact = bool((np.rint(scaled) == scaled).all())
        self._score_rests()

    def span(self, start: str) -> range:
        """The indices of the pieces that start with ``start``."""
        low = bisect_left(self.texts, start)
        high = bisect_left(self.texts, True, lo=low, key=lambda text: not text.startswith(start))
        return range(low, high)

    def goes_on(self, start: str) -> bool:
        """Whether a longer piece starts with ``start``."""
        after = bisect_right(self.texts, start)
        return after < len(self.texts) and self.texts[after].startswith(start)

    def _score_rests(self) -> None:
        flat = [text[k:] for text in self.texts for k in range(len(text) + 1)]
        distinct = sorted(set(flat), key=len)
        number = {rest: i for i, rest in enumerate(distinct)}
        where = np.fromiter(map(number.__getitem__, flat), dtype=np.int64, count=len(flat))
        first, last = _edges(self.texts), _edges(self.texts[::-1])
        lows = np.fromiter(map(first.get, distinct, repeat(0)), dtype=np.int64, count=len(distinct))
        lasts = np.fromiter(map(last.get, distinct, repeat(len(self.texts))), dtype=np.int64, count=len(distinct))
        best, split = self._best(distinct, where, self._longest(first))
        self.lows, self.highs, self.rests = lows[where], (len(self.texts) - lasts)[where], best[where]
        self.surplus: FloatArray = split[where[self.offsets]] - self.scores

    def _longest(self, starts: Mapping[str, int]) -> dict[str, int]:
        """The index of the longest piece that each beginning of a piece begins with; -1 if there is none."""
        index = {text: i for i, text in enumerate(self.texts)}
        longest = {"": -1}
        for start in sorted(starts, key=len):
            found = index.get(start)
            longest[start] = longest[start[:-1]] if found is None else found
        return longest

    def _best(
        self, strings: list[str], where: NDArray[np.int64], longest: Mapping[str, int]
    ) -> tuple[FloatArray, FloatArray]:
        """Find the best segmentation of strings of which all rests are among them.

        Args:
            strings: different strings, sorted by length, the empty one first.
            where: flat, the index in ``strings`` of the rests of every piece.
            longest: the index of the longest piece that each beginning of a piece begins with; -1 if there is none.

        Returns:
            the score of each one's best segmentation, and of its best one into two parts or more: ``(n,)`` each.
        """
        shorter = np.array([longest[text[:-1]] for text in self.texts], dtype=np.int64)
        begins = np.fromiter((_longest_start(string, longest) for string in strings), np.int64, len(strings))
        heads = (self.score.get(string[:1], self.unknown) for string in strings)
        head = np.fromiter(heads, dtype=np.float64, count=len(strings))
        place = np.zeros(len(strings), dtype=np.int64)
        place[where] = np.arange(len(where))
        best, split = np.zeros(len(strings)), np.full(len(strings), -np.inf)
        bounds = np.searchsorted([*map(len, strings)], np.arange(1, int(self.lengths.max()) + 2))
        for length, (low, high) in enumerate(pairwise(bounds.tolist()), 1):
            rows = np.arange(low, high)
            best[rows] = head[rows] + best[where[place[rows] + 1]]
            split[rows] = best[rows] if length > 1 else -np.inf
            piece = begins[rows]
            while (rows := rows[piece >= 0]).size:
                piece = piece[piece >= 0]
                sizes = self.lengths[piece]
                scores = self.scores[piece] + best[where[place[rows] + sizes]]
                best[rows] = np.maximum(best[rows], scores)
                split[rows] = np.where(sizes < length, np.maximum(split[rows], scores), split[rows])
                piece = shorter[piece]
        return best, split


def _edges(texts: list[str]) -> dict[str, int]:
    """The place in ``texts``, sorted either way, of the first one that starts with each beginning of any."""
    first: dict[str, int] = {}
    for place, text in enumerate(texts):
        for end in range(len(text), 0, -1):
            if text[:end] in first:
                break
            first[text[:end]] = place
    return first


def _longest_start(string: str, longest: Mapping[str, int]) -> int:
    """What ``longest`` says of the longest beginning of ``string`` that it knows."""
    end = len(string)
    while string[:end] not in longest:
        end -= 1
    return longest[string[:end]]
