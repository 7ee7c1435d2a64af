"""What is given to a model: texts, and prompts in which special tokens stand between texts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Text = bytes | bytearray | str
"""A text given by the user; ``str`` is taken as UTF-8."""


@dataclass(frozen=True, slots=True)
class Special:
    """A special token: an atom of a prompt, which no bytes spell.

    Attributes:
        token: its id.
        content: how the tokenizer's file writes it.
    """

    token: int
    content: str


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Prompt:
    """A sequence of bytes and special tokens. Frozen.

    What stands before the last special token is fixed: each stretch of bytes is cut as the tokenizer cuts it by
    itself. The bytes behind the last special token are a text like any other, open to all its covers.

    Attributes:
        parts: bytes and special tokens in turn; neighbouring bytes are joined, and none are empty.
    """

    parts: tuple[bytes | Special, ...]

    def __init__(self, *parts: "Text | Special | Prompt") -> None:
        """The parts one after the other: ``Prompt(special, "text", b"bytes", another_prompt)``.

        Raises:
            TypeError: a part is none of bytes, ``str``, ``Special``, ``Prompt``.
            ValueError: a ``str`` has a lone surrogate, which has no UTF-8 form.
        """
        object.__setattr__(self, "parts", tuple(_joined(_flat(parts))))

    @property
    def fixed(self) -> tuple[bytes | Special, ...]:
        """The parts up to the last special token, with it; empty where there is none."""
        return self.parts[:-1] if self.parts and isinstance(self.parts[-1], bytes) else self.parts

    @property
    def text(self) -> bytes:
        """The bytes behind the last special token."""
        last = self.parts[-1] if self.parts else b""
        return last if isinstance(last, bytes) else b""

    @property
    def spelled(self) -> bytes:
        """All of it as bytes, the special tokens as they are written: for people to read."""
        return b"".join(part if isinstance(part, bytes) else part.content.encode() for part in self.parts)

    def __repr__(self) -> str:
        return f"Prompt({', '.join(map(repr, self.parts))})"


def as_bytes(text: Text) -> bytes:
    """``text`` as bytes; ``str`` becomes UTF-8.

    Raises:
        TypeError: ``text`` is neither bytes nor ``str``.
        ValueError: ``text`` is a ``str`` with a lone surrogate, which has no UTF-8 form.
    """
    if isinstance(text, str):
        try:
            return text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(
                f"the text has a lone surrogate at character {error.start}, which has no UTF-8 form; "
                "give the raw bytes instead"
            ) from error
    if isinstance(text, bytes | bytearray):
        return bytes(text)
    raise TypeError(f"expected bytes or str, got {type(text).__name__}")


def as_prompt(prompt: Text | Prompt) -> bytes | Prompt:
    """A prompt as bytes, where it has no special token, or as a ``Prompt`` with at least one.

    Raises:
        TypeError: ``prompt`` is none of bytes, ``str``, ``Prompt``.
        ValueError: a ``str`` has a lone surrogate.
    """
    if isinstance(prompt, Prompt):
        return prompt if prompt.fixed else prompt.text
    return as_bytes(prompt)


def is_batch(prompt: object) -> bool:
    """Whether ``prompt`` is a list or tuple of texts rather than one text."""
    return isinstance(prompt, Sequence) and not isinstance(prompt, bytes | bytearray | str)


def _flat(parts: "Iterable[Text | Special | Prompt]") -> Iterator[bytes | Special]:
    for part in parts:
        if isinstance(part, Prompt):
            yield from part.parts
        elif isinstance(part, Special):
            yield part
        elif isinstance(part, bytes | bytearray | str):
            yield as_bytes(part)
        else:
            raise TypeError(f"a prompt is made of bytes, str, Special and Prompt; got {type(part).__name__}")


def _joined(parts: Iterable[bytes | Special]) -> Iterator[bytes | Special]:
    held = b""
    for part in parts:
        if isinstance(part, bytes):
            held += part
            continue
        if held:
            yield held
        yield part
        held = b""
    if held:
        yield held
