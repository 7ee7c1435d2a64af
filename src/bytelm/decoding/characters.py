"""Streaming that never breaks a character: the bytes of an unfinished one wait for the rest of it."""

from collections.abc import Iterable, Iterator

from bytelm.utf8 import unfinished


def whole_characters(pieces: Iterable[bytes], before: bytes = b"") -> Iterator[bytes]:
    """The same bytes, cut so that no piece ends inside a character; no piece is empty.

    Invalid bytes pass through as soon as they can no longer become a character. A character that is still
    unfinished when the input ends is left out.

    Args:
        pieces: the bytes, in any portions.
        before: the text in front of them, which may end inside a character; its bytes are not repeated.
    """
    held = before[len(before) - unfinished(before) :]
    given = len(held)
    for piece in pieces:
        held += piece
        cut = len(held) - unfinished(held)
        if cut > given:
            yield held[given:cut]
            held, given = held[cut:], 0
