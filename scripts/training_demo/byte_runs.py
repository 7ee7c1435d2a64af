"""Runs of `bytelm train`: the Byte Latent Transformer and the transformer over bytes."""

import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch

from bytelm.blt.model import Blt
from bytelm.cli.progress import ProgressLine
from bytelm.cli.train_showing import Showing
from bytelm.training.config import TrainConfig
from bytelm.training.data.rows import Rows
from bytelm.training.inputs import open_data
from bytelm.training.loop import train
from bytelm.training.metrics import METRICS, StepReport
from bytelm.training.networks import ByteTransformer
from bytelm.training.stages import logits_of, starts_of
from bytelm.training.stopping import StopSign
from bytelm.training.world import World

from .following import Reached, Stopped

_SAMPLE = 128
"""Rows that the mean patch is measured on."""


class ByteRun:
    """A run of `bytelm train` that pauses at steps (mutable); it is taken up as that command does it.

    Args:
        config: the run.
        sign: ends it behind a step.
        quiet: whether nothing is shown.
    """

    def __init__(self, config: TrainConfig, sign: StopSign, quiet: bool) -> None:
        self.config = config
        self._network: Blt | ByteTransformer | None = None
        self._sign = sign
        self._quiet = quiet
        self._data = open_data(config)

    @property
    def rows(self) -> Rows:
        """What is learned from."""
        return self._data.rows

    def trained(self) -> Blt | ByteTransformer:
        """The network behind the last step."""
        if self._network is None:
            self.reach(self.config.steps)
        assert self._network is not None
        return self._network

    def reach(self, step: int) -> Reached:
        """Train on to a step."""
        with progress_line(self._quiet) as line:
            watcher = _Until(Showing(self.config, line, self._quiet, self._sign), step)
            run = train(self.config, self._data, World(torch.device("cpu")), watcher)
        if self._sign.asked:
            raise Stopped
        self._network = run.network
        seconds = _seconds(Path(self.config.out) / METRICS, run.step)
        return Reached(run.step, seconds, partial(logits_of, run.network))


class _Until:
    """Shows a run, and ends it behind a step (mutable)."""

    def __init__(self, showing: Showing, last: int) -> None:
        self._showing = showing
        self._last = last
        self._step = 0

    def step(self, report: StepReport) -> None:
        self._step = report.step
        self._showing.step(report)

    def validation(self, step: int, found: Mapping[str, float]) -> None:
        self._showing.validation(step, found)

    def sample(self, step: int, text: bytes) -> None:
        self._showing.sample(step, text)

    def stopped(self) -> bool:
        return self._showing.stopped() or self._step >= self._last


def progress_line(quiet: bool) -> ProgressLine:
    """The line that says how a run goes."""
    return ProgressLine(sys.stderr, enabled=not quiet, between=0.25 if sys.stderr.isatty() else 10.0)


@torch.no_grad()
def mean_patch(network: Blt, rows: Rows, first: int) -> float:
    """Bytes of a patch on average, over some rows from a number on."""
    batch = rows.batch(range(first, first + _SAMPLE))
    ids = torch.from_numpy(batch.ids[:, :-1].copy())
    starts = starts_of(network, ids, torch.from_numpy(batch.first))[:, :-1]
    return starts.numel() / int(starts.sum())


def _seconds(path: Path, step: int) -> float:
    """What the first steps took."""
    lines = map(json.loads, path.read_text("utf-8").splitlines())
    return sum(line["seconds"] for line in lines if line["kind"] == "step" and line["step"] <= step)
