"""Streaming that never breaks a character: the bytes of an unfinished one wait for the rest of it."""

from collections.abc import Iterable, Iterator

LONGEST_UNFINISHED = 3
"""A UTF-8 character has at most four bytes."""

_SECOND_BYTES = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}


def unfinished(data: bytes) -> int:
    """How many of the last bytes are the beginning of a UTF-8 character that is not complete yet, 0 to 3.

    Bytes that no continuation can make a character (``ff``, ``c0``, ``ed a0``, a lead byte followed by
    something else) are not a beginning.
    """
    for length in range(min(LONGEST_UNFINISHED, len(data)), 0, -1):
        if _begins_character(data[-length:]):
            return length
    return 0


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


def _begins_character(data: bytes) -> bool:
    """Whether ``data``, one to three bytes, is a proper beginning of some UTF-8 character.

    The second byte decides about overlong forms (``e0 80``), surrogates (``ed a0``) and what lies beyond
    U+10FFFF (``f4 90``). Python's incremental decoder keeps waiting after ``ed a0``, so it is of no use here.
    """
    lead = data[0]
    width = 2 if 0xC2 <= lead <= 0xDF else 3 if 0xE0 <= lead <= 0xEF else 4 if 0xF0 <= lead <= 0xF4 else 0
    if len(data) >= width:
        return False
    low, high = _SECOND_BYTES.get(lead, (0x80, 0xBF))
    return all(low <= byte <= high for byte in data[1:2]) and all(0x80 <= byte <= 0xBF for byte in data[2:])
