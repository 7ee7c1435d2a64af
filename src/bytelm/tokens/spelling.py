"""How tokens spell characters: whole ones, cut ones, and bytes that stand in for characters without a token."""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.classes import CharacterClasses
from bytelm.tokens.normalizing import Normalization, joins
from bytelm.utf8 import completions, split_tail


@dataclass(frozen=True)
class ByteFallback:
    """Byte tokens that the tokenizer falls back on for characters its vocabulary lacks, and only for those.

    Attributes:
        tokens: the ids of the byte tokens.
        characters: the characters that have a token, as the bytes view spells them.
    """

    tokens: frozenset[int]
    characters: frozenset[str]

    def may_spell(self, data: bytes) -> bool:
        """Whether byte tokens may spell ``data``: one character without a token, or the beginning of one."""
        split = split_tail(data)
        if split is None:
            return False
        text, tail = split
        if not tail:
            return len(text) == 1 and text not in self.characters
        if text:
            return False
        codes = completions(tail)
        present = bisect_left(self._codes, codes.stop) - bisect_left(self._codes, codes.start)
        return present < len(codes)

    @cached_property
    def _codes(self) -> list[int]:
        return sorted(map(ord, self.characters))


class Spelling:
    """The characters of every token, as classes, for walks over all tokens at once.

    Tokens are numbered in the vocabulary's sorted order. Those that the normalizer would change are left out.

    Attributes:
        by_length: the tokens that start where a character starts, those of most whole characters first, int64
            ``(n,)``.
        counts: how many whole characters each of ``by_length`` has, int64 ``(n,)``.
        starts: where its classes start in ``classes``, int64 ``(n,)``.
        cut: whether it ends inside a character, bool ``(n,)``.
        classes: the classes of all characters of all tokens, one after the other.
        tails: the bytes of the unfinished last character, for the tokens that have one.
        joining: the whole characters of the tokens whose first one may join the character before it.
    """

    def __init__(
        self,
        token_bytes: Sequence[bytes],
        spelled: Collection[int],
        classes: CharacterClasses,
        normalization: Normalization,
    ) -> None:
        rows, texts = [], []
        self.tails: dict[int, bytes] = {}
        self.joining: dict[int, str] = {}
        for index in spelled:
            split = split_tail(token_bytes[index])
            if split is None or not normalization.holds("", split[0]):
                continue
            text, tail = split
            rows.append((len(text), index, int(bool(tail))))
            texts.append(text)
            if tail:
                self.tails[index] = tail
            if normalization.joins and text and joins(text[0]):
                self.joining[index] = text
        table = np.array(rows, dtype=np.int64).reshape(-1, 3)
        order = np.argsort(-table[:, 0], kind="stable")
        self.starts = (np.cumsum(table[:, 0]) - table[:, 0])[order]
        self.counts, self.by_length = table[order, 0], table[order, 1]
        self.cut: NDArray[np.bool_] = table[order, 2] > 0
        self.classes: NDArray[np.int64] = classes.of("".join(texts))
