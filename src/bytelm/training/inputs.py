"""The data of a run: a prepared directory, or files that are prepared where the run writes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bytelm.training.config import TrainConfig, check_runnable
from bytelm.training.data.manifest import NAME, TRAIN, VALIDATION, read_manifest
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from bytelm.training.data.rows import Rows
from bytelm.training.data.shards import Shards

PREPARED: Final = "data"
"""Where files are prepared, in the directory of the run."""


@dataclass(frozen=True)
class Data:
    """What a run reads.

    Attributes:
        rows: to learn from, without end.
        validation: held out, once through; ``None`` where nothing is.
    """

    rows: Rows
    validation: Rows | None


def open_data(config: TrainConfig, progress: Callable[[int, int, str], None] | None = None) -> Data:
    """The data of a run.

    Files that were not prepared become so in ``config.out``, with nothing held out.

    Raises:
        ValueError: there is no data, or it is not readable.
    """
    check_runnable(config)
    place = Path(config.data)
    if not place.exists():
        raise ValueError(f"there is no data {config.data!r}; name a prepared directory, a file or a folder of texts")
    if not (place / NAME).is_file():
        prepared = Path(config.out) / PREPARED
        prepared.parent.mkdir(parents=True, exist_ok=True)
        prepare([place], prepared, Options(validation=0.0), progress=progress)
        place = prepared
    splits = read_manifest(place).splits
    held_out = VALIDATION in splits and splits[VALIDATION].documents > 0
    validation = Rows(Shards(place, VALIDATION), config.length, 0, epochs=1) if held_out else None
    return Data(Rows(Shards(place, TRAIN), config.length, config.seed), validation)
