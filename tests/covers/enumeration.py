"""The byte model of canonical sequences by its definition, from nothing but the tokenizer's own ``encode``.

A sequence counts if it is a prefix of ``encode(y)`` for some text ``y``. So after a sequence may follow what follows
it in the encodings of the texts that begin with its bytes; all texts are tried that go on by a few characters.
"""

from functools import lru_cache
from itertools import product

import numpy as np

from bytelm.protocol import END, SYMBOLS, FloatArray
from bytelm.tokens.normalizing import SPACE_MARK
from covers.random_models import LogprobsOf
from covers.tiny_tokenizers import LONGEST, TinyTokenizer

LOOK_AHEAD = 2
"""How many characters behind a token decide whether it comes about."""


class Enumerator:
    """What a tokenizer makes of all texts, and the byte model that follows from it."""

    def __init__(self, tokenizer: TinyTokenizer) -> None:
        self._tokenizer = tokenizer
        lengths = range(LONGEST + LOOK_AHEAD + 1)
        self._endings = ["".join(chars) for n in lengths for chars in product(tokenizer.alphabet, repeat=n)]
        self._encoded = lru_cache(maxsize=None)(self._encode_all)
        self.following = lru_cache(maxsize=None)(self._following)

    def joint(self, logprobs_of: LogprobsOf, end_tokens: tuple[int, ...], text: bytes) -> FloatArray:
        """``log P(text, symbol)`` for every symbol, float64 ``(257,)``, given the bytes put before every text."""
        prefix = self._tokenizer.prefix
        with np.errstate(divide="ignore"):
            answer: FloatArray = np.log(self._joint(logprobs_of, end_tokens, (), prefix + text, len(prefix)))
        return answer

    def _joint(
        self,
        logprobs_of: LogprobsOf,
        end_tokens: tuple[int, ...],
        tokens: tuple[int, ...],
        rest: bytes,
        certain: int = 0,
    ) -> FloatArray:
        """The same in probability, after ``tokens``; the first ``certain`` bytes of ``rest`` are given."""
        joint = np.zeros(SYMBOLS)
        candidates, may_end = self.following(tokens)
        data = {token: self._tokenizer.view.token_bytes(token) for token in candidates}
        candidates = frozenset(token for token in candidates if data[token].startswith(rest[:certain]))
        probabilities = np.exp(logprobs_of(tokens))
        end = probabilities[list(end_tokens)].sum() if may_end and not certain else 0.0
        total = probabilities[sorted(candidates)].sum() + end
        if not rest:
            joint[END] = end / total
        for token in candidates:
            share = probabilities[token] / total
            if len(data[token]) > len(rest) and data[token].startswith(rest):
                joint[data[token][len(rest)]] += share
            elif rest.startswith(data[token]):
                joint += share * self._joint(logprobs_of, end_tokens, (*tokens, token), rest[len(data[token]) :])
        return joint

    def _following(self, tokens: tuple[int, ...]) -> tuple[frozenset[int], bool]:
        """Which tokens follow a sequence in the encodings of texts, and whether one of them ends there."""
        spelled = b"".join(map(self._tokenizer.view.token_bytes, tokens))
        start = spelled.removeprefix(self._tokenizer.prefix).decode("utf-8", "ignore")
        found, ended = set(), False
        for encoding in self._encoded(start):
            if encoding[: len(tokens)] == tokens:
                found.update(encoding[len(tokens) : len(tokens) + 1])
                ended |= len(encoding) == len(tokens)
        return frozenset(found), ended

    def _encode_all(self, start: str) -> list[tuple[int, ...]]:
        """The encodings of the texts that begin with ``start``; the empty one has the bytes put before every text."""
        encodings = {tuple(self._tokenizer.view.encode(start + ending)) for ending in self._endings}
        if start == "" and self._tokenizer.prefix:
            encodings.remove(())
            space = self._tokenizer.view.token_named(SPACE_MARK)
            assert space is not None
            encodings.add((space,))
        return list(encodings)
