"""Where a text begins behind special tokens: the fixed tokens of a prompt as the head that everything descends from.

What stands before the last special token is given, not predicted. So it is one token sequence: what the tokenizer
makes of each stretch of bytes by itself, with the special tokens between. The text behind begins anew there, as it
does behind the begin tokens. The network gets the fixed tokens when the first head behind them is asked about.
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple

from bytelm.heads import Head
from bytelm.prompts import Prompt, Special
from bytelm.tokens.lattice import advance_lattice, begin_lattice, byte_token, restart_lattice
from bytelm.tokens.rules import Rule
from bytelm.tokens.tokenizer import Tokenizer


class Opening(NamedTuple):
    """Where the text of a prompt begins.

    Attributes:
        head: the fixed tokens behind the begin tokens; ``None`` if there are none.
        prefix: the bytes that the tokenizer puts before a text there.
        text: the bytes of the prompt that are open to all their covers.
    """

    head: Head | None
    prefix: bytes
    text: bytes


def open_prompt(tokenizer: Tokenizer, begin_tokens: tuple[int, ...], prompt: Prompt) -> Opening:
    """The opening of a prompt with at least one special token.

    Args:
        tokenizer: cuts the bytes between the special tokens.
        begin_tokens: where the prompt begins with these, they are not doubled.
        prompt: the prompt.

    Raises:
        ValueError: a special token is not this tokenizer's, or there is no token for a byte.
    """
    tokens = list(_fixed_tokens(tokenizer, prompt.fixed))
    leading = takewhile(lambda part: isinstance(part, Special), prompt.fixed)
    spelled_out = tuple(part.token for part in leading if isinstance(part, Special))
    if spelled_out[: len(begin_tokens)] == begin_tokens:
        del tokens[: len(begin_tokens)]
    head = None
    for token in tokens:
        head = Head(Head() if head is None else head, token)
    return Opening(head, tokenizer.section_prefix, prompt.text)


def _fixed_tokens(tokenizer: Tokenizer, parts: tuple[bytes | Special, ...]) -> Iterator[int]:
    for place, part in enumerate(parts):
        if isinstance(part, bytes):
            yield from cut(tokenizer, part, tokenizer.section_prefix if place else tokenizer.prefix)
            continue
        if tokenizer.special(part.content) != part:
            raise ValueError(
                f"the special token {part.content!r} has id {part.token} in the prompt and another one here; "
                "take it from this model's tokenizer"
            )
        yield part.token


def cut(tokenizer: Tokenizer, data: bytes, prefix: bytes) -> list[int]:
    """The tokens of a stretch of bytes: the tokenizer's own where they spell it as it sees it, else the lattice's."""
    text = data.decode("utf-8", "ignore")
    if prefix == tokenizer.prefix and text.encode() == data:
        tokens = tokenizer.encode(data)
        spelled = b"".join(map(tokenizer.token_bytes, tokens))
        if spelled == prefix + tokenizer.normalize(data):
            return tokens
    return walked(tokenizer.canonical, prefix + data)


def walked(rule: Rule, data: bytes) -> list[int]:
    """The same from the lattice, which takes bytes that no text can contain as their byte tokens."""
    lattice = begin_lattice(rule)
    for byte in data:
        after = advance_lattice(rule, lattice, byte)
        lattice = after if after.cursors else restart_lattice(rule, lattice, byte)
    rest = lattice.after(lattice.whole.end)
    tokens = lattice.whole.head.tokens()
    for byte in rest:
        token = byte_token(rule, byte)
        if token is None:
            raise ValueError(f"the tokenizer has no token for byte 0x{byte:02x} before a special token")
        tokens = (*tokens, token)
    return list(tokens)
