"""Files and directories on the command line: what there is to read, found before anything is."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bytelm.cli.inputs import STDIN, read_file

_LOOKED_AT = 8000
"""How many bytes of a file tell whether it is binary: one that is has a zero among them."""

_SKIPPED = "__pycache__"


@dataclass(frozen=True)
class Source:
    """A text to read.

    Attributes:
        name: the file; ``-`` is standard input.
        size: bytes.
        data: all of it, where it can be read once only.
    """

    name: str
    size: int
    data: bytes | None = None

    def read(self, begin: int = 0, count: int | None = None) -> bytes:
        """At most ``count`` of its bytes, from ``begin`` on.

        Raises:
            ValueError: it cannot be read.
        """
        if self.data is not None:
            return self.data[begin : None if count is None else begin + count]
        try:
            with Path(self.name).open("rb") as file:
                file.seek(begin)
                return file.read(-1 if count is None else count)
        except OSError as error:
            raise _unreadable(self.name, error) from error


def add_files_argument(parser: argparse.ArgumentParser) -> None:
    """The files."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        default=[STDIN],
        help="of a directory all files but hidden and binary ones; - is standard input (default)",
    )


def find_sources(names: Sequence[str]) -> list[Source]:
    """The texts that files and directories hold.

    Raises:
        ValueError: a file is not there or cannot be read, or there is not a byte in any of them.
    """
    found = [source for name in names for source in _sources(name)]
    if not sum(source.size for source in found):
        raise ValueError("there is nothing to cut: 0 bytes; give a file that is not empty")
    return found


def _sources(name: str) -> Iterable[Source]:
    if name == STDIN:
        data = read_file(STDIN)
        return [Source(STDIN, len(data), data)]
    if Path(name).is_dir():
        return _walked(Path(name))
    return [_source(name)]


def _walked(directory: Path) -> list[Source]:
    """The files in a directory, sorted; a word about those that are left out."""
    paths = [path for path in sorted(_files(directory)) if path.is_file()]
    texts = [str(path) for path in paths if not _is_binary(path)]
    if left := len(paths) - len(texts):
        print(f"note: {directory}: {left:,} binary file{'s' if left > 1 else ''} left out", file=sys.stderr)
    return [_source(text) for text in texts]


def _files(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory):
        folders[:] = [name for name in folders if name != _SKIPPED and not name.startswith(".")]
        yield from (Path(folder, name) for name in files if not name.startswith("."))


def _source(name: str) -> Source:
    try:
        with Path(name).open("rb") as file:
            if file.seekable():
                return Source(name, file.seek(0, 2))
            data = file.read()
            return Source(name, len(data), data)
    except OSError as error:
        raise _unreadable(name, error) from error


def _is_binary(path: Path) -> bool:
    return b"\0" in Source(str(path), 0).read(0, _LOOKED_AT)


def _unreadable(name: str, error: OSError) -> ValueError:
    return ValueError(f"cannot read {name!r}: {error.strerror}; give a file that can be read, or - for standard input")
