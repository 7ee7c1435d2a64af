"""The public view of a tokenizer: its tokens as bytes, and which sequences of them it can produce."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bytelm.prompts import Prompt, Special
from bytelm.protocol import Text, as_bytes
from bytelm.tokens.building import canonical_rule
from bytelm.tokens.infilling import InfillTokens, end_marks, infill_tokens
from bytelm.tokens.lattice import advance_lattice, begin_lattice
from bytelm.tokens.reading import open_encoding, open_tokenizer
from bytelm.tokens.rules import EverySegmentation, Rule
from bytelm.tokens.specials import Specials
from bytelm.tokens.specification import Encoder
from bytelm.tokens.tiktoken import Encoding


class Tokenizer:
    """A tokenizer seen as bytes.

    Args:
        source: a model directory with a ``tokenizer.json`` or another file that is known, the file itself, or an
            encoding of tiktoken.
        size: leave out the tokens from this id on, which the model does not have.
        pattern: the regular expression that texts are cut by, where a tiktoken file does not say it.

    Attributes:
        directory: where its files are; ``None`` for an encoding of tiktoken.
        size: one more than the highest token id.
        prefix: the bytes that the tokenizer puts before every text: ``b" "`` or ``b""``.
        section_prefix: those that it puts before a text that stands behind a special token.
        vocabulary: the tokens that have bytes, sorted.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the tokenizer is of a kind that bytelm does not know.
    """

    def __init__(self, source: str | Path | Encoding, size: int | None = None, pattern: str | None = None) -> None:
        self.directory: Path | None = None
        if isinstance(source, str | Path):
            path = Path(source)
            self.directory = path if path.is_dir() else path.parent
            opened = open_tokenizer(path, size, pattern)
        else:
            opened = open_encoding(source)
        self._specification, self.vocabulary, self._kept = opened
        self.size = len(self._specification.token_bytes)
        self.prefix = self._specification.prefix.encode()
        self.section_prefix = self._specification.section_prefix.encode()
        self._specials = Specials(self._specification.entries, self._specification.normalizer, self.size)

    def token_bytes(self, token: int) -> bytes:
        """The bytes of one token; ``b""`` for special tokens.

        Raises:
            ValueError: there is no such token.
        """
        return self._specification.token_bytes[self._checked(token)]

    @property
    def begin_token(self) -> int | None:
        """The token that texts begin with: the one the tokenizer names, else its end token."""
        named = self._specification.named
        return named.get("bos_token", named.get("eos_token"))

    @property
    def end_token(self) -> int | None:
        """The end token that the tokenizer names."""
        return self._specification.named.get("eos_token")

    @property
    def kind(self) -> str:
        """What kind of tokenizer it is, in words."""
        return self._specification.kind

    def token_named(self, content: str) -> int | None:
        """The id of the added or ordinary token written ``content`` in the tokenizer's file."""
        return self._encoder.find(content)

    @property
    def fim_tokens(self) -> InfillTokens | None:
        """The special tokens for filling a gap (prefix, suffix, middle), if they are spelled in a published way."""
        return infill_tokens(self._specials)

    @property
    def fim_end_tokens(self) -> tuple[Special, ...]:
        """The special tokens that end the filling of a gap, besides the end token, as far as they are known."""
        return end_marks(self._specials)

    def special(self, content: str) -> Special:
        """The special token written ``content``: any added token that is more than white space.

        Raises:
            ValueError: there is none; the error names those spelled nearly so.
        """
        return self._specials.named(content)

    def parse(self, text: Text) -> Prompt:
        """The prompt that a text is in which special tokens are spelled out, found as the tokenizer finds them.

        Raises:
            ValueError: ``text`` is not valid UTF-8.
        """
        return self._specials.parse(_characters(text))

    def encode(self, text: Text) -> list[int]:
        """The tokenizer's own segmentation of a text, without special tokens.

        Raises:
            ValueError: ``text`` is not valid UTF-8.
        """
        return self._encoder.encode(_characters(text))

    def normalize(self, text: Text) -> bytes:
        """The bytes that the tokenizer sees of a text, without :attr:`prefix`: those that the byte model is over.

        Most tokenizers see a text as it is. Others compose characters (NFC), fold them (NFKC, lower case), or treat
        runs of spaces as one; then a text and what is seen of it differ, and only the latter has a probability.

        Raises:
            ValueError: ``text`` is not valid UTF-8.
        """
        characters = _characters(text)
        if any(entry.content in characters for entry in self._specification.added):
            return b"".join(map(self.token_bytes, self.encode(text))).removeprefix(self.prefix)
        return self._specification.seen(characters).encode()

    @cached_property
    def canonical(self) -> Rule:
        """The rule of ``segmentation="canonical"``.

        Raises:
            ValueError: the pre-tokenizer has parts whose borders cannot be followed.
        """
        return canonical_rule(self._specification, self.vocabulary, self._kept)

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
            allowed &= self._beginning
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
    def _encoder(self) -> Encoder:
        return self._specification.encoder()

    @cached_property
    def _beginning(self) -> NDArray[np.bool_]:
        """Which tokens can spell the beginning of a text: bool ``(size,)``."""
        return np.fromiter(map(self._begins, range(self.size)), dtype=bool, count=self.size)

    def _begins(self, token: int) -> bool:
        """Whether the token can spell the beginning of a text, the prefix included."""
        data = self._specification.token_bytes[token]
        return data.startswith(self.prefix[: len(data)])

    def _checked(self, token: int) -> int:
        if not 0 <= token < self.size:
            raise ValueError(f"token id {token} is not in the vocabulary, which has ids 0 to {self.size - 1}")
        return int(token)


def _characters(text: Text) -> str:
    try:
        return as_bytes(text).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"a tokenizer encodes valid UTF-8 only; byte {error.start} of the text is not") from error
