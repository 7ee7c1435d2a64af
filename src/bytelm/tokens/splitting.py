"""The pre-tokenizer as a function from a text to borders, and the character classes its pattern distinguishes.

Borders are asked of the tokenizer's own pre-tokenizer, never computed from the pattern; the pattern is only read
for the classes of characters that it can tell apart.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""What the ``ByteLevel`` pre-tokenizer splits by when ``use_regex`` is set."""

_SURROGATES = range(0xD800, 0xE000)
_PLANE = 0x10000
_ASTRAL_STEP = 64


class Splitter:
    """Where a text is cut into pre-tokens.

    Attributes:
        atoms: regular expressions of one character each; characters that match the same ones are treated alike.
    """

    def __init__(self, atoms: Sequence[str], pieces: Callable[[str], list[tuple[str, tuple[int, int]]]] | None) -> None:
        self.atoms = tuple(atoms)
        self._pieces = pieces

    def borders(self, text: str) -> tuple[int, ...]:
        """The ends of the pre-tokens of ``text``, as character counts; the last one is the length of the text."""
        if not text:
            return ()
        if self._pieces is None:
            return (len(text),)
        return tuple(end for _, (_, end) in self._pieces(text))


class CharacterClasses:
    """A partition of all characters into classes that a splitter cannot tell apart.

    The basic plane and a sample of the others are classified at once, the rest as it comes.

    Attributes:
        representatives: one character of each class, by class number.
    """

    def __init__(self, splitter: Splitter) -> None:
        self._atoms = splitter.atoms
        self._by_signature: dict[bytes, int] = {}
        self._known = np.full(0x110000, -1, dtype=np.int16)
        self.representatives: list[str] = []
        self._learn(_sample(), [_matches_in_sample(atom) for atom in self._atoms])

    def of(self, text: str) -> NDArray[np.int64]:
        """The class of every character: int64 ``(len(text),)``. A new kind of character makes a new class."""
        return self._of_codes(np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32))

    def of_range(self, codes: range) -> frozenset[int]:
        """The classes that occur among the code points of ``codes``; of large astral ranges a sample."""
        step = 1 if codes.stop <= _PLANE or len(codes) <= _PLANE // 16 else _ASTRAL_STEP
        return frozenset(np.unique(self._of_codes(np.array(codes[::step]))).tolist())

    def _of_codes(self, codes: NDArray[Any]) -> NDArray[np.int64]:
        classes: NDArray[np.int64] = self._known[codes].astype(np.int64)
        if classes.size and classes.min() < 0:
            text = "".join(map(chr, np.unique(codes[classes < 0]).tolist()))
            self._learn(text, [_matches(atom, text) for atom in self._atoms])
            classes = self._known[codes].astype(np.int64)
        return classes

    def _learn(self, text: str, columns: list[NDArray[np.bool_]]) -> None:
        """Classify new characters by which atoms match them; ``columns`` has one array for each atom."""
        rows = np.packbits(np.array(columns, dtype=bool).reshape(len(columns), len(text)), axis=0)
        signatures, first, inverse = np.unique(rows.T, axis=0, return_index=True, return_inverse=True)
        numbers = np.zeros(len(signatures), dtype=np.int16)
        for i in np.argsort(first).tolist():
            key = signatures[i].tobytes()
            if key not in self._by_signature:
                self._by_signature[key] = len(self.representatives)
                self.representatives.append(text[first[i]])
            numbers[i] = self._by_signature[key]
        self._known[np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)] = numbers[inverse.reshape(-1)]


def splitter_of(description: dict[str, Any] | None) -> Splitter:
    """The splitter that a ``pre_tokenizer`` entry of a ``tokenizer.json`` describes.

    Raises:
        ValueError: the entry has a part whose borders cannot be followed.
    """
    parts = [part for entry in _flatten(description) for part in _cutting_parts(entry)]
    if not parts:
        return Splitter((), None)
    from tokenizers import Tokenizer

    skeleton = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": parts},
        "model": {"type": "BPE", "vocab": {}, "merges": []},
    }
    pre_tokenizer = Tokenizer.from_str(json.dumps(skeleton)).pre_tokenizer
    atoms = list(dict.fromkeys(chain.from_iterable(_atoms_of_part(part) for part in parts)))
    return Splitter(atoms, pre_tokenizer.pre_tokenize_str)


