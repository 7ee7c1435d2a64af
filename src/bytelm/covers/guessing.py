"""What may come next, guessed from the text itself: where it repeats, the bytes that followed last time.

A wrong guess costs some positions in a pass that is made anyway; a right one saves passes. Nothing else depends on
guesses. Saxena 2023, Prompt lookup decoding, is the same for tokens.
"""

LONGEST = 48
"""How many bytes are guessed at most."""

SHORTEST = 6
"""How many bytes are guessed after many wrong guesses."""

COMPARED = (24, 8)
"""How many last bytes must have been there before: the longer first."""

MEMORY = 2**14
"""How far back is looked."""


class Repeats:
    """The bytes of a text in the making, and how well guesses went (mutable)."""

    def __init__(self, text: bytes) -> None:
        self._text = bytearray(text[-MEMORY:])
        self._length = 2 * SHORTEST
        self._right = 0

    def append(self, data: bytes) -> None:
        """Adds bytes to the text (mutates)."""
        self._text += data
        if len(self._text) > 2 * MEMORY:
            del self._text[:-MEMORY]

    def guess(self, likely: bytes = b"") -> bytes:
        """What may follow: what did the last time that the text was at such a place, or ``likely`` and what did then.

        A long agreement with an earlier place counts for more than ``likely``, and a short one for less. Where the
        place was passed a short while ago, the text has a period, and the guess goes on with it.
        """
        long, short = COMPARED
        return self._after(b"", long) or likely + (self._after(likely, long) or self._after(likely, short))

    def _after(self, behind: bytes, size: int) -> bytes:
        """What followed the last time that the last ``size`` bytes of the text and ``behind`` were there."""
        text = self._text + behind
        found = text.rfind(text[-size:], 0, len(text) - 1) if len(text) > size else -1
        if found < 0:
            return b""
        period = text[found + size :]
        length = LONGEST if size == COMPARED[0] else self._length
        return bytes((period * (-(-length // len(period))))[:length])

    def came_true(self) -> None:
        """Notes that one more guessed byte was right: after as many as are guessed, more are (mutates)."""
        self._right += 1
        if self._right >= self._length:
            self._length, self._right = min(LONGEST, 2 * self._length), 0

    def failed(self) -> None:
        """Notes that a guess was disproved: fewer bytes are guessed (mutates)."""
        self._length, self._right = max(SHORTEST, self._length // 2), 0
