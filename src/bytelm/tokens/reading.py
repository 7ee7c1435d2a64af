"""Reading a ``tokenizer.json``: the bytes of its tokens, its merges, and what it does to a text before them.

Both the form of transformers 5 and that of transformers 4 are read (merges as pairs or as strings).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bytelm.tokens.spelling import ByteFallback

SPACE_MARK = "\u2581"
"""The character that SentencePiece writes for a space."""

_HARMLESS_NORMALIZERS = {"NFC", "NFD", "NFKC", "NFKD"}


@dataclass(frozen=True)
class TokenizerFile:
    """What a ``tokenizer.json`` says, in terms of bytes.

    Attributes:
        description: the parsed file.
        token_bytes: the bytes of each token by id; ``b""`` for special tokens and unused ids.
        ranked: the merges, ``(left id, right id) -> (rank, id of the result)``.
        atoms: the ids that merging starts from.
        fallback: the byte tokens of a tokenizer over characters; ``None`` for a byte-level one.
        prefix: the bytes that the tokenizer puts before every text (a space, or nothing).
        named: the ids of the tokens named in ``tokenizer_config.json``: ``bos_token``, ``eos_token`` ….
    """

    description: dict[str, Any]
    token_bytes: tuple[bytes, ...]
    ranked: dict[tuple[int, int], tuple[int, int]]
    atoms: list[int]
    fallback: ByteFallback | None
    prefix: bytes
    named: dict[str, int]


def read_tokenizer(directory: Path, size: int | None = None) -> TokenizerFile:
    """Read ``tokenizer.json`` (and ``tokenizer_config.json``, if it is there) of a model directory.

    Args:
        directory: the model's directory, or the path of the file.
        size: leave out the tokens from this id on.

    Raises:
        FileNotFoundError: there is no ``tokenizer.json``.
        ValueError: the file is not a tokenizer, or one of a kind that bytelm does not know.
    """
    path = directory / "tokenizer.json" if directory.is_dir() else directory
    if not path.is_file():
        raise FileNotFoundError(f"no tokenizer.json in {directory}: save the model's fast tokenizer there")
    description = _read_json(path)
    model = description.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict | list):
        raise ValueError(f"{path} is not a tokenizer: it has no model with a vocabulary")
    kind = model.get("type", "BPE" if "merges" in model else None)
    if kind != "BPE":
        raise ValueError(f"{path} holds a {kind} tokenizer; bytelm reads BPE tokenizers (byte-level or SentencePiece)")
    ids: dict[str, int] = dict(model["vocab"])
    added = {entry["content"]: entry for entry in description.get("added_tokens", [])}
    ids.update({content: entry["id"] for content, entry in added.items()})
    if size is not None:
        ids = {content: i for content, i in ids.items() if i < size}
    special = {entry["id"] for entry in added.values() if entry.get("special")}
    token_bytes, atoms, fallback = _spell(description, ids, special, path)
    return TokenizerFile(
        description=description,
        token_bytes=token_bytes,
        ranked=_rank(model["merges"], ids, path),
        atoms=atoms,
        fallback=fallback,
        prefix=_prefix(description),
        named=_named_tokens(path.with_name("tokenizer_config.json"), ids),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a JSON {type(content).__name__}, expected an object")
    return content


def _spell(
    description: Mapping[str, Any], ids: Mapping[str, int], special: set[int], path: Path
) -> tuple[tuple[bytes, ...], list[int], ByteFallback | None]:
    """The bytes of every token, the atoms of merging, and the byte tokens."""
    ordinary = {name: i for name, i in ids.items() if i not in special}
    spelled = [b""] * (1 + max(ids.values()))
    if _mentions(description, "ByteLevel"):
        alphabet = {char: byte for byte, char in enumerate(byte_characters())}
        for name, i in ordinary.items():
            if all(char in alphabet for char in name):
                spelled[i] = bytes(alphabet[char] for char in name)
            else:
                spelled[i] = name.encode()
        atoms = [i for name, i in ordinary.items() if len(name) == 1 and name in alphabet]
        return tuple(spelled), atoms, None
    if not description["model"].get("byte_fallback"):
        raise ValueError(
            f"{path} is neither a byte-level BPE tokenizer nor one with byte fallback: "
            "bytelm cannot say which bytes its unknown token stands for"
        )
    stand_ins = {f"<0x{byte:02X}>": byte for byte in range(256)}
    for name, i in ordinary.items():
        spelled[i] = bytes([stand_ins[name]]) if name in stand_ins else name.replace(SPACE_MARK, " ").encode()
    single = [name for name in ordinary if len(name) == 1]
    fallback = ByteFallback(
        tokens=frozenset(ordinary[name] for name in stand_ins if name in ordinary),
        characters=frozenset(single) | ({" "} if SPACE_MARK in ordinary else set()),
    )
    return tuple(spelled), [ordinary[name] for name in single] + sorted(fallback.tokens), fallback


def _mentions(description: Mapping[str, Any], kind: str) -> bool:
    """Whether the pre-tokenizer or the decoder has a part of type ``kind``."""

    def kinds(entry: Any) -> Iterable[str]:
        if isinstance(entry, dict):
            yield entry.get("type", "")
            for part in (*entry.get("pretokenizers", ()), *entry.get("decoders", ())):
                yield from kinds(part)

    return any(kind in kinds(description.get(part)) for part in ("pre_tokenizer", "decoder"))


def _rank(
    merges: Iterable[str | list[str]], ids: Mapping[str, int], path: Path
) -> dict[tuple[int, int], tuple[int, int]]:
    ranked: dict[tuple[int, int], tuple[int, int]] = {}
    for rank, merge in enumerate(merges):
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        try:
            pair, result = (ids[left], ids[right]), ids[left + right]
        except KeyError as error:
            raise ValueError(
                f"{path}: merge {rank} ({left!r}, {right!r}) needs the token {error}, which is missing"
            ) from None
        ranked.setdefault(pair, (rank, result))
    return ranked


def _prefix(description: Mapping[str, Any]) -> bytes:
    """The bytes put before every text.

    Raises:
        ValueError: a normalizer changes texts in a way that the bytes of the tokens do not show.
    """
    prefix = b""
    for entry in _parts(description.get("normalizer"), "normalizers"):
        kind = entry["type"]
        if kind == "Prepend":
            prefix += entry["prepend"].replace(SPACE_MARK, " ").encode()
        elif kind == "Replace" and entry["pattern"].get("String") == " " and entry["content"] == SPACE_MARK:
            continue
        elif kind not in _HARMLESS_NORMALIZERS:
            raise ValueError(f"the tokenizer has a normalizer {kind!r} that bytelm cannot follow yet")
    for entry in _parts(description.get("pre_tokenizer"), "pretokenizers"):
        if entry["type"] == "ByteLevel" and entry.get("add_prefix_space", True):
            prefix += b" "
        if entry["type"] == "Metaspace" and entry.get("prepend_scheme", "always") != "never":
            prefix += b" "
    return prefix


def _parts(entry: dict[str, Any] | None, members: str) -> Iterable[dict[str, Any]]:
    if entry is None:
        return
    if entry["type"] == "Sequence":
        for part in entry[members]:
            yield from _parts(part, members)
    else:
        yield entry


def _named_tokens(path: Path, ids: Mapping[str, int]) -> dict[str, int]:
    """The ids of the tokens that ``tokenizer_config.json`` names by role."""
    if not path.is_file():
        return {}
    named = {}
    for role, value in _read_json(path).items():
        content = value.get("content") if isinstance(value, dict) else value
        if role.endswith("_token") and isinstance(content, str) and content in ids:
            named[role] = ids[content]
    return named


def byte_characters() -> list[str]:
    """The character that byte-level BPE writes for each byte (GPT-2's table): printable Latin-1 stands for itself."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]
