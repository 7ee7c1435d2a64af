"""Files that are there completely or not at all, and folders that one process works in at a time."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def complete_file(path: Path, folder: Path | None = None) -> Iterator[IO[bytes]]:
    """A file to write to that takes the place of ``path`` when all is on the disk; after an error nothing has changed.

    Args:
        path: where it will be.
        folder: where it is until then; of the same file system as ``path``, whose own folder is the default.
    """
    fresh = unused_name((path.parent if folder is None else folder) / path.name)
    try:
        with fresh.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def unused_name(path: Path) -> Path:
    """A hidden name beside ``path`` that nobody else takes."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}")


def remove_folder(path: Path) -> None:
    """Remove a folder so that nobody finds half of it; nothing if it is not there."""
    aside = unused_name(path)
    with contextlib.suppress(FileNotFoundError):
        path.rename(aside)
        shutil.rmtree(aside)


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[bool]:
    """Whether this process alone holds the lock on a file; a process that dies gives its locks back.

    ``False`` as well where the folder of the file is gone. Where the system has no such locks it is ``True``: what
    is done under them is right, if wasteful, when it is done twice.
    """
    try:
        file = path.open("ab")
    except FileNotFoundError:
        yield False
        return
    with file:
        yield _locked(file) and path.exists()


def _locked(file: IO[bytes]) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
