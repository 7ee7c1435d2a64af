"""Characters inside byte strings: where they end, and what an unfinished one can still become."""

_LONGEST_UNFINISHED = 3
_SECOND_BYTE = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}
"""Lead bytes after which not every continuation byte is valid (overlong forms, surrogates, the upper limit)."""


def split_tail(data: bytes) -> tuple[str, bytes] | None:
    """``data`` as whole characters and the bytes of an unfinished last one; ``None`` if it is no UTF-8."""
    try:
        return data.decode("utf-8"), b""
    except UnicodeDecodeError:
        length = unfinished(data)
    try:
        return (data[:-length].decode("utf-8"), data[-length:]) if length else None
    except UnicodeDecodeError:
        return None


def unfinished(data: bytes) -> int:
    """How many of the last bytes are the beginning of a UTF-8 character that is not complete yet, 0 to 3.

    Bytes that no continuation can make a character (``ff``, ``c0``, ``ed a0``, a lead byte followed by
    something else) are not a beginning.
    """
    for length in range(min(_LONGEST_UNFINISHED, len(data)), 0, -1):
        if _begins_character(data[-length:]):
            return length
    return 0


def _begins_character(data: bytes) -> bool:
    """Whether ``data``, one to three bytes, is a proper beginning of some UTF-8 character.

    The second byte decides about overlong forms (``e0 80``), surrogates (``ed a0``) and what lies beyond
    U+10FFFF (``f4 90``). Python's incremental decoder keeps waiting after ``ed a0``, so it is of no use here.
    """
    lead = data[0]
    if not 0xC2 <= lead <= 0xF4 or len(data) >= _length(lead):
        return False
    low, high = _SECOND_BYTE.get(lead, (0x80, 0xBF))
    return all(low <= byte <= high for byte in data[1:2]) and all(0x80 <= byte <= 0xBF for byte in data[2:])


def _length(lead: int) -> int:
    """How many bytes a character has, by its first one."""
    return 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def completions(partial: bytes) -> range:
    """The code points whose UTF-8 starts with ``partial``, a valid but unfinished character.

    They are always one contiguous range: UTF-8 keeps the order of the code points.
    """
    assert partial, "an unfinished character has at least its lead byte"
    lead = partial[0]
    low, high = bytearray(partial), bytearray(partial)
    if len(partial) == 1:
        first, last = _SECOND_BYTE.get(lead, (0x80, 0xBF))
        low.append(first)
        high.append(last)
    low.extend(b"\x80" * (_length(lead) - len(low)))
    high.extend(b"\xbf" * (_length(lead) - len(high)))
    return range(ord(low.decode()), ord(high.decode()) + 1)
