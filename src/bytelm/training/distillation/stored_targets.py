"""Targets that were computed before: a teacher's most probable symbols at each place of each piece, read from files."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bytelm.training.data.manifest import read_manifest
from bytelm.training.data.rows import Batch
from bytelm.training.data.shards import Shards
from bytelm.training.data.uncertainty_files import data_checksum, file_checksum
from bytelm.training.distillation.pieces import Text, predicted
from bytelm.training.distillation.symbols import Kept
from bytelm.training.distillation.target_files import (
    Kind,
    TargetSplit,
    begins_path,
    changed,
    part_path,
    parts_of,
    read_targets,
    record,
)


class StoredTargets:
    """What a teacher makes of the pieces of a split. Nothing of it changes, and any number of threads may read.

    Attributes:
        folder: that ``bytelm targets`` made.
        kind: which distributions these are.
        keep: how many symbols of each are known.
        teacher_sha256: of the teacher, as `bytelm.training.distillation.targets_work.teacher_checksum` says.
    """

    def __init__(self, folder: str | Path, shards: Shards, length: int) -> None:
        """Open the targets, and check that their files are as long as they should be.

        Args:
            folder: of the targets.
            shards: the documents whose pieces they are of.
            length: of the rows that the pieces fit, as for `bytelm.training.distillation.pieces.Pieces`.

        Raises:
            FileNotFoundError: the folder or a file of it is not there.
            ValueError: the targets are not finished, or those of other data or of other rows, or a file is not as it
                was written.
        """
        self.folder = Path(folder)
        targets = read_targets(self.folder)
        if not targets.complete:
            raise ValueError(
                f"the targets in {str(folder)!r} are not finished; go on with the bytelm targets command that began "
                "them"
            )
        settings = targets.settings
        wanted = data_checksum(read_manifest(shards.directory))
        if settings.data_sha256 != wanted:
            raise ValueError(
                f"the targets in {str(folder)!r} are of data with SHA-256 {settings.data_sha256}, and "
                f"{str(shards.directory)!r} has {wanted}; give the folder made of that data, or compute the targets of "
                "this one"
            )
        if settings.length != length:
            raise ValueError(
                f"the targets in {str(folder)!r} are of pieces for rows of {settings.length} ids, and the rows have "
                f"{length}; use length={settings.length}, or compute the targets with --length {length}"
            )
        self.kind: Kind = settings.kind
        self.keep = settings.keep
        self.teacher_sha256 = settings.teacher_sha256
        self._split = shards.split
        self._known = targets.splits[shards.split]
        self._part_pieces = settings.part_pieces
        self._record = record(settings.keep)
        self._begins = _begins(begins_path(self.folder, self._split), self._known)
        self._parts = parts_of(self.folder, self._split, self._begins, self._part_pieces)
        for part in self._parts:
            _check_size(part.path, part.file_size(self.keep))

    def __len__(self) -> int:
        return self._known.pieces

    def of(self, number: int) -> Kept:
        """The targets of a piece: ``(bytes + 1, keep)``, and ``(bytes + 1,)`` for the rest; float32, on the CPU.

        Each distribution sums to one, as it did before it was rounded to float16.

        Raises:
            IndexError: there is no such piece.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"piece {number}; there are {len(self)}, the first one is 0")
        part = number // self._part_pieces
        before, begin, end = (int(self._begins[one]) for one in (part * self._part_pieces, number, number + 1))
        path, skipped = part_path(self.folder, self._split, part), (begin - before) * self._record.itemsize
        found = np.fromfile(path, self._record, count=end - begin, offset=skipped)
        log_NK = torch.from_numpy(found["log"].astype(np.float32))
        rest_log_N = torch.from_numpy(found["rest"].astype(np.float32))
        total_N = torch.logaddexp(log_NK.logsumexp(-1), rest_log_N)
        symbols_NK = torch.from_numpy(found["symbols"].astype(np.int64))
        return Kept(log_NK - total_N[:, None], symbols_NK, rest_log_N - total_N)

    def at(self, texts: Sequence[Text], batch: Batch, device: torch.device) -> Kept:
        """The targets at the places of a batch where something is predicted, text after text.

        Args:
            texts: of the batch, at least one.
            batch: of packed rows of the same pieces.
            device: to put them on.
        """
        found = []
        for text in texts:
            kept = self.of(text.number)
            assert len(kept.rest_log_N) == len(text.data) + 1, "the targets are of other pieces"
            chosen = torch.from_numpy(predicted(text, batch))
            found.append([tensor[chosen] for tensor in kept])
        return Kept(*(torch.cat(parts).to(device) for parts in zip(*found, strict=True)))

    def verify(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Read all files and compare their checksums.

        Args:
            progress: told how many places of how many are read.

        Raises:
            ValueError: one is not as it was written.
        """
        path, done = begins_path(self.folder, self._split), 0
        found = file_checksum(path)
        if found != self._known.begins_sha256:
            raise changed(path, f"its SHA-256 is {found}; expected {self._known.begins_sha256}")
        for part in self._parts:
            part.check(self.keep)
            done += part.places
            if progress is not None:
                progress(done, self._known.places)


def begins_file(begins: NDArray[np.int64]) -> bytes:
    """The file that `begins_path` names."""
    made = io.BytesIO()
    np.save(made, begins.astype("<i8", copy=False))
    return made.getvalue()


def _begins(path: Path, known: TargetSplit) -> NDArray[np.int64]:
    if not path.is_file():
        raise _gone(path)
    try:
        found = np.asarray(np.load(path, mmap_mode="r"))
    except (ValueError, OSError, EOFError) as error:
        raise changed(path, f"it is no array: {error}") from error
    if found.shape != (known.pieces + 1,) or found.dtype != np.dtype("<i8"):
        raise changed(path, f"it is {found.dtype} {found.shape}; expected int64 ({known.pieces + 1},)")
    if found[0] != 0 or found[-1] != known.places:
        raise changed(path, f"it goes from {found[0]} to {found[-1]}; expected 0 to {known.places}")
    return found


def _check_size(path: Path, expected: int) -> None:
    if not path.is_file():
        raise _gone(path)
    size = path.stat().st_size
    if size != expected:
        raise changed(path, f"it has {size:,} bytes; expected {expected:,}")


def _gone(path: Path) -> FileNotFoundError:
    return FileNotFoundError(f"{str(path)!r} is gone; copy it from where the targets were computed")
