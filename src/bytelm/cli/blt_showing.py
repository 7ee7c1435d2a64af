"""Texts cut into patches, for a terminal: a line before each patch, two colours by turns."""

from collections.abc import Iterable, Iterator

from bytelm.spans.showing import glyphs

BORDER = "▏"
"""Stands where a patch starts."""

_COLOURS = ("36", "33")
_DIM = "2;"
_BORDER_COLOUR = "90"
_ESCAPED = {BORDER: "\\u258f"}
"""A border that stands in the text itself is escaped."""


def patch_text(patch: bytes, index: int, colour: bool, dim: bool = False) -> str:
    """The bytes of one patch to be seen; lines of the text remain lines.

    Args:
        patch: its bytes; those of a character that a border cuts are escaped one by one.
        index: how many patches are before it, which says its colour.
        colour: whether to add ANSI colours.
        dim: whether paler ones.
    """
    shown = "".join(_shown(one.text, one.mark) for one in glyphs(patch))
    if not colour:
        return shown
    code = (_DIM if dim else "") + _COLOURS[index % len(_COLOURS)]
    return "\n".join(f"\x1b[{code}m{line}\x1b[0m" if line else "" for line in shown.split("\n"))


def border(colour: bool) -> str:
    """What stands where a patch starts."""
    return f"\x1b[{_BORDER_COLOUR}m{BORDER}\x1b[0m" if colour else BORDER


def patches_text(patches: Iterable[bytes], colour: bool, begun: bool = False) -> str:
    """Patches one behind the other.

    Args:
        patches: at least one; none empty.
        colour: whether to add ANSI colours.
        begun: whether the first one begins before what is shown.
    """
    return "".join(_pieces(patches, colour, begun))


def _pieces(patches: Iterable[bytes], colour: bool, begun: bool) -> Iterator[str]:
    for index, patch in enumerate(patches):
        if index or not begun:
            yield border(colour)
        yield patch_text(patch, index, colour)


def _shown(text: str, mark: bool) -> str:
    return text + "\n" if mark and text == "↵" else _ESCAPED.get(text, text)
