"""What a run tells TensorBoard and Weights & Biases, read back; also where it was taken up again."""

import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bytelm.training.metrics import StepReport
from bytelm.training.reporting.sinks import Sinks, check_reporters, open_sinks
from training.runs import configured

BITS = "bits_per_byte/train"


def tell(sinks: Sinks, first: int, last: int, bits: float) -> None:
    """Tell of some steps."""
    for step in range(first, last + 1):
        sinks.write("step", StepReport(step, "entropy" if step < 3 else "model", bits, 0.1 * step, 0.5, 100, 0.25))


def curve(events: EventAccumulator, name: str) -> list[tuple[int, float]]:
    return [(event.step, pytest.approx(event.value)) for event in events.Scalars(name)]


def read(out: Path) -> EventAccumulator:
    return EventAccumulator(str(out / "tensorboard")).Reload()


def test_tensorboard(tmp_path: Path) -> None:
    with open_sinks(configured(tmp_path, ".", "report_to=tensorboard"), tmp_path, 0) as sinks:
        tell(sinks, 1, 4, 2.5)
        sinks.write("validation", {"step": 4, "bits_per_byte": 3.5})
        sinks.write("sample", {"step": 4, "text": "def f():\n    # *no* emphasis"})
    events = read(tmp_path)
    assert curve(events, "bits_per_byte/train_entropy") == [(1, 2.5), (2, 2.5)]
    assert curve(events, BITS) == [(3, 2.5), (4, 2.5)]
    assert curve(events, "optimizer/learning_rate") == [(step, 0.1 * step) for step in range(1, 5)]
    assert curve(events, "optimizer/gradient_norm") == [(step, 0.5) for step in range(1, 5)]
    assert curve(events, "speed/bytes_per_second") == [(step, 400) for step in range(1, 5)]
    assert curve(events, "bits_per_byte/validation") == [(4, 3.5)]
    (text,) = events.Tensors("text/sample/text_summary")
    assert text.step == 4
    assert text.tensor_proto.string_val[0] == b"    def f():\n        # *no* emphasis\n"
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 6


def test_tensorboard_takes_back_what_is_behind_the_checkpoint(tmp_path: Path) -> None:
    config = configured(tmp_path, ".", "report_to=tensorboard")
    for step, last, bits in ((0, 8, 2.0), (6, 9, 3.0), (7, 10, 4.0)):
        with open_sinks(config, tmp_path, step) as sinks:
            tell(sinks, step + 1, last, bits)
    wanted = [(step, 2.0) for step in (3, 4, 5, 6)] + [(7, 3.0), (8, 4.0), (9, 4.0), (10, 4.0)]
    assert curve(read(tmp_path), BITS) == wanted


def test_flushed_points_outlast_a_killed_run(tmp_path: Path) -> None:
    with open_sinks(configured(tmp_path, ".", "report_to=tensorboard"), tmp_path, 0) as sinks:
        tell(sinks, 1, 5, 2.0)
        sinks.flush()
        assert curve(read(tmp_path), BITS) == [(3, 2.0), (4, 2.0), (5, 2.0)]


class FakeError(Exception):
    """Raised by wandb."""


class FakeRun:
    """Keeps what is logged (mutable)."""

    def __init__(self) -> None:
        self.metrics: list[tuple[str, str | None]] = []
        self.logged: list[Mapping[str, Any]] = []
        self.finished = False

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        self.metrics.append((name, step_metric))

    def log(self, values: Mapping[str, Any]) -> None:
        assert not self.finished
        self.logged.append(values)

    def finish(self) -> None:
        self.finished = True


class FakeWandb(ModuleType):
    """As much of wandb as is used (mutable)."""

    Error = FakeError

    def __init__(self) -> None:
        super().__init__("wandb")
        self.runs: list[tuple[FakeRun, dict[str, Any]]] = []
        self.refuses = False

    def Html(self, text: str) -> tuple[str, str]:
        return ("html", text)

    def init(self, **options: Any) -> FakeRun:
        if self.refuses:
            raise self.Error("no key")
        self.runs.append((FakeRun(), options))
        return self.runs[-1][0]


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> FakeWandb:
    module = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    return module


def test_wandb(wandb: FakeWandb, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    with open_sinks(configured(tmp_path, "run", "report_to=wandb"), out, 0) as sinks:
        tell(sinks, 4, 4, 2.5)
        sinks.write("validation", {"step": 4, "bits_per_byte": 3.5})
        sinks.write("sample", {"step": 4, "text": "a < b"})
        sinks.flush()
    run, options = wandb.runs[0]
    assert run.finished
    assert run.metrics == [("step", None), ("*", "step")]
    assert [logged["step"] for logged in run.logged] == [4, 4, 4]
    assert run.logged[0][BITS] == 2.5
    assert run.logged[1] == {"step": 4, "bits_per_byte/validation": 3.5}
    assert run.logged[2] == {"step": 4, "text/sample": ("html", "<pre>a &lt; b</pre>")}
    assert (options["project"], options["name"], options["dir"]) == ("bytelm", "run", str(out))
    assert options["config"]["optimizer.warmup"] == 2
    assert "mode" not in options, "WANDB_MODE says whether it is offline"


def test_wandb_goes_on_with_the_same_run(wandb: FakeWandb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "another")
    config = configured(tmp_path, ".", "report_to=wandb")
    for step in (0, 5):
        with open_sinks(config, tmp_path, step):
            pass
    (other := tmp_path / "other").mkdir()
    with open_sinks(config, other, 0):
        pass
    first, second, third = (options["id"] for _, options in wandb.runs)
    assert first == second != third
    assert [(options["resume"], options["project"]) for _, options in wandb.runs] == [("allow", "another")] * 3


def test_wandb_that_cannot_begin(wandb: FakeWandb, tmp_path: Path) -> None:
    wandb.refuses = True
    with (
        pytest.raises(ValueError, match=r"Weights & Biases cannot begin a run \(no key\); .* set WANDB_MODE=offline"),
        open_sinks(configured(tmp_path, ".", "report_to=wandb"), tmp_path, 0),
    ):
        pass


def test_both_are_closed_where_a_run_fails(wandb: FakeWandb, tmp_path: Path) -> None:
    config = configured(tmp_path, ".", "report_to=wandb,tensorboard")
    with contextlib.suppress(FloatingPointError), open_sinks(config, tmp_path, 0) as sinks:
        tell(sinks, 3, 4, 2.5)
        raise FloatingPointError
    assert wandb.runs[0][0].finished
    assert curve(read(tmp_path), BITS) == [(3, 2.5), (4, 2.5)]


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb")])
def test_what_is_not_installed(name: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is written."""
    monkeypatch.setitem(sys.modules, module, None)
    config = configured(tmp_path, "run", f"report_to={name}")
    message = rf"report_to={name} needs {name}: pip install 'bytelm\[{name}\]'"
    with pytest.raises(ValueError, match=message):
        check_reporters(config)
    with pytest.raises(ValueError, match=message), open_sinks(config, tmp_path / "run", 0):
        pass
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("tensorbord", "report_to must be one of tensorboard, wandb, got 'tensorbord'; did you mean tensorboard?"),
        ("wandb,tensorboard,wandb", "report_to names wandb twice; name it once"),
    ],
)
def test_what_cannot_be_reported_to(given: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        configured(tmp_path, "run", f"report_to={given}")


def test_metrics_alone(tmp_path: Path) -> None:
    with open_sinks(configured(tmp_path, "."), tmp_path, 0) as sinks:
        tell(sinks, 1, 2, 2.5)
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert kinds == ["step", "step"]
    assert not (tmp_path / "tensorboard").exists()
