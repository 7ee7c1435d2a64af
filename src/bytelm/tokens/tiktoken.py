"""Tokenizers of tiktoken: its encodings, its files, and Mistral's Tekken files, which say the same in JSON.

They are byte-level byte-pair encodings whose merges are not listed: of all adjacent pairs that make a token together,
the one that makes the token of the lowest rank goes first. A pre-token that is a token is taken whole.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from bytelm.tokens.json_files import read_json
from bytelm.tokens.normalizing import Normalization
from bytelm.tokens.specification import BytePairFamily, Specification
from bytelm.tokens.splitting import Splitter, pattern_splitter

_R50K = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
_CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
    r"|\s+(?!\S)|\s"
)
_O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PATTERNS = {"gpt2": _R50K, "r50k_base": _R50K, "p50k_base": _R50K, "cl100k_base": _CL100K, "o200k_base": _O200K}
"""The patterns of tiktoken's own encodings (``tiktoken_ext/openai_public.py``); their files do not hold them."""

_FIRST_FIELD = b"\n"
"""How a SentencePiece model (a protocol buffer) begins."""

_ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>")
_BEGINNINGS = ("<|begin_of_text|>", "<s>")


class Encoding(Protocol):
    """What is read of a ``tiktoken.Encoding``."""

    name: str
    _pat_str: str
    _mergeable_ranks: dict[bytes, int]
    _special_tokens: dict[str, int]

    def encode_ordinary(self, text: str) -> list[int]:
        """The tokens of a text, special tokens in it read as text."""
        ...


