"""A partition of all characters into classes that a tokenizer cannot tell apart."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

IMPOSSIBLE = 0
"""The class of the characters that the tokenizer never sees, because its normalizer changes them."""

_SURROGATES = range(0xD800, 0xE000)
_IN_USE = 0x20000
"""Below this, in the planes of all scripts but rare Chinese characters, all assigned characters are looked at."""

_STEP = 64

Unchanged = Callable[[str], NDArray[np.bool_]]
"""Which characters of a text the normalizer leaves as they are, each by itself: bool ``(len(text),)``."""


class CharacterClasses:
    """Characters that match the same expressions and are the same of the named ones are one class.

    The assigned characters of the planes in use and a sample of the others are classified at once, the rest as it
    comes.

    Args:
        atoms: regular expressions of one character each.
        unchanged: which characters the normalizer leaves alone; ``None`` if it leaves all.
        named: characters that are classes of their own.

    Attributes:
        representatives: one character of each class, by class number; of the impossible ones ``"\\0"``.
        names: the named character that is the class, by class number; ``""`` for the others.
        plain: for every class the number of the class it would be if no characters were named, int64 ``(n,)``;
            those numbers count from 0 and have ``plain_representatives``.
    """

    def __init__(self, atoms: Sequence[str], unchanged: Unchanged | None = None, named: str = "") -> None:
        self._atoms = tuple(atoms)
        self._unchanged = unchanged
        self._named = "".join(dict.fromkeys(named))
        self._by_signature: dict[bytes, int] = {}
        self._known = np.full(0x110000, -1, dtype=np.int16)
        self.plain_representatives = ["\0"]
        self.representatives = ["\0"]
        self.names = [""]
        self.plain = [IMPOSSIBLE]
        self._learn(_sample(), [_matches_in_sample(atom) for atom in self._atoms])
        self._learn(self._named, [_matches(atom, self._named) for atom in self._atoms])
        self._set_apart()

    @classmethod
    def restored(
        cls, atoms: Sequence[str], unchanged: Unchanged | None, kept: Mapping[str, Any], known: NDArray[np.int16]
    ) -> "CharacterClasses":
        """The classes that :meth:`kept` and ``known`` described."""
        classes = cls.__new__(cls)
        classes._atoms, classes._unchanged, classes._named = tuple(atoms), unchanged, kept["named"]
        classes._by_signature = {bytes.fromhex(key): number for key, number in kept["signatures"].items()}
        classes._known = known
        classes.representatives, classes.plain = kept["representatives"], kept["plain"]
        classes.names = kept["names"]
        classes.plain_representatives = kept["plain_representatives"]
        return classes

    def kept(self) -> tuple[dict[str, Any], NDArray[np.int16]]:
        """What was found out so far: what JSON can hold, and the class of every character, int16."""
        return {
            "named": self._named,
            "signatures": {key.hex(): number for key, number in self._by_signature.items()},
            "representatives": self.representatives,
            "plain": self.plain,
            "names": self.names,
            "plain_representatives": self.plain_representatives,
        }, self._known

    def of(self, text: str) -> NDArray[np.int64]:
        """The class of every character: int64 ``(len(text),)``. A new kind of character makes a new class."""
        return self._of_codes(np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32))

    def of_range(self, codes: range) -> frozenset[int]:
        """The classes that occur among the code points of ``codes``; of large ranges only the known ones."""
        if len(codes) <= _STEP:
            return frozenset(np.unique(self._of_codes(np.array(codes))).tolist())
        known = self._known[codes.start : codes.stop]
        return frozenset(np.unique(known[known >= 0]).tolist()) | self.of_range(codes[-2:])

    def _of_codes(self, codes: NDArray[Any]) -> NDArray[np.int64]:
        classes: NDArray[np.int64] = self._known[codes].astype(np.int64)
        if classes.size and classes.min() < 0:
            text = "".join(map(chr, np.unique(codes[classes < 0]).tolist()))
            self._learn(text, [_matches(atom, text) for atom in self._atoms])
            classes = self._known[codes].astype(np.int64)
        return classes

    def _learn(self, text: str, columns: list[NDArray[np.bool_]]) -> None:
        """Classify new characters by which atoms match them; ``columns`` has one array for each atom."""
        if not text:
            return
        rows = np.packbits(np.array(columns, dtype=bool).reshape(len(columns), len(text)), axis=0)
        kept = np.ones(len(text), dtype=bool) if self._unchanged is None else self._unchanged(text)
        codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
        self._known[codes[~kept]] = IMPOSSIBLE
        codes, rows = codes[kept], rows[:, kept]
        words = np.zeros((len(codes), -(-max(1, len(rows)) // 8) * 8), dtype=np.uint8)
        words[:, : len(rows)] = rows.T
        signatures, first, inverse = np.unique(words.view(np.uint64), axis=0, return_index=True, return_inverse=True)
        numbers = np.zeros(len(signatures), dtype=np.int16)
        for i in np.argsort(first).tolist():
            key = signatures[i].tobytes()
            if key not in self._by_signature:
                self._by_signature[key] = len(self.representatives)
                self._add(chr(int(codes[first[i]])), len(self.plain_representatives), "")
            numbers[i] = self._by_signature[key]
        self._known[codes] = numbers[inverse.reshape(-1)]

    def _add(self, representative: str, plain: int, name: str) -> None:
        if plain == len(self.plain_representatives):
            self.plain_representatives.append(representative)
        self.plain.append(plain)
        self.representatives.append(representative)
        self.names.append(name)

    def _set_apart(self) -> None:
        """Give every named character a class of its own."""
        for char in self._named:
            found = int(self._known[ord(char)])
            if found != IMPOSSIBLE:
                self._known[ord(char)] = len(self.representatives)
                self._add(char, self.plain[found], char)


def _matches(atom: str, text: str) -> NDArray[np.bool_]:
    """Which characters of a text match ``atom``, by the tokenizer library's own engine: bool ``(len(text),)``."""
    if len(atom) == 1 and atom != ".":
        equal: NDArray[np.bool_] = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32) == ord(atom)
        return equal
    from tokenizers import Regex, pre_tokenizers

    found = np.ones(len(text), dtype=bool)
    for _, (start, end) in pre_tokenizers.Split(Regex(f"(?:{atom})+"), "removed").pre_tokenize_str(text):
        found[start:end] = False
    return found


@cache
def _sample() -> str:
    """The characters that are classified at once: the assigned ones of the planes in use, and some of all others."""
    used = (code for code in range(_IN_USE) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co"))
    some = (code for code in range(0, 0x110000, _STEP) if code not in _SURROGATES)
    return "".join(map(chr, sorted({*used, *some})))


@lru_cache(maxsize=256)
def _matches_in_sample(atom: str) -> NDArray[np.bool_]:
    return _matches(atom, _sample())
