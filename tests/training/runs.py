"""Tiny runs over a few texts."""

from collections.abc import Mapping
from pathlib import Path

import torch

from bytelm.training.config import TrainConfig
from bytelm.training.configuring import load_config
from bytelm.training.inputs import Data, open_data
from bytelm.training.loop import train
from bytelm.training.metrics import StepReport
from bytelm.training.run import Run
from bytelm.training.world import World

CPU = torch.device("cpu")
ALONE = World(CPU)

TEXT = "def add(one, other):\n    return one + other\n\n\n" * 40

TINY = (
    *(
        "steps=12",
        "seed=7",
        "rows=4",
        "length=64",
        "checkpoint_every=4",
        "keep=9",
        "validate_every=0",
        "sample_every=0",
    ),
    *("optimizer.warmup=2", "model.encoder.width=16", "model.decoder.width=16", "model.global_transformer.width=32"),
    *("model.entropy.width=16", "model.global_transformer.layers=1", "model.decoder.layers=1", "model.hashes.rows=31"),
)


class Watching:
    """A watcher that remembers, and stops the run behind a step (mutable)."""

    def __init__(self, stop: int | None = None) -> None:
        self.stop = stop
        self.reports: list[StepReport] = []
        self.validations: list[float] = []
        self.samples: list[bytes] = []

    def step(self, report: StepReport) -> None:
        self.reports.append(report)

    def validation(self, step: int, found: Mapping[str, float]) -> None:
        self.validations.append(found["bits_per_byte"])

    def sample(self, step: int, text: bytes) -> None:
        self.samples.append(text)

    def stopped(self) -> bool:
        return self.stop is not None and self.reports[-1].step >= self.stop


def texts(folder: Path) -> Path:
    """A folder with some texts."""
    place = folder / "texts"
    if not place.is_dir():
        place.mkdir(parents=True)
        for number in range(4):
            (place / f"{number}.py").write_text(f"# {number}\n{TEXT}")
    return place


def configured(folder: Path, name: str, *changes: str) -> TrainConfig:
    return load_config("cpu-tiny", [*TINY, f"data={texts(folder)}", f"out={folder / name}", *changes])


PLAIN = (
    *("steps=12", "seed=7", "rows=4", "length=64", "checkpoint_every=4", "validate_every=0", "sample_every=0"),
    *("optimizer.warmup=2", "dtype=float32", "compile=false", "model.layers=2", "model.width=16", "model.heads=2"),
    *("model.key_value_heads=2", "model.hidden=32"),
)


def plain(folder: Path, name: str, kind: str, *changes: str) -> TrainConfig:
    """A plain transformer over bytes, of the preset of a kind."""
    return load_config(kind, [*PLAIN, f"data={texts(folder)}", f"out={folder / name}", *changes])


def trained(config: TrainConfig, watching: Watching | None = None, data: Data | None = None) -> Run:
    return train(config, data or open_data(config), ALONE, watching or Watching())
