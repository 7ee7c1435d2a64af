"""One text or several, one prompt or several: what the public functions accept."""

from bytelm.prompts import Prompt, Text, as_bytes, as_prompt, is_batch

Texts = list[bytes] | list[str] | list[bytes | str] | list[Text] | tuple[Text, ...]
"""Several texts given by the user; a type checker would take one ``str`` for a sequence of ``str``."""

Prompts = (
    Texts | list[Prompt] | list[Prompt | bytes] | list[Prompt | str] | list[Text | Prompt] | tuple[Text | Prompt, ...]
)
"""Several prompts given by the user, each with special tokens or without."""


def as_texts(texts: Text | Texts) -> list[bytes]:
    """One text as a list of one; a list of texts as a list of bytes.

    Raises:
        TypeError: ``texts`` is neither a text nor a list of texts.
        ValueError: a ``str`` has a lone surrogate.
    """
    if isinstance(texts, bytes | bytearray | str):
        return [as_bytes(texts)]
    if not is_batch(texts):
        raise TypeError(f"expected bytes, str or a list of them, got {type(texts).__name__}")
    return [as_bytes(text) for text in texts]


def as_prompts(prompts: Text | Prompt | Prompts) -> list[bytes | Prompt]:
    """One prompt as a list of one; a list of prompts as a list. Those without special tokens become bytes.

    Raises:
        TypeError: ``prompts`` is neither a prompt nor a list of prompts.
        ValueError: a ``str`` has a lone surrogate.
    """
    if isinstance(prompts, bytes | bytearray | str | Prompt):
        return [as_prompt(prompts)]
    if not is_batch(prompts):
        raise TypeError(f"expected bytes, str, Prompt or a list of them, got {type(prompts).__name__}")
    return [as_prompt(prompt) for prompt in prompts]


def text_of(prompt: bytes | Prompt) -> bytes:
    """The bytes that have a probability: all of them, or those behind the last special token."""
    return prompt.text if isinstance(prompt, Prompt) else prompt
