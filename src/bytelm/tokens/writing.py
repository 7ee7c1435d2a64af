"""How the tokens of a ``tokenizer.json`` are written: the bytes that their names stand for."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bytelm.tokens.normalizing import SPACE_MARK, parts_of

STAND_INS = {f"<0x{byte:02X}>": byte for byte in range(256)}
"""The tokens that stand for bytes of characters without a token."""

_UNMAPPED = re.compile("[\x80-\xa0\xad]")
"""Characters below U+0100 that stand for no byte and are not their own."""


def byte_characters() -> list[str]:
    """The character that byte-level BPE writes for each byte (GPT-2's table): printable Latin-1 stands for itself."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


class Writing:
    """How a tokenizer writes bytes.

    Attributes:
        byte_level: whether it writes bytes as characters (GPT-2's table).
        by_bytes: whether it has byte tokens for characters without a token.
    """

    def __init__(self, description: Mapping[str, Any], path: Path, marked: bool) -> None:
        model = description["model"]
        for affix in ("end_of_word_suffix", "continuing_subword_prefix"):
            if model.get("type") != "WordPiece" and model.get(affix):
                raise ValueError(
                    f"{path} has the {affix} {model[affix]!r}: such tokens do not say which bytes they stand for"
                )
        self.byte_level = any("ByteLevel" in kinds_of(description.get(part)) for part in ("pre_tokenizer", "decoder"))
        self.by_bytes = bool(model.get("byte_fallback"))
        self._marked = marked
        self._table = {ord(char): byte for byte, char in enumerate(byte_characters())}
        self._continuing = model.get("continuing_subword_prefix", "##") if model.get("type") == "WordPiece" else None

    def of(self, name: str) -> bytes:
        """The bytes of the token written ``name``."""
        if self.byte_level:
            try:
                return name.encode() if _UNMAPPED.search(name) else name.translate(self._table).encode("latin-1")
            except UnicodeEncodeError:
                return name.encode()
        if self.by_bytes and name in STAND_INS:
            return bytes([STAND_INS[name]])
        if self._continuing is not None:
            joined = name.startswith(self._continuing)
            return (name.removeprefix(self._continuing) if joined else " " + name).encode()
        return self.read(name).encode()

    def read(self, name: str) -> str:
        """The text that ``name`` is written for, if it stands for itself."""
        return name.replace(SPACE_MARK, " ") if self._marked else name

    def is_unmarked(self, name: str) -> bool:
        """Whether ``name`` has a space though spaces are written as marks, so that no text yields the token."""
        return self._marked and not self.byte_level and " " in name

    def atoms(self, ids: Mapping[str, int]) -> list[int]:
        """The ids that merging starts from."""
        if self.byte_level:
            return [i for name, i in ids.items() if len(name) == 1 and ord(name) in self._table]
        single = [i for name, i in ids.items() if len(name) == 1 and not self.is_unmarked(name)]
        return single + sorted(ids[name] for name in STAND_INS if name in ids) if self.by_bytes else single


def kinds_of(entry: Any) -> set[str]:
    """The types of all parts of a pre-tokenizer or decoder."""
    if not isinstance(entry, dict):
        return set()
    members = (*entry.get("pretokenizers", ()), *entry.get("decoders", ()))
    return {entry.get("type", "")}.union(*map(kinds_of, members))


def is_marked(description: Mapping[str, Any]) -> bool:
    """Whether spaces are written as U+2581."""
    replaced = [
        part
        for entry, members in (("normalizer", "normalizers"), ("decoder", "decoders"))
        for part in parts_of(description.get(entry), members)
        if part["type"] == "Replace" and SPACE_MARK in (part["content"], part["pattern"].get("String"))
    ]
    spaced = any("Metaspace" in kinds_of(description.get(part)) for part in ("pre_tokenizer", "decoder"))
    return spaced or bool(replaced)
