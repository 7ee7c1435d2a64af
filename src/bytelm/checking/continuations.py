"""How a text might go on: the continuations that a judge tries, the likeliest to prove something first."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, product
from random import Random
from unicodedata import category

from bytelm.utf8 import completions, split_tail

CHARACTERS = ("", "a", " ", "\n", "1", ".", "'", "é", "中", "😀", "A", "\t", "s", "l", "\r", "\u0301", "٣", "\u3000")
"""Continuations of one character that patterns are likely to tell apart."""

AWAITED = (
    *("\n\n", "  ", "e", "E", "L", "ll", "re", "ve", "ſ", "aa", "AA", "Aa", "aA"),
    *("23", "234", "2345", "23456", "2a", "23a", "234a", "11", "111"),
)
"""Continuations that patterns known to us wait for."""

MORE = tuple("".join(chars) for length in (2, 3) for chars in product(CHARACTERS[1:7], repeat=length))

_OF_EACH_CATEGORY = 6
_FEW = 64
"""How many completions of a character are all tried: as many as there are where one byte is missing."""


class Continuations:
    """The ways on from the end of a byte string.

    Args:
        words: the bytes of all tokens that have any.
        random: decides which completions of a cut character are tried where there are too many.
    """

    def __init__(self, words: Iterable[bytes], random: Random) -> None:
        self._continuing = [word for word in words if b"\x80" <= word[:1] < b"\xc0"]
        self._random = random
        self._completions = lru_cache(maxsize=None)(self._complete)

    def after(self, data: bytes, continuations: Sequence[str]) -> Iterator[bytes]:
        """``data``, with every way to complete its last character, before each continuation; none if it is no UTF-8."""
        split = split_tail(data)
        if split is None:
            return
        for ending in self._endings(split[1]):
            for more in continuations:
                yield data + ending + more.encode()

    def _endings(self, tail: bytes) -> Iterator[bytes]:
        """Bytes that complete a character: by themselves, then as the beginning of a token that goes on."""
        yield from self._completions(tail)
        for word in self._continuing if tail else ():
            split = split_tail(tail + word)
            if split is not None:
                yield from (word + ending for ending in self._completions(split[1]))

    def _complete(self, tail: bytes) -> list[bytes]:
        """Completions of a character: all if one byte is missing, else some of each Unicode category."""
        if not tail:
            return [b""]
        points = completions(tail)
        if len(points) <= _FEW:
            return [chr(point).encode()[len(tail) :] for point in points]
        by_category: dict[str, list[int]] = {}
        for point in points:
            by_category.setdefault(category(chr(point)), []).append(point)
        some = [self._random.choices(found, k=_OF_EACH_CATEGORY) for found in by_category.values()]
        return [chr(point).encode()[len(tail) :] for point in chain.from_iterable(zip(*some, strict=True))]
