"""What a tokenizer is, in terms of bytes, whatever file it was read from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bytelm.tokens.added import AddedToken
from bytelm.tokens.merges import Ranked
from bytelm.tokens.normalizing import Normalization
from bytelm.tokens.spelling import ByteFallback
from bytelm.tokens.splitting import Splitter


class Encoder(Protocol):
    """The tokenizer itself."""

    def encode(self, text: str) -> list[int]:
        """Its own segmentation of a text, special tokens in it read as text."""
        ...

    def find(self, content: str) -> int | None:
        """The id of the token written ``content``, if there is one."""
        ...


@dataclass(frozen=True)
class BytePairFamily:
    """Byte-pair encoding.

    Attributes:
        ranked: makes the merges.
        atoms: the ids that merging starts from.
        ignore_merges: whether a pre-token that is a token is not merged.
    """

    ranked: Callable[[], Ranked]
    atoms: list[int]
    ignore_merges: bool = False


@dataclass(frozen=True)
class UnigramFamily:
    """Unigram.

    Attributes:
        scores: the scores of all pieces by id.
        others: the scores of pieces that are looked for in texts but are no tokens of bytes, by the text they match.
        over_bytes: whether pieces are of bytes and not of characters; then ``others`` are bytes read as Latin-1.
    """

    scores: tuple[float, ...]
    others: Mapping[str, float]
    over_bytes: bool = False


@dataclass(frozen=True)
class LongestFamily:
    """Greedy longest match.

    Attributes:
        longest: the most characters that a pre-token may have behind its space; ``None`` for any number.
        others: what is looked for in texts besides the tokens.
    """

    longest: int | None = None
    others: tuple[bytes, ...] = ()


Family = BytePairFamily | UnigramFamily | LongestFamily


@dataclass(frozen=True)
class Specification:
    """A tokenizer.

    Attributes:
        kind: what it is called, for people.
        token_bytes: the bytes of each token by id; ``b""`` for special tokens and unused ids.
        family: how pre-tokens are cut.
        normalization: what happens to characters first.
        seen: what the tokenizer sees of a text that has no added token in it, without what it puts before it.
        splitter: makes the splitter; raises ``ValueError`` where borders cannot be followed.
        encoder: makes the tokenizer itself.
        entries: all added tokens, special or not, as a ``tokenizer.json`` describes them.
        normalizer: the ``normalizer`` of that file.
        added: the added tokens that text produces.
        fallback: the byte tokens of a tokenizer over characters; ``None`` for a byte-level one.
        prefix: what it puts before every text, in characters of the text seen: a space, or nothing.
        section_prefix: what it puts before the text behind an added token.
        swallows: whether it puts these only before texts that do not begin with them.
        named: the ids of the tokens with a role: ``bos_token``, ``eos_token`` ….
        facts: what JSON can hold of all this, for the next process; ``None`` if it is read afresh every time.
    """

    kind: str
    token_bytes: tuple[bytes, ...]
    family: Family
    normalization: Normalization
    seen: Callable[[str], str]
    splitter: Callable[[], Splitter]
    encoder: Callable[[], Encoder]
    entries: tuple[Mapping[str, Any], ...] = ()
    normalizer: Any = None
    added: tuple[AddedToken, ...] = ()
    fallback: ByteFallback | None = None
    prefix: str = ""
    section_prefix: str = ""
    swallows: bool = False
    named: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] | None = None