class EncodingEncoder:
    """tiktoken itself."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding

    def encode(self, text: str) -> list[int]:
        return self._encoding.encode_ordinary(text)

    def find(self, content: str) -> int | None:
        found = self._encoding._special_tokens.get(content)
        return self._encoding._mergeable_ranks.get(content.encode()) if found is None else found


class RankEncoder:
    """Slow and obvious: byte-pair encoding by the ranks of tokens."""

    def __init__(self, ranks: Mapping[bytes, int], special: Mapping[str, int], splitter: Splitter) -> None:
        self._ranks = ranks
        self._special = special
        self._splitter = splitter

    def encode(self, text: str) -> list[int]:
        return [token for start, end in self._splitter.pieces(text) for token in self._cut(text[start:end].encode())]

    def find(self, content: str) -> int | None:
        return self._special.get(content, self._ranks.get(content.encode()))

    def _cut(self, piece: bytes) -> list[int]:
        if piece in self._ranks:
            return [self._ranks[piece]]
        parts = [piece[i : i + 1] for i in range(len(piece))]
        while len(parts) > 1:
            pairs = [self._ranks.get(left + right) for left, right in pairwise(parts)]
            ranked = [(rank, place) for place, rank in enumerate(pairs) if rank is not None]
            if not ranked:
                break
            _, place = min(ranked)
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
        missing = [part for part in parts if part not in self._ranks]
        if missing:
            raise ValueError(f"the tokenizer has no token for the byte {missing[0]!r}")
        return [self._ranks[part] for part in parts]


def read_encoding(encoding: Encoding) -> Specification:
    """A ``tiktoken.Encoding``.

    Raises:
        ValueError: it is something else.
    """
    try:
        ranks, pattern, special = encoding._mergeable_ranks, encoding._pat_str, encoding._special_tokens
    except AttributeError as error:
        raise ValueError(
            f"expected a path or a tiktoken.Encoding, got {type(encoding).__name__}, which has no {error.name}"
        ) from error
    specification = _specify(f"tiktoken {encoding.name}", ranks, pattern, special)
    return replace(specification, encoder=partial(EncodingEncoder, encoding))


def read_tiktoken(path: Path, pattern: str | None = None, size: int | None = None) -> Specification:
    """A file of tiktoken: a token in base64 and its rank on every line.

    Args:
        path: the file.
        pattern: the regular expression that texts are cut by; not needed for tiktoken's own encodings.
        size: leave out the tokens from this id on.

    Raises:
        ValueError: a line is malformed, or the pattern is not known.
    """
    ranks: dict[bytes, int] = {}
    content = path.read_bytes()
    if content[:1] == _FIRST_FIELD:
        raise ValueError(
            f"{path} holds a SentencePiece model, which bytelm reads from a tokenizer.json; load it with transformers' "
            "AutoTokenizer and save_pretrained it into the same directory"
        )
    for number, line in enumerate(content.splitlines(), 1):
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise ValueError(f"{path}, line {number}: expected a token in base64 and its rank, got {line!r}") from error
    name = path.name.removesuffix(".tiktoken")
    found = PATTERNS.get(name) if pattern is None else pattern
    if found is None:
        raise ValueError(
            f"{path} holds the ranks of tokens, but not the pattern that texts are cut by, and {name!r} is not one of "
            f"{', '.join(PATTERNS)}; give pattern=…"
        )
    return _specify(f"tiktoken {name}", _below(ranks, size), found, {})


def read_tekken(path: Path, size: int | None = None) -> Specification:
    """A ``tekken.json``: special tokens have the first ids, then come as many tokens as the vocabulary has room for.

    Args:
        path: the file.
        size: leave out the tokens from this id on.

    Raises:
        ValueError: the file is malformed.
    """
    content = read_json(path)
    try:
        config = content["config"]
        reserved = int(config["default_num_special_tokens"])
        count = int(config["default_vocab_size"]) - reserved
        entries = content["vocab"][:count]
        ranks = {base64.b64decode(entry["token_bytes"]): reserved + int(entry["rank"]) for entry in entries}
        pattern = str(config["pattern"])
        listed = content.get("special_tokens") or []
        special = {str(entry["token_str"]): int(entry["rank"]) for entry in listed}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a Tekken tokenizer: {error!r}") from error
    return _specify("Tekken", _below(ranks, size), pattern, special or {"<unk>": 0, "<s>": 1, "</s>": 2})


def _specify(kind: str, ranks: Mapping[bytes, int], pattern: str, special: Mapping[str, int]) -> Specification:
    token_bytes = [b""] * (1 + max([*ranks.values(), *special.values()]))
    for data, token in ranks.items():
        token_bytes[token] = data
    splitter = pattern_splitter(pattern)
    atoms = [token for data, token in ranks.items() if len(data) == 1]
    named = {"eos_token": [*filter(special.get, _ENDS)], "bos_token": [*filter(special.get, _BEGINNINGS)]}
    return Specification(
        kind=kind,
        token_bytes=tuple(token_bytes),
        family=BytePairFamily(partial(_pairs, ranks), atoms, ignore_merges=True),
        normalization=Normalization(None, marked=False),
        seen=str,
        splitter=partial(pattern_splitter, pattern),
        encoder=partial(RankEncoder, ranks, special, splitter),
        entries=tuple(_entry(token, content) for content, token in special.items()),
        named={role: special[contents[0]] for role, contents in named.items() if contents},
    )


def _below(ranks: dict[bytes, int], size: int | None) -> dict[bytes, int]:
    return ranks if size is None else {data: token for data, token in ranks.items() if token < size}


def _entry(token: int, content: str) -> dict[str, Any]:
    """A special token as a ``tokenizer.json`` describes it."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": token, "content": content, "special": True, **flags}


def _pairs(ranks: Mapping[bytes, int]) -> dict[tuple[int, int], tuple[int, int]]:
    """All merges: every way to cut a token into two tokens, at the token's own rank."""
    found = {}
    for data, rank in ranks.items():
        for place in range(1, len(data)):
            left, right = ranks.get(data[:place]), ranks.get(data[place:])
            if left is not None and right is not None:
                found[left, right] = (rank, rank)
    return found
