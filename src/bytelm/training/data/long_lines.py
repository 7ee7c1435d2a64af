"""The text in a line of JSON that is too long to be parsed at once.

The strings of the line are told from all else. Long ones go to a file, a chunk at a time, and leave a placeholder;
what remains is a short line, which is parsed as every other one. So such a line means what it would mean if it were
parsed at once, and is refused where that would be.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

from bytelm.training.data.items import CHUNK
from bytelm.training.data.json_texts import Taken, complaint, encoded, value_of

SHORT = 4096
"""A string of no more bytes stays where it is. A placeholder is longer, so it is never taken for one."""

REMAINDER = 1 << 26
"""What may remain of a line, bytes."""

_HEX = rb"[0-9a-fA-F]"
_LOW = rb"\\u[dD][c-fC-F]" + _HEX * 2
_NO_LOW = rb"\\u(?![dD][c-fC-F])" + _HEX * 4
_HIGH = rb"\\u[dD][89abAB]" + _HEX * 2
_NO_HIGH = rb"\\u(?![dD][89abAB])" + _HEX * 4

_INSIDE = re.compile(
    rb"""(?: [^"\\]++ | \\[^u] | %b | %b (?: %b | (?= [^\\] | \\[^u] | %b ) ) )*+""" % (_NO_HIGH, _HIGH, _LOW, _NO_LOW),
    re.VERBOSE,
)
"""As much of the inside of a string as is whole: no escape cut off, and no two that stand for one character torn."""

_MOST_CUT_OFF = len(rb"\ud83d\ude0")


class Spooled(NamedTuple):
    """A text that lies in a file, from byte ``begin`` to ``end``; ``repaired`` says what was done to it."""

    begin: int
    end: int
    repaired: str


class _TooLargeError(Exception):
    """Too much remains of the line."""


def take_long(chunks: Iterable[bytes], field: str, spool: IO[bytes]) -> Taken | Spooled:
    """The text in the field of a line.

    Args:
        chunks: the line; when this returns, not all need be taken.
        field: that holds the text.
        spool: a file to write long strings to, open for reading too; what stands in it is lost.
    """
    spool.seek(0)
    spool.truncate()
    scan = _Scan(spool)
    try:
        for chunk in chunks:
            scan.feed(chunk)
        found = json.loads(scan.finish().decode())
    except _TooLargeError:
        return Taken(None, "too_large", f"more than {REMAINDER:,} bytes beside its texts")
    except json.JSONDecodeError as error:
        return Taken(None, "corrupt", f"not valid JSON: {error.msg}")  # the column is not that of the line
    except UnicodeDecodeError:
        return Taken(None, "corrupt", "not valid UTF-8")
    except (ValueError, RecursionError) as error:
        return Taken(None, "corrupt", complaint(error))
    value = value_of(found, field)
    if not isinstance(value, str):
        return value
    return encoded(value) if len(value) <= SHORT else scan.strings[int(value)]


def chunks_of(spool: IO[bytes], text: Spooled) -> Iterator[bytes]:
    """The bytes of a text in the file."""
    spool.seek(text.begin)
    left = text.end - text.begin
    while left:
        chunk = spool.read(min(CHUNK, left))
        left -= len(chunk)
        yield chunk


class _Scan:
    """Reads a line. Mutable.

    Attributes:
        strings: the long ones, in their order.
    """

    def __init__(self, spool: IO[bytes]) -> None:
        self.strings: list[Spooled] = []
        self._spool = spool
        self._size = 0
        self._remainder = bytearray()
        self._pending = b""
        self._short: bytearray | None = None
        self._long: _LongString | None = None

    def feed(self, chunk: bytes) -> None:
        """Read on."""
        data = self._pending + chunk
        self._pending = b""
        place = 0
        while place < len(data):
            place = self._outside(data, place) if self._short is None else self._inside(data, place)
        if len(self._remainder) > REMAINDER:
            raise _TooLargeError

    def finish(self) -> bytes:
        """What remains of the whole line."""
        if self._short is not None:  # the string has no end, and so the remainder is no JSON
            self._remainder += b'"'
        return bytes(self._remainder)

    def _outside(self, data: bytes, place: int) -> int:
        """Read as far as the next string begins; where that is."""
        quote = data.find(b'"', place)
        if quote < 0:
            self._remainder += data[place:]
            return len(data)
        self._remainder += data[place:quote]
        self._short = bytearray()
        return quote + 1

    def _inside(self, data: bytes, place: int) -> int:
        """Read on in a string; what is cut off at the end of the data is kept for the next."""
        found = _INSIDE.match(data, place)
        assert found is not None
        end = found.end()
        self._add(data[place:end])
        if data[end : end + 1] == b'"':
            self._end_string()
            return end + 1
        self._pending = data[end:]
        if len(self._pending) > _MOST_CUT_OFF:
            raise json.JSONDecodeError("Invalid \\uXXXX escape", "", 0)
        return len(data)

    def _add(self, piece: bytes) -> None:
        assert self._short is not None
        if self._long is None:
            self._short += piece
            if len(self._short) <= SHORT:
                return
            self._long, piece = _LongString(), bytes(self._short)
        self._write(self._long.add(piece))

    def _end_string(self) -> None:
        if self._long is None:
            assert self._short is not None
            self._remainder += b'"%b"' % bytes(self._short)
        else:
            self._write(self._long.end())
            begin = self.strings[-1].end if self.strings else 0
            self._remainder += b'"%0*d"' % (SHORT + 1, len(self.strings))
            self.strings.append(Spooled(begin, self._size, self._long.repaired))
        self._short = self._long = None

    def _write(self, data: bytes) -> None:
        self._spool.write(data)
        self._size += len(data)


class _LongString:
    """Turns the inside of a string into the bytes that it stands for. Mutable.

    Attributes:
        repaired: what was done to it first; empty if nothing was.
    """

    def __init__(self) -> None:
        self.repaired = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def add(self, piece: bytes) -> bytes:
        """The bytes for a piece that cuts no escape."""
        return self._bytes(self._decoder.decode(piece))

    def end(self) -> bytes:
        """The bytes that are left: none, or the inside is not valid UTF-8."""
        return self._bytes(self._decoder.decode(b"", final=True))

    def _bytes(self, inside: str) -> bytes:
        text: str = json.loads(f'"{inside}"')
        taken = encoded(text)
        assert taken.text is not None
        self.repaired = self.repaired or taken.what
        return taken.text
