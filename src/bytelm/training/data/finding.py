"""The inputs: which files there are to read, and of which form each is. Nothing of them is read yet."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bytelm.corpora.inputs import STANDARD_INPUT, format_of
from bytelm.training.data.troubles import Tally, Trouble, Troubles

TEXT = "text"
FORMS = ("jsonl", "parquet", TEXT)


@dataclass(frozen=True)
class File:
    """A file to read.

    Attributes:
        name: as it was given, or found.
        form: one of ``FORMS``; each record is a document, of ``text`` the whole file.
        size: in bytes, as it lies there.
        modified: nanoseconds since 1970.
    """

    name: str
    form: str
    size: int
    modified: int

    @property
    def compressed(self) -> bool:
        """Whether the lines in it are compressed."""
        return self.name.endswith(".gz")


@dataclass(frozen=True)
class Source:
    """An input as it was named: a file, or a folder with so many files and bytes in it."""

    name: str
    files: int
    bytes: int


@dataclass(frozen=True)
class Inputs:
    """All there is to read.

    Attributes:
        sources: the inputs in the order in which they were named.
        files: theirs, one behind the other; those of a folder sorted.
        troubles: what was passed over in folders.
    """

    sources: tuple[Source, ...]
    files: tuple[File, ...]
    troubles: Troubles

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(source.bytes for source in self.sources)


def find_inputs(names: Sequence[str], form: str | None = None, apart: Sequence[Path] = ()) -> Inputs:
    """The inputs of these names.

    Args:
        names: files, and folders, which are walked; links to folders are not followed.
        form: of all files; by default names tell it: ``.jsonl``, ``.jsonl.gz``, ``.parquet``, else text.
        apart: folders that are passed over.

    Raises:
        ValueError: there is none, one cannot be read, or a file is among them twice.
    """
    tally = Tally()
    sources: list[Source] = []
    files: list[File] = []
    passed = {one.resolve() for one in apart}
    for name in names:
        found = list(_files_of(name, form, passed, tally))
        sources.append(Source(name, len(found), sum(file.size for file in found)))
        files.extend(found)
    _check_once(files)
    if not files:
        given = ", ".join(map(repr, names)) or "no input at all"
        raise ValueError(f"there is no file in {given}; name files, or folders that hold some")
    return Inputs(tuple(sources), tuple(files), tally.troubles())


def changed_files(files: Sequence[File]) -> list[str]:
    """The names of the files that are not as they were found."""
    return [file.name for file in files if _state(file.name) != (file.size, file.modified)]


def _state(name: str) -> tuple[int, int] | None:
    try:
        found = Path(name).stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _files_of(name: str, form: str | None, passed: set[Path], tally: Tally) -> Iterator[File]:
    if name == STANDARD_INPUT:
        raise ValueError("standard input cannot be read again after an interruption; write it to a file, and name that")
    if Path(name).is_dir():
        yield from _walk(name, form, passed, tally)
        return
    try:
        with open(name, "rb") as file:  # noqa: PTH123 - the name is as given, and shown so
            found = os.fstat(file.fileno())
    except OSError as error:
        raise ValueError(f"cannot read {name!r}: {error.strerror}; give files and folders that can be read") from error
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{name!r} is no ordinary file; write what it holds to a file, and name that")
    yield _file(name, form, found)


def _walk(root: str, form: str | None, passed: set[Path], tally: Tally) -> Iterator[File]:
    def complain(error: OSError) -> None:
        tally.add(Trouble("unreadable", repr(error.filename), error.strerror or "cannot be listed"))

    for folder, folders, names in os.walk(root, onerror=complain):
        folders[:] = [one for one in sorted(folders) if _is_entered(Path(folder, one), passed, tally)]
        for path in (Path(folder, name) for name in sorted(names)):
            if path.name.startswith("."):
                tally.add(Trouble("hidden", repr(str(path)), "a hidden file"))
            elif (found := _ordinary(path)) is None:
                tally.add(Trouble("special", repr(str(path)), "no ordinary file"))
            else:
                yield _file(str(path), form, found)


def _is_entered(path: Path, passed: set[Path], tally: Tally) -> bool:
    if path.name.startswith("."):
        tally.add(Trouble("hidden", repr(str(path)), "a hidden folder, with all in it"))
        return False
    if path.is_symlink():
        tally.add(Trouble("special", repr(str(path)), "a link to a folder"))
        return False
    return not passed or path.resolve() not in passed


def _ordinary(path: Path) -> os.stat_result | None:
    """What is known about a file; ``None`` for what would wait for a writer, or is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _file(name: str, form: str | None, found: os.stat_result) -> File:
    return File(name, form or format_of(name) or TEXT, found.st_size, found.st_mtime_ns)


def _check_once(files: Sequence[File]) -> None:
    seen: set[str] = set()
    for file in files:
        path = os.path.abspath(file.name)  # noqa: PTH100 - links are files of their own
        if path in seen:
            raise ValueError(f"{file.name!r} is among the inputs twice; name it, or the folder it is in, once")
        seen.add(path)
