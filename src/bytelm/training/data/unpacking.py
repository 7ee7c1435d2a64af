"""Compressed files as streams of what is in them. One that is cut off is told from one that ends."""

import gzip
import importlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Protocol

from bytelm.training.data.items import CHUNK

_PACKED_BYTES = 1 << 11
"""Fed to zstandard at once: what they unpack to is held in memory, and that is 64 MiB at the most."""


class Readable(Protocol):
    """A file that gives lines."""

    def readline(self, size: int, /) -> bytes:
        """At most so many bytes of the line; nothing at the end."""
        ...


def zstandard() -> tuple[Callable[[], Any], type[Exception]]:
    """What makes a decompressor of zstandard, and the error of it.

    Raises:
        ValueError: there is none.
    """
    try:
        module = importlib.import_module("compression.zstd")  # of Python 3.14
        return module.ZstdDecompressor, module.ZstdError
    except ImportError:
        pass
    try:
        module = importlib.import_module("zstandard")
    except ImportError as error:
        raise ValueError(f"files ending in .zst need zstandard: pip install 'bytelm[datasets]' ({error})") from error
    return module.ZstdDecompressor().decompressobj, module.ZstdError


@contextmanager
def unpacked(raw: IO[bytes], compression: str) -> Iterator[Readable]:
    """What is in a compressed file, ``gz`` or ``zst``, as a stream.

    Its reading raises an ``EOFError`` where the file is cut off, an ``OSError`` or a ``zlib.error`` where it is
    damaged otherwise.
    """
    if compression == "gz":
        with gzip.open(raw) as stream:
            yield stream
        return
    with io.BufferedReader(_Zstandard(raw), CHUNK) as unpacking:
        yield unpacking


class _Zstandard(io.RawIOBase):
    """The frames of a file, one behind the other. Mutable.

    The streams of the libraries take a frame without an end for one that ends, or hold all that is unpacked.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__()
        self._raw = raw
        self._make, self._error = zstandard()
        self._frame: Any = None
        self._packed = b""
        self._unpacked = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._unpacked:
            if not self._packed and not (packed := self._raw.read(_PACKED_BYTES)):
                if self._frame is not None:
                    raise EOFError("Compressed file ended before the end-of-stream marker was reached")
                return 0
            self._unpack(self._packed or packed)
        taken = self._unpacked[: len(buffer)]
        buffer[: len(taken)] = taken
        self._unpacked = self._unpacked[len(taken) :]
        return len(taken)

    def _unpack(self, packed: bytes) -> None:
        self._frame = self._frame or self._make()
        try:
            self._unpacked = memoryview(self._frame.decompress(packed))
        except self._error as error:
            raise OSError(str(error)) from error
        self._packed = b""
        if self._frame.eof:
            self._packed = self._frame.unused_data
            self._frame = None
