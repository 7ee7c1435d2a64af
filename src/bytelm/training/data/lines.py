"""The lines of a part of a file, plain or compressed. However long a line is, memory holds ``LARGE`` bytes of it."""

import sys
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from bytelm.training.data.finding import File
from bytelm.training.data.items import CHUNK, LARGE, To, damaged, unreadable
from bytelm.training.data.unpacking import Readable, unpacked

_LINES_BETWEEN_PLACES = 256
"""How often the place in a compressed file is asked for: a system call, so not at every line."""


class Rest(Iterator[bytes]):
    """The rest of a long line, in chunks; the end of the line is the last byte of the last one. Mutable."""

    def __init__(self, stream: Readable) -> None:
        """``stream`` stands behind the beginning of the line."""
        self._stream = stream
        self._ended = False
        self.size = 0

    def __next__(self) -> bytes:
        if self._ended:
            raise StopIteration
        chunk = _read(self._stream, CHUNK)
        self._ended = not chunk or chunk.endswith(b"\n")
        self.size += len(chunk)
        if not chunk:
            raise StopIteration
        return chunk

    def skip(self) -> None:
        """Go to the end of the line."""
        for _ in self:
            pass


class Line(NamedTuple):
    """A line.

    Attributes:
        place: the byte of the file at which it begins; of a compressed file, of what is in it.
        data: with the line's end; of a long line the beginning.
        rest: what is behind the beginning of a long line, to be taken before the next line is asked for.
    """

    place: int
    data: bytes
    rest: Rest | None


def read_lines(file: File, begin: int, end: int, to: To) -> Iterator[Line]:
    """The lines that begin in ``[begin, end)`` of a file; of a compressed one, all.

    Raises:
        ReadingError: it cannot be opened, or read any further.
    """
    try:
        raw = open(file.path, "rb", buffering=CHUNK)  # noqa: PTH123, SIM115 - closed below; errors of reading are others
    except OSError as error:
        raise unreadable(error) from error
    with raw:
        if not file.compression:
            for line in _lines(raw, _seek(raw, begin, end), end):
                to(line.place - begin)
                yield line
            return
        with unpacked(raw, file.compression) as stream:
            for number, line in enumerate(_lines(stream, 0, sys.maxsize)):
                if number % _LINES_BETWEEN_PLACES == 0:
                    to(raw.tell())
                yield line


def _seek(raw: IO[bytes], begin: int, end: int) -> int:
    """Go to the first line that begins at ``begin`` or behind it; where that is, ``end`` at the most."""
    if begin == 0:
        return 0
    raw.seek(begin - 1)
    place = begin - 1
    while place < end:
        passed = _read(raw, min(LARGE, end - place))
        place += len(passed)
        if not passed or passed.endswith(b"\n"):
            break
    return place


def _lines(stream: Readable, place: int, end: int) -> Iterator[Line]:
    while place < end and (data := _read(stream, LARGE)):
        rest = Rest(stream) if len(data) == LARGE and not data.endswith(b"\n") else None
        yield Line(place, data, rest)
        place += len(data)
        if rest is not None:
            rest.skip()
            place += rest.size


def _read(stream: Readable, limit: int) -> bytes:
    try:
        return stream.readline(limit)
    except (EOFError, zlib.error, OSError) as error:
        raise damaged(error) from error
