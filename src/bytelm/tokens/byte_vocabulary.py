"""Tokenizers whose tokens are the 256 bytes, with nothing to cut: those of transformers without a ``tokenizer.json``.

ByT5's and Perceiver's classes number a few special tokens first and then the bytes; what is added comes behind. Their
``tokenizer_config.json`` names the class, and so may ``config.json``. Where a directory has no tokenizer at all and its
model has 256 ids, the ids are the byte values (as MambaByte's).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bytelm.tokens.added import AddedToken
from bytelm.tokens.json_files import read_json
from bytelm.tokens.normalizing import Normalization
from bytelm.tokens.specification import BytePairFamily, Specification
from bytelm.tokens.splitting import Splitter

BYTES = 256

TOKENIZER_CONFIG, CONFIG = "tokenizer_config.json", "config.json"
SPECIAL_TOKENS_MAP, ADDED_TOKENS = "special_tokens_map.json", "added_tokens.json"
"""Where transformers 4 kept what transformers 5 has in ``tokenizer_config.json``."""

_OTHERS = {
    "CanineTokenizer": "its tokens are characters, hashed by the model, and not bytes",
    "MyT5Tokenizer": "it rewrites texts to other bytes",
}
"""Classes without a ``tokenizer.json`` that could be mistaken for byte tokenizers, and why they are refused."""

_ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
"""In the order in which transformers gives ids to those that have none."""

_PERCEIVER = ("pad", "bos", "eos", "mask", "cls", "sep")

_FLAGS = ("single_word", "lstrip", "rstrip")


@dataclass(frozen=True)
class _Layout:
    """How a class of transformers numbers its tokens: some special tokens, the bytes, and what is added.

    Attributes:
        roles: the first special tokens by role, in the order of their ids.
        sentinels: how many ``<extra_id_…>`` follow the bytes where the file says nothing else.
        strips: whether the white space beside the first special tokens is swallowed.
    """

    roles: Mapping[str, str]
    sentinels: int = 0
    strips: bool = False


_LAYOUTS = {
    "ByT5Tokenizer": _Layout({"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}, 125, strips=True),
    "PerceiverTokenizer": _Layout({f"{name}_token": f"[{name.upper()}]" for name in _PERCEIVER}),
}


class ByteEncoder:
    """The tokenizer itself: a token for each byte, and for each added token that a text spells.

    Args:
        first: the id of byte 0.
        entries: all added tokens; those that are special are found by name only.
    """

    def __init__(self, first: int, entries: Iterable[Mapping[str, Any]]) -> None:
        self._first = first
        self._entries = {entry["content"]: entry for entry in entries}
        contents = [content for content, entry in self._entries.items() if not entry["special"]]
        longest_first = map(re.escape, sorted(contents, key=len, reverse=True))
        self._added = re.compile(f"({'|'.join(longest_first)})" if contents else "((?!))")

    def encode(self, text: str) -> list[int]:
        pieces = self._added.split(text)
        tokens: list[int] = []
        for place, piece in enumerate(pieces):
            if place % 2:
                tokens.append(self._entries[piece]["id"])
                continue
            if place and self._entries[pieces[place - 1]]["rstrip"]:
                piece = piece.lstrip()
            if place + 1 < len(pieces) and self._entries[pieces[place + 1]]["lstrip"]:
                piece = piece.rstrip()
            tokens += [self._first + byte for byte in piece.encode()]
        return tokens

    def find(self, content: str) -> int | None:
        if content in self._entries:
            return int(self._entries[content]["id"])
        return _byte_written(self._first, content)


def find_byte_vocabulary(directory: Path) -> Path | None:
    """The file that says of a directory without other tokenizer files that its tokens are bytes, if one does.

    Raises:
        ValueError: the file is not valid JSON, or names a class that is no byte tokenizer but looks like one.
    """
    for file in (directory / TOKENIZER_CONFIG, directory / CONFIG):
        content = read_json(file) if file.is_file() else {}
        named = content.get("tokenizer_class")
        if named in _OTHERS:
            raise ValueError(f"{file} names {named}, which bytelm does not read: {_OTHERS[named]}")
        if named in _LAYOUTS:
            return file
        if named is not None:
            return None
        if file.name == CONFIG and content.get("vocab_size") == BYTES and not _has_tokenizer(directory):
            return file
    return None


def read_byte_vocabulary(file: Path, size: int | None = None) -> Specification:
    """Read the tokenizer that :func:`find_byte_vocabulary` found.

    Args:
        file: a ``tokenizer_config.json`` or a ``config.json``.
        size: leave out the tokens from this id on.

    Raises:
        ValueError: the file names no byte tokenizer, or added tokens that cannot be followed.
    """
    content = read_json(file)
    name = content.get("tokenizer_class")
    if name in _LAYOUTS:
        return _of_class(file, name, size)
    if file.name != CONFIG or content.get("vocab_size") != BYTES:
        raise ValueError(f"{file} names none of {', '.join(_LAYOUTS)}, and no model of {BYTES} ids: no byte tokenizer")
    named = {role: _first_id(content.get(f"{role}_id")) for role in ("bos_token", "eos_token")}
    return _specify("bytes by their values", 0, (), {role: i for role, i in named.items() if i is not None}, size)


def _of_class(file: Path, name: str, size: int | None) -> Specification:
    layout, first = _LAYOUTS[name], len(_LAYOUTS[name].roles)
    config, by_id = _added(file, layout)
    roles = {**layout.roles} | {role: config[role] for role in _ROLES if config.get(role)}
    named = {role: _described(roles[role], file)["content"] for role in _ROLES if role in roles}
    special = [*named.values(), *_without_role(config, layout, file)]
    known = {entry["content"] for entry in by_id.values()}
    for content in dict.fromkeys(special):
        if content not in known:
            by_id[_byte_written(first, content) or BYTES + len(by_id)] = {"content": content}
    special += [by_id[token]["content"] for token in range(first)]
    entries = [_entry(token, entry, special, first, file) for token, entry in sorted(by_id.items())]
    ids = {entry["content"]: entry["id"] for entry in entries}
    return _specify(
        f"bytes as {name} numbers them", first, entries, {role: ids[content] for role, content in named.items()}, size
    )


def _added(file: Path, layout: _Layout) -> tuple[dict[str, Any], dict[int, Mapping[str, Any]]]:
    """What is said of the special tokens, and the added tokens that have an id, by it."""
    config = _read_beside(file, TOKENIZER_CONFIG)
    listed = config.get("added_tokens_decoder")
    if listed is None:
        config |= _read_beside(file, SPECIAL_TOKENS_MAP)
        listed = {str(token): content for content, token in _read_beside(file, ADDED_TOKENS).items()}
    stripping = dict.fromkeys(("lstrip", "rstrip"), layout.strips)
    by_id: dict[int, Mapping[str, Any]] = {
        token: stripping | _described(config.get(role) or content, file)
        for token, (role, content) in enumerate(layout.roles.items())
    }
    for key, entry in listed.items():
        if not key.isdecimal():
            raise ValueError(f"{file}: expected the id of an added token, got {key!r}")
        by_id[int(key)] = _described(entry, file)
    return config, by_id


def _without_role(config: Mapping[str, Any], layout: _Layout, file: Path) -> list[str]:
    """The special tokens without a role."""
    for key in ("extra_special_tokens", "additional_special_tokens"):
        if isinstance(config.get(key), list):
            return [_described(entry, file)["content"] for entry in config[key]]
    return [f"<extra_id_{number}>" for number in range(int(config.get("extra_ids", layout.sentinels)))]


def _described(entry: Any, file: Path) -> dict[str, Any]:
    """An added token as a mapping, however it is written."""
    if isinstance(entry, str):
        return {"content": entry}
    if isinstance(entry, dict) and isinstance(entry.get("content"), str):
        return entry
    raise ValueError(f'{file}: expected an added token, a string or an object with "content", got {entry!r}')


def _entry(
    token: int, described: Mapping[str, Any], special: Iterable[str], first: int, file: Path
) -> Mapping[str, Any]:
    """An added token as a ``tokenizer.json`` describes it; those with a role are special, whatever the file says."""
    content, is_special = described["content"], bool(described.get("special")) or described["content"] in special
    if first <= token < first + BYTES:
        raise ValueError(
            f"{file}: the added token {content!r} has the id {token}, which is that of byte {token - first}; "
            f"give it an id from {first + BYTES} on"
        )
    flags = {flag: bool(described.get(flag)) for flag in _FLAGS}
    if flags["single_word"] and not is_special:
        raise ValueError(
            f"{file}: the added token {content!r} stands only for whole words (single_word), which bytelm cannot "
            'follow; set "single_word" to false'
        )
    # Nothing is normalized, and they are to be looked for all at once.
    return {"id": token, "content": content, "special": is_special, "normalized": False, **flags}


def _specify(
    kind: str, first: int, entries: Iterable[Mapping[str, Any]], named: Mapping[str, int], size: int | None
) -> Specification:
    kept = tuple(entry for entry in entries if size is None or entry["id"] < size)
    produced = [entry for entry in kept if not entry["special"]]
    token_bytes = [b""] * max([first + BYTES, *(entry["id"] + 1 for entry in kept)])
    token_bytes[first : first + BYTES] = [bytes([byte]) for byte in range(BYTES)]
    for entry in produced:
        token_bytes[entry["id"]] = entry["content"].encode()
    token_bytes = token_bytes[:size]
    atoms = list(range(first, min(first + BYTES, len(token_bytes))))
    return Specification(
        kind=kind,
        token_bytes=tuple(token_bytes),
        family=BytePairFamily(dict, atoms),
        normalization=Normalization(None, marked=False),
        seen=str,
        splitter=Splitter,
        encoder=partial(ByteEncoder, first, kept),
        entries=kept,
        added=tuple(AddedToken(e["id"], e["content"], e["lstrip"], e["rstrip"]) for e in produced),
        named={role: i for role, i in named.items() if i < len(token_bytes)},
    )


def _read_beside(file: Path, name: str) -> dict[str, Any]:
    beside = file.with_name(name)
    return read_json(beside) if beside.is_file() else {}


def _has_tokenizer(directory: Path) -> bool:
    """Whether there is some file of a tokenizer, so that ids are not what they seem."""
    return any(any(directory.glob(form)) for form in ("tokenizer*", "vocab*", "merges.txt", "*.model"))


def _byte_written(first: int, content: str) -> int | None:
    """The id of the byte that these classes write so: as the character of its number."""
    return first + ord(content) if len(content) == 1 and ord(content) < BYTES else None


def _first_id(value: Any) -> int | None:
    """The id that a role in a ``config.json`` names; the first of several."""
    found = value[0] if isinstance(value, list) and value else value
    return found if isinstance(found, int) and 0 <= found < BYTES else None
