"""Unigram models over bytes, as byteified checkpoints have them: 256 bytes and the tokens of a chat template.

They are written with byte-level characters, all scores are 0, and of equal scores the piece that starts first counts.
So every word of the template is one token wherever it stands in a text. Whether such a word, or a mark such as
``<|eot_id|>``, is listed among the added tokens, and whether as special, differs between files that mean the same.
"""

from collections.abc import Mapping
from typing import Any

from bytelm.tokens.writing import byte_characters, kinds_of

_PLAIN = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)


def is_over_bytes(description: Mapping[str, Any]) -> bool:
    """Whether a ``tokenizer.json`` is a Unigram model whose pieces include all bytes as byte-level characters."""
    model = description.get("model") or {}
    if model.get("type") != "Unigram" or "ByteLevel" not in kinds_of(description.get("pre_tokenizer")):
        return False
    return {piece for piece, _ in model["vocab"]}.issuperset(byte_characters())


def settled(description: Mapping[str, Any]) -> dict[str, Any]:
    """The same tokenizer, where words are text and marks are special, as every file of its kind means it.

    Added tokens written with byte-level characters for other bytes (``ĊĊ``) are left out: they are pieces, and as they
    are written they stand in no text. There is no unknown character.
    """
    pieces = {piece: place for place, (piece, _) in enumerate(description["model"]["vocab"])}
    listed = {entry["content"]: entry for entry in description.get("added_tokens") or ()}
    marks = [piece for piece in pieces if _is_mark(piece) and piece not in listed]
    listed |= {piece: {"id": pieces[piece], "content": piece, "special": True, **_PLAIN} for piece in marks}
    entries = [
        entry if _is_mark(content) else {**entry, "special": False}
        for content, entry in listed.items()
        if content.isascii() or content not in pieces
    ]
    model = {**description["model"], "unk_id": None}
    return {**description, "added_tokens": sorted(entries, key=lambda entry: int(entry["id"])), "model": model}


def _is_mark(content: str) -> bool:
    """Whether a token is written so that no text means it: ``<eos>``, ``<|eot_id|>``."""
    return len(content) > 2 and content.startswith("<") and content.endswith(">")
