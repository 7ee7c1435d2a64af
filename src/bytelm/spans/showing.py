"""Characters of a text as a heat map shows them: line ends and tabs with marks, what cannot be seen as escapes."""

from typing import NamedTuple

from bytelm.rendering import visible

TAB = 4
"""Tabs go on to a multiple of this many columns."""


class Glyphs(NamedTuple):
    """How one character is shown.

    Attributes:
        text: what is drawn.
        mark: whether that stands for the character, and is not the character itself.
    """

    text: str
    mark: bool


def glyphs(text: bytes) -> list[Glyphs]:
    """How each character of ``text`` is shown; a stray byte is a character by itself."""
    return [_glyphs(character) for character in text.decode("utf-8", "surrogateescape")]


def _glyphs(character: str) -> Glyphs:
    if character.isprintable():
        return Glyphs(character, False)
    return Glyphs(visible(character.encode("utf-8", "surrogateescape")), True)
