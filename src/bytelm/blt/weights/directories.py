"""Directories that are there completely or not at all."""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from bytelm.blt.weights.forms import form_of
from bytelm.blt.weights.plain_config import plain_kind


@contextlib.contextmanager
def whole_directory(
    target: Path, overwrite: bool = False, also: Callable[[Path], bool] | None = None
) -> Iterator[Path]:
    """A directory to fill, which takes the place of ``target`` at the end; after an error nothing has changed.

    Args:
        target: a directory that is not there yet, or is empty.
        overwrite: whether it may also hold a model over bytes, which is then gone.
        also: says of a directory whether it holds another such model than Byte Latent Transformers and plain ones.

    Raises:
        ValueError: something else is there.
    """
    _check_free(target, overwrite, also)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = _unused(target), _unused(target)
    try:
        fresh.mkdir()
        yield fresh
        _check_free(target, overwrite, also)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    finally:
        for left in (fresh, old):
            shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def lasting_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file to write to, which is on the disk at the end."""
    with path.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, value: object) -> None:
    """Write a new JSON file, for people as well as for programs."""
    with lasting_file(path) as file:
        file.write(json.dumps(value, indent=2, allow_nan=False).encode("ascii") + b"\n")


def _check_free(target: Path, overwrite: bool, also: Callable[[Path], bool] | None) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ValueError(f"{target} is not a directory; name one that is not there yet")
    if not target.exists() or not any(target.iterdir()):
        return
    if not overwrite:
        raise ValueError(f"{target} is not empty; name another directory, or give overwrite=True (--overwrite)")
    if form_of(target) is None and plain_kind(target) is None and not (also is not None and also(target)):
        raise ValueError(f"{target} holds something else than a model over bytes, and is not overwritten")


def _unused(path: Path) -> Path:
    """A hidden name beside a directory that nobody else takes."""
    return path.absolute().with_name(f".{path.absolute().name}.{secrets.token_hex(6)}")
