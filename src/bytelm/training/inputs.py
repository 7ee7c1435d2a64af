"""The data of a run: a prepared directory, or files that are prepared where the run writes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bytelm.training.config import TrainConfig
from bytelm.training.data.locations import location_of
from bytelm.training.data.manifest import NAME, TRAIN, VALIDATION, read_manifest
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from bytelm.training.data.rows import Rows
from bytelm.training.data.shards import Shards
from bytelm.training.data.uncertainties import Uncertainties
from bytelm.training.entropy_models import open_entropy_model
from bytelm.training.run_config import RunConfig
from bytelm.training.task import RowSource

PREPARED: Final = "data"
"""Where files are prepared, in the directory of the run."""


@dataclass(frozen=True)
class Data:
    """What a run reads.

    Attributes:
        rows: to learn from, without end.
        validation: held out, once through; ``None`` where nothing is.
    """

    rows: RowSource
    validation: RowSource | None


def open_data(config: TrainConfig, progress: Callable[[int, int, str], None] | None = None) -> Data:
    """The data of a run.

    Files that were not prepared become so in ``config.out``, with nothing held out.

    Raises:
        ValueError: there is no data, or it is not readable; or the entropies are those of other data, or of another
            entropy model.
        FileNotFoundError: the entropies are not there, or not finished.
    """
    config.check_runnable()
    place = prepared(config, progress)
    validation = _rows(config, place, VALIDATION, 0, epochs=1) if holds_out(place) else None
    return Data(_rows(config, place, TRAIN, config.seed), validation)


def prepared(config: RunConfig, progress: Callable[[int, int, str], None] | None = None) -> Path:
    """The prepared directory of the data of a run; files that were not prepared become so in ``config.out``.

    Raises:
        ValueError: there is no data, or it is not readable.
    """
    place = Path(config.data)
    if location_of(config.data) is not None:
        raise ValueError(
            f"data {config.data!r} is of a hub; prepare it first: bytelm data prepare {config.data} --out DIR"
        )
    if not place.exists():
        raise ValueError(f"there is no data {config.data!r}; name a prepared directory, a file or a folder of texts")
    if not (place / NAME).is_file():
        made = Path(config.out) / PREPARED
        made.parent.mkdir(parents=True, exist_ok=True)
        prepare([place], made, Options(validation=0.0), progress=progress)
        place = made
    return place


def holds_out(place: Path) -> bool:
    """Whether a prepared directory has texts that are held out."""
    splits = read_manifest(place).splits
    return VALIDATION in splits and splits[VALIDATION].documents > 0


def _rows(config: TrainConfig, place: Path, split: str, seed: int, epochs: int | None = None) -> Rows:
    """The rows of a split, with the entropies that were computed of it."""
    shards = Shards(place, split)
    uncertainties = _uncertainties(config, shards) if config.entropies else None
    return Rows(shards, config.length, seed, epochs, uncertainties)


def _uncertainties(config: TrainConfig, shards: Shards) -> Uncertainties:
    found = Uncertainties(config.entropies, shards)
    _, wanted = open_entropy_model(Path(config.entropy_model))
    if found.model_sha256 != wanted:
        raise ValueError(
            f"the entropies in {config.entropies!r} are those of the entropy model {found.model_sha256}, and "
            f"{config.entropy_model!r} holds {wanted}; set entropy_model to the one that computed them, or compute "
            f"them anew: bytelm blt entropies {config.data} --model {config.entropy_model}"
        )
    return found
