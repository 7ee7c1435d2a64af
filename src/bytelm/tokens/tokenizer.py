"""The public view of a tokenizer: its tokens as bytes, and which sequences of them it can produce."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bytelm.protocol import Text, as_bytes
from bytelm.tokens.canonical import CanonicalRule
from bytelm.tokens.lattice import advance_lattice, begin_lattice
from bytelm.tokens.merges import Merges
from bytelm.tokens.reading import TokenizerFile, read_tokenizer
from bytelm.tokens.rules import EverySegmentation, Rule
from bytelm.tokens.splitting import splitter_of
from bytelm.tokens.vocabulary import Vocabulary


class Tokenizer:
    """A tokenizer seen as bytes.

    Args:
        path: a model directory with a ``tokenizer.json``, or the file itself.
        size: leave out the tokens from this id on, which the model does not have.

    Attributes:
        size: one more than the highest token id.
        prefix: the bytes that the tokenizer puts before every text: ``b" "`` or ``b""``.
        vocabulary: the tokens that have bytes, sorted.

    Raises:
        FileNotFoundError: there is no ``tokenizer.json``.
        ValueError: the tokenizer is of a kind that bytelm does not know.
    """

    def __init__(self, path: str | Path, size: int | None = None) -> None:
        self._file: TokenizerFile = read_tokenizer(Path(path), size)
        self.size = len(self._file.token_bytes)
        self.prefix = self._file.prefix
        self.vocabulary = Vocabulary(self._file.token_bytes)

    def token_bytes(self, token: int) -> bytes:
        """The bytes of one token; ``b""`` for special tokens.

        Raises:
            ValueError: there is no such token.
        """
        return self._file.token_bytes[self._checked(token)]

    @property
    def begin_token(self) -> int | None:
        """The token that texts begin with: the one the tokenizer names, else its end token."""
        named = self._file.named
        return named.get("bos_token", named.get("eos_token"))

    @property
    def end_token(self) -> int | None:
        """The end token that the tokenizer names."""
        return self._file.named.get("eos_token")

    @property
    def kind(self) -> str:
        """What kind of tokenizer it is, in words."""
        model = self._file.description["model"].get("type", "BPE")
        return f"{model}, byte-level" if self._file.fallback is None else f"{model} over characters, with byte fallback"

    def token_named(self, content: str) -> int | None:
        """The id of the added or ordinary token written ``content`` in the tokenizer's file."""
        found = self._encoder.token_to_id(content)
        return None if found is None else int(found)

    def encode(self, text: Text) -> list[int]:
        """The tokenizer's own segmentation of a text, without special tokens.

        Raises:
            ValueError: ``text`` is not valid UTF-8.
        """
        data = as_bytes(text)
        try:
            characters = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"a tokenizer encodes valid UTF-8 only; byte {error.start} of the text is not") from error
        return list(self._encoder.encode(characters, add_special_tokens=False).ids)

    def normalize(self, text: Text) -> bytes:
        """The bytes that the tokenizer sees of a text, without :attr:`prefix`."""
        return as_bytes(text)

    @cached_property
    def canonical(self) -> Rule:
        """The rule of ``segmentation="canonical"``.

        Raises:
            ValueError: the pre-tokenizer has parts whose borders cannot be followed.
        """
        file = self._file
        merges = Merges(file.ranked, file.atoms, self.size)
        splitter = splitter_of(file.description.get("pre_tokenizer"))
        return CanonicalRule(self.vocabulary, merges, splitter, file.fallback)

    @cached_property
    def every(self) -> Rule:
        """The rule of ``segmentation="all"``."""
        return EverySegmentation(self.vocabulary)

    def allowed_next(self, tokens: Sequence[int]) -> NDArray[np.bool_]:
        """Which tokens may follow a canonical sequence: bool ``(size,)`` by token id; special tokens never do.

        Raises:
            ValueError: ``tokens`` is not a canonical sequence.
        """
        context = self.canonical.start
        for place, token in enumerate(tokens):
            after = self.canonical.advance(context, self._checked(token))
            if after is None or (place == 0 and not self._begins(token)):
                raise ValueError(
                    f"token {token} at place {place} may not follow {list(tokens[:place])}: "
                    "the tokenizer produces no such sequence"
                )
            context = after
        allowed = np.zeros(self.size, dtype=bool)
        allowed[self.vocabulary.order] = self.canonical.allowed(context)
        if not tokens:
            allowed &= [self._begins(token) for token in range(self.size)]
        return allowed

    def canonical_heads(self, text: Text) -> list[tuple[tuple[int, ...], bytes]]:
        """Every live canonical token sequence of a byte prefix, with the bytes of the text that come after it.

        The text includes :attr:`prefix`. The list is empty where no text of the tokenizer starts so.
        """
        lattice = begin_lattice(self.canonical)
        for byte in self.prefix + as_bytes(text):
            lattice = advance_lattice(self.canonical, lattice, byte)
        return [(cursor.head.tokens(), lattice.after(cursor.head.end)) for cursor in lattice.cursors]

    @cached_property
    def _encoder(self) -> Any:
        from tokenizers import Tokenizer as Encoder

        description = {**self._file.description, "truncation": None, "padding": None}
        encoder = Encoder.from_str(json.dumps(description))
        encoder.encode_special_tokens = True
        return encoder

    def _begins(self, token: int) -> bool:
        """Whether the token can spell the beginning of a text, the prefix included."""
        data = self._file.token_bytes[token]
        return data.startswith(self.prefix[: len(data)])

    def _checked(self, token: int) -> int:
        if not 0 <= token < self.size:
            raise ValueError(f"token id {token} is not in the vocabulary, which has ids 0 to {self.size - 1}")
        return int(token)