def _flatten(entry: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    if entry is None:
        return
    if entry["type"] == "Sequence":
        for part in entry["pretokenizers"]:
            yield from _flatten(part)
    else:
        yield entry


def _cutting_parts(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of a pre-tokenizer that cut, without the byte-to-character mapping of ``ByteLevel``."""
    kind = entry["type"]
    if kind == "ByteLevel":
        return [_split(GPT2_PATTERN)] if entry.get("use_regex", True) else []
    if kind == "Split" and entry["behavior"] != "Removed":
        return [entry]
    if kind == "Digits":
        return [entry]
    if kind == "Metaspace" and not entry.get("split", True):
        return []
    raise ValueError(
        f"the tokenizer's pre-tokenizer has a part {kind!r} whose borders bytelm cannot follow yet; "
        'load the model with segmentation="all"'
    )


def _split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def _atoms_of_part(part: dict[str, Any]) -> list[str]:
    if part["type"] == "Digits":
        return [r"\p{N}"]
    pattern = part["pattern"]
    if "Regex" in pattern:
        return pattern_atoms(pattern["Regex"])
    return [_literal(char) for char in pattern["String"]]


def pattern_atoms(pattern: str) -> list[str]:
    """The character sets and literals of a regular expression, each as an expression of one character.

    A light reading of the syntax is enough: sets that are split too finely cost time, nothing else. Under an
    inline ``(?i:…)`` literals are taken without their case.
    """
    atoms: list[str] = []
    folded = [False]
    i = 0
    while i < len(pattern):
        char = pattern[i]
        if char == "(":
            i, flag = _group_opening(pattern, i, folded[-1])
            if pattern[i : i + 1] == ")":  # nothing in it, or a setting for the rest of the group around it
                folded[-1] = flag
                i += 1
            else:
                folded.append(flag)
        elif char == ")":
            folded.pop()
            i += 1
        elif char == "[":
            end = _set_end(pattern, i)
            atoms.append(_cased(pattern[i:end], folded[-1]))
            i = end
        elif char == "\\":
            end = _escape_end(pattern, i)
            atoms.append(_cased(_escape_atom(pattern[i:end]), folded[-1]))
            i = end
        elif char == "{":
            i = pattern.index("}", i) + 1
        elif char in "|*+?^$":
            atoms.extend(["\n"] if char in "^$" else [])
            i += 1
        else:
            atoms.append("." if char == "." else _cased(_literal(char), folded[-1]))
            i += 1
    return list(dict.fromkeys(atoms))


def _group_opening(pattern: str, i: int, folded: bool) -> tuple[int, bool]:
    """Past the opening of a group, and whether case is ignored inside it."""
    if not pattern.startswith("(?", i):
        return i + 1, folded
    for mark in ("(?<=", "(?<!", "(?:", "(?=", "(?!", "(?>"):
        if pattern.startswith(mark, i):
            return i + len(mark), folded
    end = min(at for at in (pattern.find(":", i), pattern.find(")", i), pattern.find(">", i)) if at > 0)
    flags = pattern[i + 2 : end].split("-")[0]
    inline = "i" in flags and "<" not in flags
    return (end if pattern[end] == ")" else end + 1), folded or inline


def _set_end(pattern: str, i: int) -> int:
    """Past the bracket that closes the set opened at ``i``; sets may be nested."""
    depth, j = 0, i
    while j < len(pattern):
        if pattern[j] == "\\":
            j += 1
        elif pattern[j] == "[":
            depth += 1
        elif pattern[j] == "]" and j > i + 1 and pattern[i + 1 : j] != "^":
            depth -= 1
            if depth == 0:
                return j + 1
        j += 1
    raise ValueError(f"the pre-tokenizer's pattern has a character set that does not end: {pattern[i:]!r}")


def _escape_end(pattern: str, i: int) -> int:
    """Past the escape that starts at ``i``."""
    kind = pattern[i + 1]
    if kind in "pPx" and pattern[i + 2 : i + 3] == "{":
        return pattern.index("}", i) + 1
    return i + {"p": 3, "P": 3, "x": 4, "u": 6}.get(kind, 2)


def _escape_atom(escape: str) -> str:
    """The character set that an escape stands for or, for a word border or an anchor, depends on."""
    return {r"\b": r"\w", r"\B": r"\w", r"\A": "\n", r"\z": "\n", r"\Z": "\n", r"\R": r"[\n\r]"}.get(escape, escape)


def _literal(char: str) -> str:
    return "\\" + char if char in r"\|()[]{}^$*+?.&-#" else char


def _cased(atom: str, folded: bool) -> str:
    return f"(?i:{atom})" if folded else atom


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
    """The characters that are classified at once: the basic plane, and some of all others."""
    basic = (code for code in range(_PLANE) if code not in _SURROGATES)
    return "".join(map(chr, chain(basic, range(_PLANE, 0x110000, _ASTRAL_STEP))))


@lru_cache(maxsize=256)
def _matches_in_sample(atom: str) -> NDArray[np.bool_]:
    return _matches(atom, _sample())
