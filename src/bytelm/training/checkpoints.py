"""Checkpoints of a run: folders that are there completely or not at all, and are checked when they are read."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bytelm.blt.weights.directories import lasting_file, whole_directory, write_json

WEIGHTS: Final = "weights.safetensors"
OPTIMIZERS: Final = "optimizers.pt"
STATE: Final = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """A run after some steps.

    Attributes:
        step: how many steps were made.
        weights: of the network, by name.
        optimizers: the states of the optimizers.
        facts: what else the run goes on from: plain values.
    """

    step: int
    weights: Mapping[str, Tensor]
    optimizers: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]


class Checkpoints:
    """The checkpoints in a folder.

    Args:
        folder: need not be there yet.
        keep: how many of the newest ones are kept.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._keep = keep

    def steps(self) -> list[int]:
        """After how many steps there are checkpoints, ascending."""
        found = self._folder.iterdir() if self._folder.is_dir() else ()
        return sorted(int(path.name) for path in found if path.name.isdigit() and (path / STATE).is_file())

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, and remove the oldest ones that are too many."""
        with whole_directory(self._place(checkpoint.step)) as folder:
            weights = {name: tensor.detach().contiguous() for name, tensor in checkpoint.weights.items()}
            save_file(weights, folder / WEIGHTS)
            with lasting_file(folder / OPTIMIZERS) as file:
                torch.save(list(checkpoint.optimizers), file)
            sums = {name: _checksum(folder / name) for name in (WEIGHTS, OPTIMIZERS)}
            write_json(folder / STATE, {"step": checkpoint.step, "sha256": sums, "facts": dict(checkpoint.facts)})
        for step in self.steps()[: -self._keep]:
            shutil.rmtree(self._place(step), ignore_errors=True)

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint; ``None`` where there is none.

        Raises:
            ValueError: it is damaged.
        """
        steps = self.steps()
        return self._read(steps[-1]) if steps else None

    def _read(self, step: int) -> Checkpoint:
        folder = self._place(step)
        try:
            state = json.loads((folder / STATE).read_text("utf-8"))
            sums = state["sha256"]
        except (ValueError, KeyError) as error:
            raise ValueError(f"{folder / STATE} is damaged ({error}); remove {folder} to go on from before") from error
        for name in (WEIGHTS, OPTIMIZERS):
            if not (folder / name).is_file() or _checksum(folder / name) != sums[name]:
                raise ValueError(f"{folder / name} is not as it was written; remove {folder} to go on from before")
        optimizers = torch.load(folder / OPTIMIZERS, weights_only=True)
        return Checkpoint(step, load_file(folder / WEIGHTS), optimizers, state["facts"])

    def _place(self, step: int) -> Path:
        return self._folder / f"{step:08d}"


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
