"""Targets of all pieces of a prepared directory, computed before any training: parts of them by processes, to files."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from bytelm.corpora.files import complete_file, only_one, remove_folder
from bytelm.corpora.job import differences
from bytelm.loading import DTYPES, resolve
from bytelm.training.data.manifest import Manifest, read_manifest
from bytelm.training.data.pool import run_all
from bytelm.training.data.shards import Shards
from bytelm.training.data.uncertainty_files import data_checksum
from bytelm.training.distillation.pieces import Pieces
from bytelm.training.distillation.stored_targets import StoredTargets, begins_file
from bytelm.training.distillation.symbols import SYMBOLS
from bytelm.training.distillation.target_files import (
    NAME,
    Kind,
    TargetPart,
    Targets,
    TargetSettings,
    TargetSplit,
    begins_path,
    parts_of,
    read_targets,
)
from bytelm.training.distillation.targets_work import Teaching, teacher_checksum

Progress: TypeAlias = Callable[[int, int, str], None]
"""Told how many of how many are done, and of what: ``bytes checked``, ``bytes``, or ``places checked``."""

PART_PIECES: Final = 64
"""What is lost of the work of a process that is killed is less than so many pieces."""

_LOCK: Final = ".lock"


def compute_targets(
    prepared: str | Path,
    teacher: str | Path,
    folder: str | Path,
    *,
    kind: Kind = "exact",
    length: int = 2048,
    tolerance: float = 0.01,
    keep: int = 16,
    dtype: str = "auto",
    processes: int = 1,
    device: str = "cpu",
    part_pieces: int = PART_PIECES,
    progress: Progress | None = None,
) -> Targets:
    """Compute the targets of all pieces of all splits, or go on where that was cut off; check them where all are there.

    The result is the same, byte for byte, whatever the number of processes, and wherever they were killed; on other
    hardware it is the same to rounding.

    Args:
        prepared: the directory of the documents.
        teacher: the directory of a token model, or a hub id.
        folder: for the targets; it must not be there, or be empty, or be the result of the same call.
        kind: which distributions.
        length: of the rows that training will use; pieces are cut to fit them.
        tolerance: of "exact": how much of each distribution may be left unknown.
        keep: how many symbols of each distribution; each costs four bytes for each byte of data.
        dtype: of the teacher's weights; "auto" for that of its checkpoint, float32 on a CPU.
        processes: how many compute, on one thread each; with several, the program's main module is imported by each
            of them, so that a script needs ``if __name__ == "__main__":``.
        device: where the teacher runs.
        part_pieces: pieces in a file.
        progress: told how far it has come.

    Raises:
        FileNotFoundError: the data or the teacher is not there.
        ValueError: an option makes no sense, a file is damaged, the teacher cannot be used, something is in the way, a
            process died.
        OSError: a file cannot be written, as there is no room.
    """
    _check(kind, tolerance, keep, dtype, processes=processes, part_pieces=part_pieces)
    source, place, directory = Path(prepared), Path(folder), resolve(teacher)
    manifest = read_manifest(source)
    settings = TargetSettings(
        teacher_sha256=teacher_checksum(directory),
        data_sha256=data_checksum(manifest),
        kind=kind,
        tolerance=tolerance if kind == "exact" else None,
        dtype=dtype,
        length=length,
        keep=keep,
        part_pieces=part_pieces,
    )
    work = _Work(Teaching(source, directory, settings, device), manifest, place, progress or _ignore)
    if _earlier(place, settings):
        return work.checked()
    if not place.parent.is_dir():
        raise ValueError(f"there is no folder {str(place.parent)!r} to make {place.name!r} in; make it first")
    place.mkdir(exist_ok=True)
    with only_one(place / _LOCK) as alone:
        if not alone:
            raise ValueError(f"another process is at work in {str(place)!r}; wait for it, or give another name")
        try:
            return work.checked() if _earlier(place, settings) else work.run(processes)
        finally:
            (place / _LOCK).unlink()


class _Work:
    """One call of ``compute_targets``."""

    def __init__(self, teaching: Teaching, manifest: Manifest, folder: Path, progress: Progress) -> None:
        self._teaching = teaching
        self._folder = folder
        self._progress = progress
        # A split without documents has no pieces.
        names = [name for name, split in manifest.splits.items() if split.documents]
        self._shards = {name: Shards(teaching.prepared, name) for name in names}

    def checked(self) -> Targets:
        """What is there already, if nothing of it is damaged."""
        for one in self._shards.values():
            stored = StoredTargets(self._folder, one, self._teaching.settings.length)
            stored.verify(lambda done, total: self._progress(done, total, "places checked"))
        return read_targets(self._folder)

    def run(self, processes: int) -> Targets:
        """All steps; where they end before any part is finished, nothing is left."""
        self._sweep()
        for one in self._shards.values():
            one.verify(lambda done, total: self._progress(done, total, "bytes checked"))
        settings = self._teaching.settings
        begins = {split: _begins(Pieces(one, settings.length)) for split, one in self._shards.items()}
        splits = {split: self._begin(split, own) for split, own in begins.items()}
        Targets(settings, splits, complete=False).write(self._folder)
        parts = [
            part for split in splits for part in parts_of(self._folder, split, begins[split], settings.part_pieces)
        ]
        try:
            self._compute(parts, processes)
        except BaseException:
            if not any(part.path.exists() for part in parts):
                self._remove(splits)
            raise
        targets = Targets(settings, splits, complete=True)
        targets.write(self._folder)
        return targets

    def _begin(self, split: str, begins: NDArray[np.int64]) -> TargetSplit:
        """Make the folder of a split, and say where its pieces begin."""
        path, data = begins_path(self._folder, split), begins_file(begins)
        path.parent.mkdir(exist_ok=True)
        with complete_file(path) as file:
            file.write(data)
        return TargetSplit(len(begins) - 1, int(begins[-1]), sha256(data).hexdigest())

    def _compute(self, parts: list[TargetPart], processes: int) -> None:
        """Compute the parts that are not there; those that are must be as they were written."""
        missing = []
        for part in parts:
            if part.path.exists():
                part.check(self._teaching.settings.keep)
            else:
                missing.append(part)
        total = sum(part.bytes for part in parts)
        done = total - sum(part.bytes for part in missing)
        self._progress(done, total, "bytes")

        def tell(more: int) -> None:
            nonlocal done
            done += more
            self._progress(done, total, "bytes")

        with closing(run_all(self._teaching, missing, processes, tell)) as computed:
            for _ in computed:
                pass

    def _sweep(self) -> None:
        """Remove what is left of files that were not finished."""
        for left in [*self._folder.glob(f".{NAME}.*"), *self._folder.glob("*/.*")]:
            left.unlink()

    def _remove(self, splits: Mapping[str, TargetSplit]) -> None:
        (self._folder / NAME).unlink()
        for split in splits:
            remove_folder(self._folder / split)


def _check(kind: str, tolerance: float, keep: int, dtype: str, *, processes: int, part_pieces: int) -> None:
    if kind not in get_args(Kind):
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(get_args(Kind))}")
    if not 0 <= tolerance < 1:
        raise ValueError(f"tolerance is {tolerance}; expected a fraction from 0 (exact) to below 1")
    if not 1 <= keep <= SYMBOLS:
        raise ValueError(f"keep is {keep}; expected a number of symbols from 1 to {SYMBOLS}")
    if dtype not in ("auto", *DTYPES):
        raise ValueError(f"dtype is {dtype!r}; expected auto or one of {', '.join(DTYPES)}")
    for name, number in (("processes", processes), ("part_pieces", part_pieces)):
        if number < 1:
            raise ValueError(f"{name} is {number}; expected at least 1")


def _earlier(folder: Path, settings: TargetSettings) -> bool:
    """Whether all targets are there already.

    Raises:
        ValueError: what is there is something else, or was computed with other settings.
    """
    if not (folder / NAME).exists():
        if folder.exists() and not (folder.is_dir() and all(path.name.startswith(".") for path in folder.iterdir())):
            raise ValueError(f"{str(folder)!r} exists already and holds no targets; empty it, or give another name")
        return False
    targets = read_targets(folder)
    if found := "; ".join(differences(asdict(targets.settings), asdict(settings))):
        raise ValueError(
            f"{str(folder)!r} holds targets that were computed with other settings ({found}); give the earlier ones, "
            "or another name, or remove that folder"
        )
    return targets.complete


def _begins(pieces: Pieces) -> NDArray[np.int64]:
    """At which place each piece begins, and where all end: int64 ``(pieces + 1,)``."""
    sizes = [0, *(len(pieces.piece(number).data) + 1 for number in range(len(pieces)))]
    return np.cumsum(np.array(sizes, np.int64))


def _ignore(done: int, total: int, unit: str) -> None:
    """Progress that nobody reads."""
