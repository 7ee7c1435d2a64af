"""The slow judge of ``segmentation="canonical"``: the tokenizer's own ``encode``, asked again and again.

A token sequence is canonical if some text makes the tokenizer produce it as a beginning. So a sequence is proved
by finding one continuation of its bytes, and refuted, as far as a finite search can, by trying many.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice, product
from random import Random
from unicodedata import category

from bytelm.tokens.lattice import advance_lattice, begin_lattice
from bytelm.tokens.tokenizer import Tokenizer
from bytelm.utf8 import split_tail

CHARACTERS = ("", "a", " ", "\n", "1", ".", "'", "é", "中", "😀", "A", "\t", "s", "l", "\r", "\u0301", "٣", "\u3000")
"""Continuations of one character that patterns are likely to tell apart."""

AWAITED = ("\n\n", "  ", "e", "E", "L", "ll", "re", "ve", "ſ", "aa", "AA", "Aa", "aA")
AWAITED += ("23", "234", "2345", "23456", "2a", "23a", "234a", "11", "111")
"""Continuations that patterns known to us wait for."""

MORE = tuple("".join(chars) for length in (2, 3) for chars in product(CHARACTERS[1:7], repeat=length))

_OF_EACH_CATEGORY = 6


class Judge:
    """A tokenizer's own ``encode``, with a memory, as the judge of heads and of next tokens.

    Args:
        tokenizer: the tokenizer; only its ``encode``, ``token_bytes`` and ``prefix`` are believed.
        seed: what decides which completions of a cut character are tried where there are too many.
    """

    def __init__(self, tokenizer: Tokenizer, seed: int = 0) -> None:
        self.tokenizer = tokenizer
        self.encode = lru_cache(maxsize=2**18)(self._encode)
        self._random = Random(seed)
        self._completions = lru_cache(maxsize=None)(self._complete)
        self._continuing = [word for word in tokenizer.vocabulary.token_bytes if b"\x80" <= word[:1] < b"\xc0"]

    def spell(self, tokens: Iterable[int]) -> bytes:
        """The bytes of a token sequence, the tokenizer's prefix included."""
        return b"".join(map(self.tokenizer.token_bytes, tokens))

    def covering(self, text: str, cut: int) -> tuple[tuple[int, ...], bytes]:
        """The longest beginning of ``encode(text)`` that lies before the cut, and the bytes from its end to the cut."""
        data = self.tokenizer.prefix + text.encode()
        end, head = 0, []
        for token in self.encode(text):
            length = len(self.tokenizer.token_bytes(token))
            if end + length > cut:
                break
            head.append(token)
            end += length
        return tuple(head), data[end:cut]

    def produces(self, tokens: Sequence[int], rest: bytes, hints: Iterable[bytes] = (), tries: int = 10**6) -> bool:
        """Whether ``encode`` of some continuation starts with ``tokens`` and spells on through ``rest``."""
        return any(self.is_witness(data, tokens, rest) for data in islice(self._texts(tokens, rest, hints), tries))

    def is_witness(self, data: bytes, tokens: Sequence[int], rest: bytes) -> bool:
        """Whether ``encode(data)`` starts with ``tokens`` and then, if there is a ``rest``, a longer token."""
        if not data.startswith(self.tokenizer.prefix):
            return False
        try:
            ids = self.encode(data[len(self.tokenizer.prefix) :].decode())
        except UnicodeDecodeError:
            return False
        if tuple(ids[: len(tokens)]) != tuple(tokens):
            return False
        following = self.spell(ids[len(tokens) : len(tokens) + 1])
        return not rest or (len(following) > len(rest) and following.startswith(rest))

    def may_end(self, tokens: Sequence[int]) -> bool:
        """Whether the tokens are all that ``encode`` makes of their bytes, or the prefix, which it leaves out then."""
        data = self.spell(tokens)
        if data == self.tokenizer.prefix:
            return True
        try:
            return tuple(self.encode(data[len(self.tokenizer.prefix) :].decode())) == tuple(tokens)
        except UnicodeDecodeError:
            return False

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text))

    def _texts(self, tokens: Sequence[int], rest: bytes, hints: Iterable[bytes]) -> Iterator[bytes]:
        """Texts that start with the bytes of ``tokens`` and ``rest``, the likeliest witnesses first."""
        begun = self.spell(tokens)
        yield from (begun + rest + hint for hint in hints)
        words = [word for word in self.tokenizer.vocabulary.token_bytes if word.startswith(rest)] if rest else [b""]
        for continuations in (CHARACTERS[:4], CHARACTERS[4:], AWAITED, MORE):
            for word in words:
                yield from self._continued(begun + word, continuations)
        for continuations in (CHARACTERS, AWAITED, MORE):
            yield from self._continued(begun + rest, continuations)

    def _continued(self, data: bytes, continuations: Sequence[str]) -> Iterator[bytes]:
        """``data``, with every way to complete its last character, before each continuation."""
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
        missing = (2 if tail[0] < 0xE0 else 3 if tail[0] < 0xF0 else 4) - len(tail)
        endings = [bytes(ending) for ending in product(range(0x80, 0xC0), repeat=missing)]
        if missing == 1:
            return endings
        by_category: dict[str, list[bytes]] = {}
        for ending in endings:
            split = split_tail(tail + ending)
            if split is not None:
                by_category.setdefault(category(split[0]), []).append(ending)
        some = [self._random.choices(found, k=_OF_EACH_CATEGORY) for found in by_category.values()]
        return list(chain.from_iterable(zip(*some, strict=True)))


def counterexamples(judge: Judge, text: str, cuts: Iterable[int]) -> list[str]:
    """What is wrong with the heads found at each cut of ``text``, in words; nothing if all is well.

    Complete: the tokenizer's own head of the text is found. Sound: for every head found some text has it.

    Args:
        judge: the judge.
        text: the whole text.
        cuts: byte positions in the tokenizer's prefix and the text; those inside the prefix are passed over.
            Nothing is expected of an empty text: the tokenizer adds no prefix to it.
    """
    tokenizer = judge.tokenizer
    data = tokenizer.prefix + text.encode()
    wanted = {cut for cut in cuts if len(tokenizer.prefix) <= cut <= len(data)}
    lattice = begin_lattice(tokenizer.canonical)
    wrong: list[str] = []
    for cut in range(len(data) + 1):
        if cut:
            lattice = advance_lattice(tokenizer.canonical, lattice, data[cut - 1])
        if cut not in wanted:
            continue
        found = [(cursor.head.tokens(), lattice.after(cursor.head.end)) for cursor in lattice.cursors]
        if text and judge.covering(text, cut) not in found:
            wrong.append(f"{data[:cut]!r} + {data[cut:]!r}: misses {judge.covering(text, cut)}, has {found}")
        if len(set(found)) < len(found):
            wrong.append(f"{data[:cut]!r}: heads twice in {found}")
        for tokens, rest in found:
            if not judge.produces(tokens, rest, hints=[data[cut:]]):
                wrong.append(f"{data[:cut]!r}: no text has {tokens} {[*map(tokenizer.token_bytes, tokens)]} + {rest!r}")
    return wrong
