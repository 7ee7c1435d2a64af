"""Tokenizers made on the spot, with so few characters that their texts can be enumerated."""

import json
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bytelm.tokens.normalizing import SPACE_MARK
from bytelm.tokens.tokenizer import Tokenizer
from bytelm.tokens.writing import byte_characters

END_NAMES = ("</s>", "<|stop|>")
LONGEST = 3
"""The most characters a token spells."""

WORDS = r" ?\p{L}+| ?\p{N}{1,2}|\s+(?!\S)|\s+"
"""A pattern that looks ahead at the end of a run of spaces, and counts digits."""

KINDS = ("plain", "words", "sentencepiece", "sentencepiece-lossless")


@dataclass(frozen=True)
class TinyTokenizer:
    """A tokenizer of few characters.

    Attributes:
        view: its byte view.
        alphabet: all its characters; they are of every class that its pattern tells apart.
        ends: its end tokens.
        folder: where its file is, as long as it is needed.
    """

    view: Tokenizer
    alphabet: str
    ends: tuple[int, ...]
    folder: tempfile.TemporaryDirectory[str]

    @property
    def prefix(self) -> bytes:
        """The bytes put before every text."""
        return self.view.prefix


@cache
def tiny_tokenizer(kind: str, seed: int, every_byte: bool = False) -> TinyTokenizer:
    """A byte-level or SentencePiece tokenizer with a few random merges; with tokens for other bytes if asked."""
    description, alphabet = describe(kind, seed, every_byte)
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "tokenizer.json"
    path.write_text(json.dumps(description))
    view = Tokenizer(path)
    ends = tuple(token for name in END_NAMES if (token := view.token_named(name)) is not None)
    return TinyTokenizer(view, alphabet, ends, folder)


def describe(kind: str, seed: int, every_byte: bool) -> tuple[dict[str, Any], str]:
    """The ``tokenizer.json`` of a tiny tokenizer, and its alphabet."""
    build = _sentencepiece if kind.startswith("sentencepiece") else _byte_level
    return build(kind, np.random.default_rng(seed), every_byte)


def _byte_level(kind: str, rng: np.random.Generator, every_byte: bool) -> tuple[dict[str, Any], str]:
    alphabet = "a .1é" if kind == "words" else "abéã"
    atoms = [byte_characters()[byte] for byte in sorted(set(alphabet.encode()))]
    pattern = {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Isolated", "invert": False}
    cut = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    pre_tokenizer = {"type": "Sequence", "pretokenizers": [pattern, cut]} if kind == "words" else cut
    vocab, merges = _grow(byte_characters() if every_byte else [], atoms, rng)
    return _description(vocab, merges, pre_tokenizer=pre_tokenizer, decoder=cut), alphabet


def _sentencepiece(kind: str, rng: np.random.Generator, every_byte: bool) -> tuple[dict[str, Any], str]:
    """Over characters; ``é`` has a token only where the name says ``lossless``, and else two bytes stand for it."""
    alphabet = "ab é"
    atoms = [SPACE_MARK, "a", "b", *(["é"] if kind.endswith("lossless") else [])]
    stand_ins = [f"<0x{byte:02X}>" for byte in (range(256) if every_byte else "é".encode())]
    vocab, merges = _grow(stand_ins, atoms, rng)
    normalizer = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": SPACE_MARK},
            {"type": "Replace", "pattern": {"String": " "}, "content": SPACE_MARK},
        ],
    }
    return _description(vocab, merges, normalizer=normalizer, byte_fallback=True), alphabet


def _grow(first: list[str], atoms: list[str], rng: np.random.Generator) -> tuple[list[str], list[tuple[str, str]]]:
    """Random merges over ``atoms``, and the vocabulary: ``first``, the atoms, and what the merges make."""
    pieces, merges = list(atoms), []
    while len(merges) < 9:
        left, right = (pieces[pick] for pick in rng.integers(len(pieces), size=2))
        if len(left + right) <= LONGEST and (left, right) not in merges:
            merges.append((left, right))
            pieces += [left + right] if left + right not in pieces else []
    return list(dict.fromkeys([*first, *pieces])), merges


def _description(vocab: list[str], merges: list[tuple[str, str]], **parts: Any) -> dict[str, Any]:
    """A ``tokenizer.json``, with the end tokens behind the others."""
    model = {
        "type": "BPE",
        "vocab": {piece: i for i, piece in enumerate(vocab)},
        "merges": [list(merge) for merge in merges],
        "byte_fallback": parts.pop("byte_fallback", False),
    }
    added = [{"id": len(vocab) + i, "content": name, "special": True} for i, name in enumerate(END_NAMES)]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"version": "1.0", "added_tokens": [entry | flags for entry in added], "model": model, **parts}
