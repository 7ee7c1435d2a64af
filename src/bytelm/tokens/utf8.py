"""Characters inside byte strings: where they end, and what an unfinished one can still become."""

import codecs

_SECOND_BYTE = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}
"""Lead bytes after which not every continuation byte is valid (overlong forms, surrogates, the upper limit)."""


def split_tail(data: bytes) -> tuple[str, bytes] | None:
    """``data`` as whole characters and the bytes of an unfinished last one; ``None`` if it is no UTF-8."""
    try:
        text, used = codecs.utf_8_decode(data, "strict", False)
    except UnicodeDecodeError:
        return None
    tail = data[used:]
    if len(tail) > 1:
        first, last = _SECOND_BYTE.get(tail[0], (0x80, 0xBF))
        if not first <= tail[1] <= last:
            return None
    return text, tail


def completions(partial: bytes) -> range:
    """The code points whose UTF-8 starts with ``partial``, a valid but unfinished character.

    They are always one contiguous range: UTF-8 keeps the order of the code points.
    """
    assert partial, "an unfinished character has at least its lead byte"
    lead = partial[0]
    length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    low, high = bytearray(partial), bytearray(partial)
    if len(partial) == 1:
        first, last = _SECOND_BYTE.get(lead, (0x80, 0xBF))
        low.append(first)
        high.append(last)
    low.extend(b"\x80" * (length - len(low)))
    high.extend(b"\xbf" * (length - len(high)))
    return range(ord(low.decode()), ord(high.decode()) + 1)
