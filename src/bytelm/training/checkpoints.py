"""Checkpoints of a run: folders that are there completely or not at all, and are checked when they are read.

Tensors are written by PyTorch's distributed checkpointing, each process its own part, so that a run may go on with
another number of processes. Reading one is as safe as what wrote it: its list of tensors is a pickle.
"""

import contextlib
import errno
import hashlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from bytelm.blt.weights.directories import write_json
from bytelm.training.world import World

STATE: Final = "state.json"

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The errors of disks that take no more."""


@dataclass(frozen=True)
class Saved:
    """A checkpoint on the disk.

    Attributes:
        folder: of it.
        step: after how many steps it was made.
        facts: what a run goes on from besides its tensors: plain values.
    """

    folder: Path
    step: int
    facts: Mapping[str, Any]

    def shapes(self) -> dict[str, torch.Size]:
        """The shapes of all tensors, by name."""
        found = FileSystemReader(self.folder).read_metadata().state_dict_metadata
        return {name: one.size for name, one in found.items() if isinstance(one, TensorStorageMetadata)}

    def read(self, tensors: dict[str, Tensor], world: World) -> None:
        """Fill tensors, which may be spread over processes, with those of the checkpoint (mutates)."""
        with _unwarned():
            load(tensors, storage_reader=FileSystemReader(self.folder), no_dist=world.mesh is None)


class Checkpoints:
    """The checkpoints in a folder that all processes see.

    Args:
        folder: need not be there yet.
        keep: how many of the newest ones are kept.
        world: the processes that save and read together.
    """

    def __init__(self, folder: Path, keep: int, world: World) -> None:
        self._folder = folder
        self._keep = keep
        self._world = world

    def steps(self) -> list[int]:
        """After how many steps there are checkpoints, ascending."""
        found = self._folder.iterdir() if self._folder.is_dir() else ()
        return sorted(int(path.name) for path in found if path.name.isdigit() and (path / STATE).is_file())

    def save(self, step: int, tensors: dict[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Write a checkpoint, and remove the oldest ones that are too many; all processes together.

        Raises:
            OSError: it cannot be written; those before are as they were.
        """
        fresh = self._folder / f".{step:08d}"
        try:
            self._fill(fresh, step, tensors, facts)
        except BaseException as error:
            shutil.rmtree(fresh, ignore_errors=True)
            full = _full_disk(error)
            if full is None:
                raise
            raise OSError(
                full.errno,
                f"the checkpoint of step {step} could not be written ({full.strerror}); make room, and the same "
                f"command goes on from the last one",
                str(self._folder),
            ) from error
        if self._world.speaks:
            self._remove_old()
        self._world.wait()

    def newest(self) -> Saved | None:
        """The newest checkpoint; ``None`` where there is none.

        Raises:
            ValueError: it is damaged.
        """
        steps = self.steps()
        if not steps:
            return None
        folder = self._place(steps[-1])
        try:
            state = json.loads((folder / STATE).read_text("utf-8"))
            sums, facts = dict(state["sha256"]), dict(state["facts"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{folder / STATE} is damaged ({error}); remove {folder} to go on from before") from error
        share = sorted(sums)[self._world.rank :: self._world.size]
        found = self._world.merged({name: _checksum(folder / name) for name in share})
        for name in sorted(sums):
            if found[name] != sums[name]:
                raise ValueError(f"{folder / name} is not as it was written; remove {folder} to go on from before")
        return Saved(folder, steps[-1], facts)

    def _fill(self, fresh: Path, step: int, tensors: dict[str, Tensor], facts: Mapping[str, Any]) -> None:
        world = self._world
        if world.speaks:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
        world.wait()
        with _unwarned():
            save(tensors, storage_writer=FileSystemWriter(fresh), no_dist=world.mesh is None)
        names = world.merged({"names": sorted(path.name for path in fresh.iterdir())} if world.speaks else {})["names"]
        sums = world.merged({name: _checksum(fresh / name) for name in names[world.rank :: world.size]})
        if world.speaks:
            write_json(fresh / STATE, {"step": step, "sha256": sums, "facts": dict(facts)})
            shutil.rmtree(self._place(step), ignore_errors=True)
            fresh.rename(self._place(step))

    def _remove_old(self) -> None:
        """Remove the checkpoints that are too many, and what runs left that were killed as they saved."""
        for folder in (*map(self._place, self.steps()[: -self._keep]), *self._folder.glob(".[0-9]*")):
            shutil.rmtree(folder, ignore_errors=True)

    def _place(self, step: int) -> Path:
        return self._folder / f"{step:08d}"


@contextlib.contextmanager
def _unwarned() -> Iterator[None]:
    """PyTorch warns of a process that saves alone, also if it was told so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled, unavailable or uninitialized")
        yield


def _checksum(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _full_disk(error: BaseException) -> OSError | None:
    """The error of a disk that takes no more, among the causes of an error."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return error
    causes = [error.__cause__, error.__context__, *_failures(error)]
    return next((found for cause in causes if cause is not None and (found := _full_disk(cause)) is not None), None)


def _failures(error: BaseException) -> list[BaseException]:
    """The errors of the processes that saved together."""
    if not isinstance(error, CheckpointException):
        return []
    return [failure[0] for failure in error.failures.values()]
