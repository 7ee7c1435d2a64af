"""How tokens spell characters: whole ones, cut ones, and bytes that stand in for characters without a token."""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.classes import CharacterClasses
from bytelm.tokens.normalizing import Normalization, joins
from bytelm.utf8 import completions, split_tail, unfinished

_ARRAYS = ("tokens", "form", "counts", "starts", "classes", "cut")


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

    Tokens are numbered in the vocabulary's sorted order. Those that the normalizer would change are left out. Tokens
    of the same classes walk alike, so they are walked once, as one *form*.

    Attributes:
        tokens: the tokens that start where a character starts, int64 ``(n,)``.
        form: the form of each of them, int64 ``(n,)``.
        counts: how many whole characters each form has, int64 ``(forms,)``; the longest come first.
        starts: where its classes start in ``classes``, int64 ``(forms,)``.
        classes: the classes of all characters of all forms, one after the other.
        cut: those of ``tokens`` that end inside a character, as places in it, int64 ``(m,)``.
        tails: the bytes of their unfinished last characters.
        joining: the whole characters of the tokens whose first one may join the character before it.
    """

    def __init__(
        self,
        token_bytes: Sequence[bytes],
        spelled: Collection[int],
        classes: CharacterClasses,
        normalization: Normalization,
    ) -> None:
        texts: list[str] = []
        tokens: list[int] = []
        cut: list[int] = []
        self.tails: list[bytes] = []
        self.joining: dict[int, str] = {}
        for index in spelled:
            try:
                text, tail = token_bytes[index].decode(), b""
            except UnicodeDecodeError:
                split = split_tail(token_bytes[index])
                if split is None:
                    continue
                text, tail = split
            if normalization.joins and not text.isascii():
                if not normalization.holds("", text):
                    continue
                if joins(text[0]):
                    self.joining[index] = text
            if tail:
                cut.append(len(tokens))
                self.tails.append(tail)
            texts.append(text)
            tokens.append(index)
        self.tokens = np.array(tokens, dtype=np.int64)
        self.cut = np.array(cut, dtype=np.int64)
        self._find_forms(classes.of("".join(texts)).astype(np.int16), np.array(list(map(len, texts)), dtype=np.int64))

    @classmethod
    def restored(cls, token_bytes: Sequence[bytes], arrays: Mapping[str, NDArray[np.int64]]) -> "Spelling":
        """The spelling that :meth:`arrays` described."""
        spelling = cls.__new__(cls)
        for name in _ARRAYS:
            setattr(spelling, name, arrays[name])
        spelling.tails = [token_bytes[i][-unfinished(token_bytes[i]) :] for i in spelling.tokens[spelling.cut].tolist()]
        splits = ((index, split_tail(token_bytes[index])) for index in arrays["joining"].tolist())
        spelling.joining = {index: split[0] for index, split in splits if split is not None}
        return spelling

    def arrays(self) -> dict[str, NDArray[np.int64]]:
        """All that was found out, to be kept: int64 arrays by name."""
        joining = np.array(list(self.joining), dtype=np.int64)
        return {name: getattr(self, name) for name in _ARRAYS} | {"joining": joining}

    def _find_forms(self, classes: NDArray[np.int16], lengths: NDArray[np.int64]) -> None:
        data = classes.tobytes()
        ends = 2 * np.cumsum(lengths)
        keys = [data[start:end] for start, end in zip((ends - 2 * lengths).tolist(), ends.tolist(), strict=True)]
        forms = sorted(set(keys), key=len, reverse=True)
        numbers = {form: number for number, form in enumerate(forms)}
        self.form = np.array([numbers[key] for key in keys], dtype=np.int64)
        self.counts = np.array([len(form) // 2 for form in forms], dtype=np.int64)
        self.starts = np.cumsum(self.counts) - self.counts
        self.classes = np.frombuffer(b"".join(forms), dtype=np.int16).astype(np.int64)
