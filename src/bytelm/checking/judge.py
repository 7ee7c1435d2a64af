"""The slow judge of ``segmentation="canonical"``: the tokenizer's own ``encode``, asked again and again.

A token sequence is canonical if some text makes the tokenizer produce it as a beginning. So a sequence is proved
by finding one continuation of its bytes, and refuted, as far as a finite search can, by trying many.

Bytes are always those that the tokenizer sees of a text: its prefix and the normalized text.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from random import Random

from bytelm.checking.continuations import AWAITED, CHARACTERS, MORE, Continuations
from bytelm.tokens.tokenizer import Tokenizer

MANY = 10**6
"""More texts than are ever tried for one head."""


class Judge:
    """A tokenizer's own ``encode``, with a memory, as the judge of heads and of next tokens.

    Args:
        tokenizer: the tokenizer; only its ``encode``, ``normalize``, ``token_bytes`` and ``prefix`` are believed.
        seed: what decides which completions of a cut character are tried where there are too many.

    Attributes:
        words: the bytes of every token by id; ``b""`` for tokens that stand for none.
    """

    def __init__(self, tokenizer: Tokenizer, seed: int = 0) -> None:
        self.tokenizer = tokenizer
        self.words = [tokenizer.token_bytes(token) for token in range(tokenizer.size)]
        self.encode = lru_cache(maxsize=2**18)(self._encode)
        self.continuations = Continuations(filter(None, self.words), Random(seed))
        # Some tokenizers put their space before a text only if it does not begin with one.
        self._swallows = bool(tokenizer.prefix) and tokenizer.normalize(tokenizer.prefix + b"x") == b"x"
        self._sorted = sorted(set(filter(None, self.words)))

    def spell(self, tokens: Iterable[int]) -> bytes:
        """The bytes of a token sequence, the tokenizer's prefix included."""
        return b"".join(self.words[token] for token in tokens)

    def seen(self, text: str) -> bytes:
        """The bytes that the tokenizer sees of a text: its prefix and the normalized text."""
        return self.tokenizer.prefix + self.tokenizer.normalize(text)

    def spells(self, text: str) -> bool:
        """Whether the tokens of a text spell what the tokenizer sees of it, and are those of what it sees.

        Those of a lossy vocabulary may not spell it. And where the tokenizer looks for added tokens before it
        normalizes a text, some texts are cut otherwise than what is seen of them. Nothing is asked of the empty text:
        the tokenizer adds no prefix to it.
        """
        ids, data = self.encode(text), self.seen(text)
        return not text or (self.spell(ids) == data and any(self.encode(seen) == ids for seen in self.texts_of(data)))

    def covering(self, text: str, cut: int) -> tuple[tuple[int, ...], bytes]:
        """The longest beginning of ``encode(text)`` that lies before the cut, and the bytes from its end to the cut."""
        end, head = 0, []
        for token in self.encode(text):
            length = len(self.words[token])
            if end + length > cut:
                break
            head.append(token)
            end += length
        return tuple(head), self.seen(text)[end:cut]

    def produces(self, tokens: Sequence[int], rest: bytes, hints: Iterable[bytes] = (), tries: int = MANY) -> bool:
        """Whether ``encode`` of some continuation starts with ``tokens`` and spells on through ``rest``."""
        return any(self.is_witness(data, tokens, rest) for data in islice(self._texts(tokens, rest, hints), tries))

    def is_witness(self, data: bytes, tokens: Sequence[int], rest: bytes) -> bool:
        """Whether ``encode`` of a text seen as ``data`` starts with ``tokens`` and then, if there is a ``rest``, a
        longer token.
        """
        for ids in self._seen_as(data, tokens, self.encode):
            following = self.spell(ids[len(tokens) : len(tokens) + 1])
            if not rest or (len(following) > len(rest) and following.startswith(rest)):
                return True
        return False

    def following(self, data: bytes, tokens: Sequence[int]) -> int | None:
        """The token behind ``tokens`` in ``encode`` of a text seen as ``data``, if one starts with them.

        Not remembered, unlike ``encode``: masks ask about too many texts.
        """
        for ids in self._seen_as(data, tokens, self._encode):
            if len(ids) > len(tokens) and self.words[ids[len(tokens)]]:
                return ids[len(tokens)]
        return None

    def texts_of(self, data: bytes) -> Iterator[str]:
        """The texts of which ``data`` may be what the tokenizer sees: without its prefix, itself taken as normal."""
        prefix = self.tokenizer.prefix
        if data.startswith(prefix):
            for start in (len(prefix), 0) if self._swallows else (len(prefix),):
                try:
                    yield data[start:].decode()
                except UnicodeDecodeError:
                    return

    def _seen_as(
        self, data: bytes, tokens: Sequence[int], encode: Callable[[str], tuple[int, ...]]
    ) -> Iterator[tuple[int, ...]]:
        """The encodings that start with ``tokens`` of the texts that are seen as ``data``."""
        count = len(tokens)
        for text in self.texts_of(data):
            ids = encode(text)
            if ids[:count] == tuple(tokens) and self.seen(text).startswith(self.spell(ids[: count + 1])):
                yield ids

    def may_end(self, tokens: Sequence[int]) -> bool:
        """Whether the tokens are all that ``encode`` makes of their bytes; nothing must be of the prefix alone."""
        data = self.spell(tokens)
        if data in (b"", self.tokenizer.prefix):
            return True
        return any(self.encode(text) == tuple(tokens) for text in self.texts_of(data))

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text))

    def _texts(self, tokens: Sequence[int], rest: bytes, hints: Iterable[bytes]) -> Iterator[bytes]:
        """Texts that start with the bytes of ``tokens`` and ``rest``, the likeliest witnesses first."""
        begun = self.spell(tokens)
        yield from (begun + rest + hint for hint in hints)
        words = self._words_from(rest) if rest else [b""]
        for continuations in (CHARACTERS[:4], CHARACTERS[4:], AWAITED, MORE):
            for word in words:
                yield from self.continuations.after(begun + word, continuations)
        for continuations in (CHARACTERS, AWAITED, MORE):
            yield from self.continuations.after(begun + rest, continuations)

    def _words_from(self, rest: bytes) -> list[bytes]:
        """All tokens' bytes that start with ``rest``, sorted."""
        first = last = bisect_left(self._sorted, rest)
        while last < len(self._sorted) and self._sorted[last].startswith(rest):
            last += 1
        return self._sorted[first:last]
