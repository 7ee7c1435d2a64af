"""``bytelm train --launch``: the whole way of a job, and options that do not go together."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bytelm.cli.main import main
from training.fake_slurm import FakeSlurm
from training.runs import TINY, texts

Capture = pytest.CaptureFixture[bytes]


def command(folder: Path, *more: str) -> list[str]:
    return ["train", "cpu-tiny", *TINY, f"data={texts(folder)}", f"out={folder / 'run'}", *more]


def test_a_job_of_slurm(capsysbinary: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Submitted; one of two processes is told that time is up; both save; the first one requeues; finished."""
    slurm = FakeSlurm(tmp_path / "slurm")
    for name, value in {**slurm.environment, "OMP_NUM_THREADS": "1"}.items():
        monkeypatch.setenv(name, value)
    own = ("--launch", "slurm", "--time", "60", "--processes-per-node", "2", "--cpus-per-task", "1")
    assert main(command(tmp_path, "steps=60", "checkpoint_every=0", *own)) == 0
    shown = capsysbinary.readouterr().out.decode()
    log = tmp_path / "run" / "launch" / "7_0_log.out"
    assert f"job 7 trains it; the same command goes on where it ends\nlog:    tail -F {log}\n" in shown
    assert "squeue -j 7" in shown
    assert "scancel 7" in shown
    metrics = tmp_path / "run" / "metrics.jsonl"
    while not metrics.is_file() or len(metrics.read_bytes().splitlines()) < 3:
        assert not (slurm.folder / "done").exists(), log.read_text()
        time.sleep(0.005)
    os.kill(slurm.processes[-1], signal.SIGUSR2)
    assert slurm.wait() == 2, log.read_text()
    assert slurm.calls("scontrol") == ["show job 7 --oneliner", "requeue 7"]
    assert all("--kill-on-bad-exit=1 --cpus-per-task=1" in call for call in slurm.calls("srun"))
    first, last = sorted(int(path.name) for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert 3 <= first < last == 60
    reports = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [report["step"] for report in reports] == list(range(1, 61))
    assert reports[-1]["bits_per_byte"] < 0.8 * reports[0]["bits_per_byte"]
    assert (tmp_path / "run" / "model.safetensors").is_file()


def test_a_job_of_this_machine(tmp_path: Path) -> None:
    """It goes on when the command has left."""
    own = command(tmp_path, "--launch", "local", "--json")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-m", "bytelm", *own], env=environment, capture_output=True, check=True)
    assert not done.stderr
    found = json.loads(done.stdout)
    assert found["cancel"] == f"kill {found['job']}"
    until = time.monotonic() + 60
    while not (tmp_path / "run" / "model.safetensors").is_file():
        assert time.monotonic() < until, Path(found["log"]).read_text()
        time.sleep(0.05)


def test_what_would_be_submitted(capsysbinary: Capture, tmp_path: Path) -> None:
    own = ("--launch", "slurm", "--time", "1-0", "--gpus-per-node", "2", "--slurm", "exclusive", "--slurm", "gres=x:1")
    assert main(command(tmp_path, *own, "--dry-run")) == 0
    shown = capsysbinary.readouterr().out.decode()
    for line in ("exclusive", "gpus-per-node=2", "gres=x:1", "ntasks-per-node=2", "time=1440"):
        assert f"#SBATCH --{line}\n" in shown
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--nodes", "2"], "--nodes is for a run that is launched; add --launch slurm or --launch local"),
        (["--dry-run"], "--dry-run is for a run that is launched"),
        (["--launch", "slurm"], "--launch slurm needs --time, such as --time 24:00:00"),
        (["--launch", "slurm", "--time", "soon"], "a time must be MINUTES, HH:MM:SS or DAYS-HH:MM:SS"),
        (["--launch", "slurm", "--time", "60", "--slurm", "time=5"], "time cannot be given to sbatch as it is"),
        (["--launch", "slurm", "--time", "60", "--nodes", "0"], "nodes must be at least 1, got 0"),
        (["--launch", "local", "--partition", "gpu"], "--partition is for --launch slurm"),
        (["--launch", "local", "--dry-run"], "--dry-run is for --launch slurm"),
        (["data=nope", "--launch", "local"], "there is no data 'nope'"),
        (["--launch", "slurm", "--time", "60"], "there is no sbatch on PATH, so no Slurm"),
        (["--launch", "cloud"], "invalid choice: 'cloud'"),
    ],
)
def test_mistakes(
    given: list[str], message: str, capsysbinary: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(command(tmp_path, *given)) == 2
    assert message in capsysbinary.readouterr().err.decode()
    assert not (tmp_path / "run").exists()


def test_refused_by_slurm(capsysbinary: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in FakeSlurm(tmp_path / "slurm").environment.items():
        monkeypatch.setenv(name, value)
    assert main(command(tmp_path, "--launch", "slurm", "--time", "60", "--partition", "full")) == 2
    said = capsysbinary.readouterr().err.decode()
    assert "Slurm did not take the job: sbatch: error: invalid partition specified: full" in said
