"""A run that was cut off ends as one that was not, to the last bit; what does not fit together is refused."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import bytelm
from bytelm.blt.lm import BltLM
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from bytelm.training.run import Run
from training.runs import ALONE, TINY, Watching, configured, texts, trained


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_it_learns_and_leaves_a_model(tmp_path: Path) -> None:
    watching = Watching()
    run = trained(configured(tmp_path, "run", "steps=60", "optimizer.rate=1e-2"), watching)
    own = [report.bits_per_byte for report in watching.reports if report.stage == "model"]
    assert own[-1] < 0.8 * own[0]
    assert {report.stage for report in watching.reports[:15]} == {"entropy"}
    lm = bytelm.load(tmp_path / "run")
    assert isinstance(lm, BltLM)
    assert lm.config == run.network.config
    assert lm.bits_per_byte("def add(one, other):\n") < 8


@pytest.mark.parametrize("stops", [(1,), (3,), (4, 8), (2, 3, 7, 11)])
def test_resumed_runs_end_the_same(stops: tuple[int, ...], tmp_path: Path) -> None:
    """Stopped in either stage, at its border, and on a checkpoint."""
    trained(configured(tmp_path, "whole"))
    reports = []
    for stop in (*stops, None):
        watching = Watching(stop)
        trained(configured(tmp_path, "parts"), watching)
        reports += watching.reports
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")
    assert [report.step for report in reports] == list(range(1, 13))
    lines = [json.loads(line) for line in (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()]
    wanted = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    assert [{**line, "seconds": 0} for line in lines] == [{**line, "seconds": 0} for line in wanted]


def test_a_killed_run_ends_the_same(tmp_path: Path) -> None:
    """Killed three times at random steps by SIGKILL, which nothing can catch."""
    trained(configured(tmp_path, "whole", "steps=40", "checkpoint_every=3"))
    config = configured(tmp_path, "killed", "steps=40", "checkpoint_every=3")
    changes = [*TINY, f"data={config.data}", f"out={config.out}", "steps=40", "checkpoint_every=3"]
    command = [sys.executable, "-m", "bytelm", "train", "cpu-tiny", *changes, "--quiet"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    metrics, finished = tmp_path / "killed" / "metrics.jsonl", tmp_path / "killed" / "model.safetensors"
    for step in sorted(random.Random(5).sample(range(2, 30), 3)):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
            while not metrics.is_file() or len(metrics.read_bytes().splitlines()) < step:
                assert process.poll() is None
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
        assert not finished.exists()
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=True)
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")


def test_more_steps(tmp_path: Path) -> None:
    """A finished run goes on when it is to have more steps; its entropy model stays as it is."""
    trained(configured(tmp_path, "run"))
    before = bytelm.load(tmp_path / "run")
    watching = Watching()
    run = trained(configured(tmp_path, "run", "steps=60"), watching)
    assert [report.step for report in watching.reports] == list(range(13, 61))
    assert {report.stage for report in watching.reports} == {"model"}
    other = before.network.patcher.state_dict()
    assert all(torch.equal(tensor, other[name]) for name, tensor in run.network.patcher.state_dict().items())
    assert run.network.config.patching == before.config.patching


def test_parts_of_a_batch_change_rounding_alone(tmp_path: Path) -> None:
    one, two = Watching(), Watching()
    trained(configured(tmp_path, "one"), one)
    trained(configured(tmp_path, "two", "accumulate=4"), two)
    for left, right in zip(one.reports, two.reports, strict=True):
        assert left.bits_per_byte == pytest.approx(right.bits_per_byte, abs=1e-4)
        assert left.norm == pytest.approx(right.norm, rel=1e-3)


def test_validation_and_samples(tmp_path: Path) -> None:
    prepare([texts(tmp_path)], tmp_path / "prepared", Options(validation=0.5))
    watching = Watching()
    trained(
        configured(tmp_path, "run", f"data={tmp_path / 'prepared'}", "validate_every=4", "sample_every=6"), watching
    )
    assert len(watching.validations) == 3
    assert all(0 < bits < 16 for bits in watching.validations)
    assert len(watching.samples) == 2
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert (kinds.count("validation"), kinds.count("sample"), kinds.count("step")) == (3, 2, 12)


def test_samples_and_validation_change_nothing(tmp_path: Path) -> None:
    trained(configured(tmp_path, "plain"))
    trained(configured(tmp_path, "told", "sample_every=1"))
    assert weights(tmp_path / "plain") == weights(tmp_path / "told")


def test_an_entropy_model_of_another_run(tmp_path: Path) -> None:
    trained(configured(tmp_path, "first"))
    config = configured(tmp_path, "second", f"entropy_model={tmp_path / 'first'}", "model.decoder.layers=2")
    watching = Watching()
    run = trained(config, watching)
    assert {report.stage for report in watching.reports} == {"model"}
    other = bytelm.load(tmp_path / "first").network.patcher.state_dict()
    assert all(torch.equal(tensor, other[name]) for name, tensor in run.network.patcher.state_dict().items())
    with pytest.raises(ValueError, match=r"the entropy model in .* set model\.entropy to that"):
        Run(configured(tmp_path, "third", f"entropy_model={tmp_path / 'first'}", "model.entropy.layers=2"), None, ALONE)


def test_other_settings_are_refused(tmp_path: Path) -> None:
    trained(configured(tmp_path, "run"), Watching(stop=4))
    with pytest.raises(ValueError, match=r"run holds a run with optimizer\.rate=.*, not 0\.5; name another out="):
        trained(configured(tmp_path, "run", "optimizer.rate=0.5"))
    with pytest.raises(ValueError, match=r"run holds a run with optimizer\.name=adamw, not muon"):
        trained(configured(tmp_path, "run", "optimizer.name=muon", "change_optimizer=true"))
    assert trained(configured(tmp_path, "run", "keep=1", "checkpoint_every=1")).step == 12


def test_another_rate_is_taken_on_purpose(tmp_path: Path) -> None:
    trained(configured(tmp_path, "run"), Watching(stop=4))
    watching = Watching()
    trained(configured(tmp_path, "run", "optimizer.rate=5e-4", "change_optimizer=true"), watching)
    assert max(report.rate for report in watching.reports) <= 5e-4


def test_a_loss_that_is_no_number(tmp_path: Path) -> None:
    config = configured(tmp_path, "run", "optimizer.rate=1e30", "optimizer.clip=none", "optimizer.warmup=0")
    with pytest.raises(FloatingPointError, match=r"with change_optimizer=true and a lower optimizer\.rate"):
        trained(config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("data=",), "a run needs data"),
        (("out=",), "a run needs a place to write to"),
        (("data=nope",), "there is no data 'nope'"),
        (("data=hf://one/other",), "is of a hub; prepare it first: bytelm data prepare hf://one/other --out DIR"),
    ],
)
def test_what_lacks(changes: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        trained(configured(tmp_path, "run", *changes))


def test_time_outside_the_model_is_short(tmp_path: Path) -> None:
    """What a step takes is said with it; it is not zero, and not more than the clock saw."""
    begun, watching = time.perf_counter(), Watching()
    trained(configured(tmp_path, "run"), watching)
    assert 0 < sum(report.seconds for report in watching.reports) < time.perf_counter() - begun


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_transformers_computes_the_same(tmp_path: Path) -> None:
    from transformers import BltForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    trained(configured(tmp_path, "run"))
    other, told = BltForCausalLM.from_pretrained(tmp_path / "run", output_loading_info=True)
    assert not any(told.values())
    text = b"def add(one, other):\n"
    ids = torch.tensor([[1, *(byte + 4 for byte in text)]])
    with torch.no_grad():
        logits = other.eval()(ids, use_cache=False).logits[0, :-1]
    kept = torch.cat([logits[:, 4:], logits[:, 2:3]], -1).double().log_softmax(-1)
    wanted = kept[range(len(text)), list(text)].numpy()
    assert bytelm.load(tmp_path / "run").score(text) == pytest.approx(wanted, abs=1e-5)
