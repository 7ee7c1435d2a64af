"""What was found out about a tokenizer, kept on disk, so that the next process need not find it out again.

One file for each tokenizer, named by the digest of its files: arrays, and what JSON can hold. Nothing in it is
executed. A file that is damaged or of another version is as good as none.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

VARIABLE = "BYTELM_CACHE"
"""The environment variable that names the folder; empty for none."""

_FORMAT = "4"
_MOST_FILES = 32
_FACTS = "facts"

Arrays = Mapping[str, NDArray[Any]]


def folder() -> Path | None:
    """Where files are kept: what ``BYTELM_CACHE`` says, else ``bytelm`` in the user's cache folder."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named) if named else None
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "bytelm"


class Kept:
    """The file of one tokenizer.

    Args:
        files: the files that the tokenizer was read from; those that do not exist are left out.
        options: what else decides about it.
    """

    def __init__(self, files: list[Path], options: tuple[object, ...] = ()) -> None:
        self._path: Path | None = None
        self._arrays: Arrays | None = None
        self._facts: dict[str, Any] = {}
        found = folder()
        if found is not None:
            digest = blake2b(digest_size=20)
            versions = [version(name) for name in ("bytelm", "tokenizers", "regex", "numpy")]
            digest.update(repr((_FORMAT, versions, sys.version_info[:2], options)).encode())
            for file in files:
                digest.update(file.read_bytes() if file.is_file() else b"")
            self._path = found / f"tokenizer-{digest.hexdigest()}.npz"
            self._read(self._path)

    def part(self, name: str) -> tuple[dict[str, Any], Arrays] | None:
        """What is kept under a name; ``None`` if nothing is."""
        if self._arrays is None or name not in self._facts:
            return None
        prefix = name + "/"
        arrays = {
            key.removeprefix(prefix): _widen(found) for key, found in self._arrays.items() if key.startswith(prefix)
        }
        return self._facts[name], arrays

    def save(self, parts: Mapping[str, tuple[Mapping[str, Any], Arrays]]) -> None:
        """Keep parts by name. Where the folder cannot be written, nothing is kept."""
        if self._path is None:
            return
        facts = json.dumps({name: found for name, (found, _) in parts.items()}).encode()
        arrays: dict[str, Any] = {f"{n}/{key}": _narrow(found[key]) for n, (_, found) in parts.items() for key in found}
        arrays[_FACTS] = np.frombuffer(facts, dtype=np.uint8)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._path.parent) as place:
                fresh = Path(place) / "fresh.npz"
                np.savez(fresh, allow_pickle=False, **arrays)
                fresh.replace(self._path)
            _forget_oldest(self._path.parent)
        except OSError:
            return

    def _read(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                found = np.load(file, allow_pickle=False)
                arrays = {name: found[name] for name in found.files}
            self._facts = json.loads(arrays.pop(_FACTS).tobytes())
            self._arrays = arrays
        except (OSError, ValueError, KeyError, AttributeError, EOFError, BadZipFile):
            return


def _narrow(array: NDArray[Any]) -> NDArray[Any]:
    """Integers of 64 bits in half the room, where they fit; no other array is of 32 bits without a sign."""
    fits = array.dtype == np.int64 and array.size and array.min() + 1 >= 0 and array.max() < 2**32 - 1
    return (array + 1).astype(np.uint32) if fits else array


def _widen(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.int64) - 1 if array.dtype == np.uint32 else array


def _forget_oldest(place: Path) -> None:
    files = sorted(place.glob("tokenizer-*.npz"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[_MOST_FILES:]:
        file.unlink(missing_ok=True)
