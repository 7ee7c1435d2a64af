"""Finding the tokenizer of a model directory, and reading it, whatever form it has."""

from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from bytelm.tokens.building import SPECIFICATION
from bytelm.tokens.byte_vocabulary import (
    ADDED_TOKENS,
    CONFIG,
    SPECIAL_TOKENS_MAP,
    TOKENIZER_CONFIG,
    find_byte_vocabulary,
    read_byte_vocabulary,
)
from bytelm.tokens.huggingface import read_huggingface, restore_huggingface
from bytelm.tokens.keeping import Kept
from bytelm.tokens.normalizing import Normalization
from bytelm.tokens.rwkv import RwkvEncoder, read_rwkv
from bytelm.tokens.specification import LongestFamily, Specification
from bytelm.tokens.splitting import Splitter
from bytelm.tokens.tiktoken import Encoding, read_encoding, read_tekken, read_tiktoken
from bytelm.tokens.vocabulary import Vocabulary

FORMS = ("tokenizer.json", "tekken.json", "*.tiktoken", "tokenizer.model", "rwkv_vocab*.txt")
"""What is looked for in a directory, in this order; then a tokenizer over bytes that has no such file."""

BESIDE = (TOKENIZER_CONFIG, SPECIAL_TOKENS_MAP, ADDED_TOKENS)
"""The files beside a tokenizer's that may say more about it."""


class Opened(NamedTuple):
    """A tokenizer as it was read.

    Attributes:
        specification: the tokenizer.
        vocabulary: its tokens, sorted.
        kept: what is kept of it.
    """

    specification: Specification
    vocabulary: Vocabulary
    kept: Kept


def open_tokenizer(path: Path, size: int | None, pattern: str | None) -> Opened:
    """Like :func:`read_tokenizer`, but from what is kept of an earlier time where there is something."""
    file = find_tokenizer(path)
    kept = Kept([file, *map(file.with_name, BESIDE)], (file.name, size, pattern))
    found = kept.part(SPECIFICATION)
    if found is not None and found[0]:
        vocabulary = Vocabulary.restored(found[1])
        return Opened(restore_huggingface(file, size, found[0], vocabulary.token_bytes), vocabulary, kept)
    specification = read_tokenizer(file, size, pattern)
    return Opened(specification, Vocabulary(specification.token_bytes), kept)


def open_encoding(encoding: Encoding) -> Opened:
    """A ``tiktoken.Encoding``, and what is kept of it."""
    specification = read_encoding(encoding)
    tokens = blake2b(b"".join(specification.token_bytes)).hexdigest()
    kept = Kept([], (specification.kind, encoding._pat_str, len(specification.token_bytes), tokens))
    return Opened(specification, Vocabulary(specification.token_bytes), kept)


def read_tokenizer(path: Path, size: int | None = None, pattern: str | None = None) -> Specification:
    """Read the tokenizer of a model directory, or a tokenizer's file.

    Args:
        path: the model's directory, or the path of the file.
        size: leave out the tokens from this id on.
        pattern: the regular expression that texts are cut by, where a tiktoken file does not say it.

    Raises:
        FileNotFoundError: there is no tokenizer.
        ValueError: the file is not a tokenizer, or one of a kind that bytelm does not know.
    """
    file = find_tokenizer(path)
    if file.suffix in (".tiktoken", ".model"):
        return read_tiktoken(file, pattern, size)
    if pattern is not None:
        raise ValueError(f"pattern={pattern!r} is for files of tiktoken, which do not hold one; {file} needs none")
    if file.name == "tekken.json":
        return read_tekken(file, size)
    if file.suffix == ".txt":
        return _specify_rwkv(file, size)
    if file.name in (TOKENIZER_CONFIG, CONFIG):
        return read_byte_vocabulary(file, size)
    return read_huggingface(file, size)


def find_tokenizer(path: Path) -> Path:
    """The tokenizer's file in a directory, or the file itself; of a tokenizer over bytes the one that says so.

    Raises:
        FileNotFoundError: there is none.
        ValueError: ``tokenizer_config.json`` or ``config.json`` is no JSON, or names a tokenizer that is not read.
    """
    if path.is_file():
        return path
    found = [file for form in FORMS for file in sorted(path.glob(form))]
    of_bytes = None if found else find_byte_vocabulary(path)
    if of_bytes is not None:
        return of_bytes
    if not found:
        raise FileNotFoundError(
            f"no tokenizer.json in {path}: save the model's fast tokenizer there; {', '.join(FORMS[1:])} are read too"
        )
    return found[0]


class _BytesEncoder:
    """RWKV's encoder over characters."""

    def __init__(self, token_bytes: tuple[bytes, ...]) -> None:
        self._encoder = RwkvEncoder(token_bytes)
        self._token_bytes = token_bytes

    def encode(self, text: str) -> list[int]:
        return self._encoder.encode(text.encode())

    def find(self, content: str) -> int | None:
        return self._token_bytes.index(content.encode()) if content.encode() in self._token_bytes else None


def _specify_rwkv(path: Path, size: int | None) -> Specification:
    token_bytes = read_rwkv(path)[:size]
    return Specification(
        kind="RWKV",
        token_bytes=token_bytes,
        family=LongestFamily(),
        normalization=Normalization(None, marked=False),
        seen=str,
        splitter=Splitter,
        encoder=partial(_BytesEncoder, token_bytes),
        named={"eos_token": 0},
    )
