"""Weights from one form to another, without the model in memory."""

from pathlib import Path
from typing import Final, Literal

import torch

from bytelm.blt.weights.forms import FORMS
from bytelm.blt.weights.obstacles import transformers_obstacles
from bytelm.blt.weights.reading import Checkpoint, Progress, open_checkpoint
from bytelm.blt.weights.writing import save_directory, save_meta

Target = Literal["bytelm", "transformers", "meta", "meta-hub"]
"""A form to write; ``"bytelm"`` is that of transformers, also for models that transformers cannot compute."""

TARGETS: Final = ("bytelm", *FORMS)


def convert(
    source: Path,
    target: Path,
    to: Target,
    dtype: torch.dtype | None = None,
    entropy: Path | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Checkpoint:
    """Write the weights of a directory into another one, in another form.

    Args:
        source: the directory to read, in any form.
        target: the directory to write; it must not be there yet, or be empty.
        to: the form to write.
        dtype: what the numbers become; as they are by default.
        entropy: the directory of Meta's entropy model, where the source has none.
        overwrite: whether a model that is in the target may be replaced.
        progress: called with the bytes that are written and those in all.

    Returns:
        what was written, opened and checked.

    Raises:
        FileNotFoundError: the source or a file of it is not there.
        ValueError: the source is damaged, or the form cannot hold the model; the message says which option is in the
            way. Or the target is not free.
    """
    if to not in TARGETS:
        raise ValueError(f"unknown form {to!r}; choose one of {', '.join(TARGETS)}")
    for read in (source, source if entropy is None else entropy):
        if target.resolve() in (read.resolve(), *read.resolve().parents):
            raise ValueError(f"{read} would be lost when {target} is written; name another directory to write to")
    checkpoint = open_checkpoint(source, entropy)
    obstacles = transformers_obstacles(checkpoint.config)
    if to == "transformers" and obstacles:
        raise ValueError(f"transformers cannot compute {source}: {'; '.join(obstacles)}; bytelm's own form can hold it")
    if to in ("bytelm", "transformers"):
        save_directory(target, checkpoint.config, checkpoint, dtype, overwrite=overwrite, progress=progress)
    else:
        hub = to == "meta-hub"
        save_meta(target, checkpoint.config, checkpoint, dtype, hub=hub, overwrite=overwrite, progress=progress)
    return open_checkpoint(target)
