"""Runs that report to TensorBoard."""

import contextlib
import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bytelm.training.metrics import StepReport
from training.runs import Watching, configured, trained


class Failing(Watching):
    """A watcher that fails behind a step, as a program that is killed there (mutable)."""

    def step(self, report: StepReport) -> None:
        super().step(report)
        if report.step == 7:
            raise KeyboardInterrupt


def test_a_run_that_goes_on_has_each_step_once(tmp_path: Path) -> None:
    """Killed behind step 7, on from the checkpoint of step 4, stopped and on again: as metrics.jsonl has it."""
    config = configured(tmp_path, "run", "report_to=tensorboard", "sample_every=5")
    with contextlib.suppress(KeyboardInterrupt):
        trained(config, Failing())
    trained(config, Watching(stop=9))
    trained(config)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    curve = [event for part in ("train_entropy", "train") for event in events.Scalars(f"bits_per_byte/{part}")]
    steps = [line for line in lines if line["kind"] == "step"]
    assert [event.step for event in curve] == [line["step"] for line in steps] == list(range(1, 13))
    assert [event.value for event in curve] == [pytest.approx(line["bits_per_byte"]) for line in steps]
    # The accumulator that TensorBoard itself reads by; the other one takes back points of curves only.
    shown = plugin_event_accumulator.EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    texts = [event.step for event in shown.Tensors("text/sample/text_summary")]
    assert texts == [line["step"] for line in lines if line["kind"] == "sample"] == [5, 10, 12]


def test_reporting_may_begin_later(tmp_path: Path) -> None:
    trained(configured(tmp_path, "run"), Watching(stop=5))
    trained(configured(tmp_path, "run", "report_to=tensorboard"))
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("bits_per_byte/train")] == list(range(6, 13))
