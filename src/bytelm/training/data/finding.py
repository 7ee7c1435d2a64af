"""The inputs: which files there are to read, and of which form each is. Nothing of them is read yet."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

from bytelm.corpora.inputs import STANDARD_INPUT
from bytelm.training.data.forms import compression_of, form_of
from bytelm.training.data.hub_files import HubFile, Listing
from bytelm.training.data.saved import saved_files
from bytelm.training.data.troubles import Tally, Trouble, Troubles


@dataclass(frozen=True)
class File:
    """A file to read.

    Attributes:
        name: as it was given, or found; by which messages call it.
        form: one of ``FORMS``; each record is a document, of ``text`` the whole file.
        size: in bytes, as it lies there.
        modified: nanoseconds since 1970.
        place: where it lies, if that is not its name: a download.
    """

    name: str
    form: str
    size: int
    modified: int
    place: str | None = None

    @property
    def path(self) -> str:
        """Where it lies."""
        return self.place or self.name

    @property
    def compression(self) -> str:
        """Of the lines in it: ``gz``, ``zst``, or empty for none."""
        return compression_of(self.name)

    @property
    def state(self) -> tuple[object, ...]:
        """What tells it from other files, and from other versions of it."""
        return self.name, self.form, self.size, self.modified


AnyFile: TypeAlias = File | HubFile


@dataclass(frozen=True)
class Source:
    """An input as it was named: a file, or a folder or a dataset of the hub with so many files and bytes in it.

    Attributes:
        name: as it was given.
        files: how many are read.
        bytes: of them.
        location: of a dataset, with the commit in it; empty for files of this machine.
    """

    name: str
    files: int
    bytes: int
    location: str = ""

    def as_json(self) -> dict[str, object]:
        """The source in ``data.json``."""
        return {name: value for name, value in asdict(self).items() if name != "location" or value}


@dataclass(frozen=True)
class Inputs:
    """All there is to read.

    Attributes:
        sources: the inputs in the order in which they were named.
        files: theirs, one behind the other; those of a folder or a dataset sorted.
        troubles: what was passed over in folders and datasets.
        listings: of the inputs that are datasets of the hub, by their names.
    """

    sources: tuple[Source, ...]
    files: tuple[AnyFile, ...]
    troubles: Troubles
    listings: Mapping[str, Listing] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(source.bytes for source in self.sources)


def find_inputs(
    names: Sequence[str],
    form: str | None = None,
    apart: Sequence[Path] = (),
    listings: Mapping[str, Listing] | None = None,
) -> Inputs:
    """The inputs of these names.

    Args:
        names: files, and folders, which are walked; links to folders are not followed.
        form: of all files; by default names tell it: ``.jsonl`` (also ``.gz`` and ``.zst``), ``.parquet``, ``.arrow``,
            else text.
        apart: folders that are passed over.
        listings: of the names that are datasets of the hub.

    Raises:
        ValueError: there is none, one cannot be read, or a file is among them twice.
    """
    tally = Tally()
    sources: list[Source] = []
    files: list[AnyFile] = []
    passed = {one.resolve() for one in apart}
    listings = listings or {}
    for name in names:
        listing = listings.get(name)
        found: list[AnyFile] = [*(_files_of(name, form, passed, tally) if listing is None else listing.files)]
        sources.append(
            Source(name, len(found), sum(file.size for file in found), "" if listing is None else listing.location)
        )
        files.extend(found)
        if listing is not None and listing.passed:
            what = f"of another form or split, as {listing.example!r}"
            tally.add(Trouble("passed_over", repr(listing.location), what, listing.passed))
    _check_once(files)
    if not files:
        given = ", ".join(map(repr, names)) or "no input at all"
        raise ValueError(f"there is no file in {given}; name files, or folders that hold some")
    return Inputs(tuple(sources), tuple(files), tally.troubles(), listings)


def changed_files(files: Sequence[AnyFile]) -> list[str]:
    """The names of the files of this machine that are not as they were found."""
    ours = [file for file in files if isinstance(file, File)]
    return [file.name for file in ours if _state(file.path) != (file.size, file.modified)]


def local_file(path: Path, name: str, form: str) -> File:
    """A file under a name that does not say where it lies."""
    found = path.stat()
    return File(name, form, found.st_size, found.st_mtime_ns, str(path))


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
        names, folders[:] = saved_files(folder, names, folders)
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
    return File(name, form or form_of(name), found.st_size, found.st_mtime_ns)


def _check_once(files: Sequence[AnyFile]) -> None:
    seen: set[str] = set()
    for file in files:
        ours = isinstance(file, File)
        path = os.path.abspath(file.name) if ours else file.name  # noqa: PTH100 - links are files of their own
        if path in seen:
            raise ValueError(f"{file.name!r} is among the inputs twice; name it, or the folder it is in, once")
        seen.add(path)
