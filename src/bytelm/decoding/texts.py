"""One text or several: what the public functions accept."""

from bytelm.protocol import Text, as_bytes, is_batch

Texts = list[bytes] | list[str] | list[bytes | str] | list[Text] | tuple[Text, ...]
"""Several texts given by the user; a type checker would take one ``str`` for a sequence of ``str``."""


def as_texts(prompt: Text | Texts) -> list[bytes]:
    """One text as a list of one; a list of texts as a list of bytes.

    Raises:
        TypeError: ``prompt`` is neither a text nor a list of texts.
        ValueError: a ``str`` has a lone surrogate.
    """
    if isinstance(prompt, bytes | bytearray | str):
        return [as_bytes(prompt)]
    if not is_batch(prompt):
        raise TypeError(f"expected bytes, str or a list of them, got {type(prompt).__name__}")
    return [as_bytes(text) for text in prompt]
