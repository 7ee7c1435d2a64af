"""``bytelm train``: a run from the command line, its signals, and mistakes."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bytelm
from bytelm.blt.lm import BltLM
from bytelm.cli.main import main
from training.runs import TINY, texts

Capture = pytest.CaptureFixture[bytes]


def changes(folder: Path, *more: str) -> list[str]:
    return [*TINY, f"data={texts(folder)}", f"out={folder / 'run'}", *more]


def test_a_run(capsysbinary: Capture, tmp_path: Path) -> None:
    assert main(["train", "cpu-tiny", *changes(tmp_path, "sample_every=6"), "--json"]) == 0
    shown = capsysbinary.readouterr()
    found = json.loads(shown.out)
    assert (found["step"], found["steps"], found["out"]) == (12, 12, str(tmp_path / "run"))
    assert 0 < found["bits_per_byte"] < 16
    assert shown.err.decode().count(" writes: ") == 2
    assert isinstance(bytelm.load(tmp_path / "run"), BltLM)
    assert main(["generate", "def ", "--model", str(tmp_path / "run"), "--max-bytes", "3"]) == 0


def test_again(capsysbinary: Capture, tmp_path: Path) -> None:
    """A finished run is finished; with more steps it goes on."""
    for steps in (6, 6, 9):
        own = changes(tmp_path, f"steps={steps}", "entropy_share=0")
        assert main(["train", "cpu-tiny", *own, "--quiet"]) == 0
    assert b"9 steps, " in capsysbinary.readouterr().out


def test_the_configuration(capsysbinary: Capture, tmp_path: Path) -> None:
    assert main(["train", "cpu-tiny", "seed=5", "--print-config"]) == 0
    text = capsysbinary.readouterr().out.decode()
    assert tomllib.loads(text)["seed"] == 5
    (tmp_path / "own.toml").write_text(text)
    assert main(["train", str(tmp_path / "own.toml"), "--print-config"]) == 0
    assert capsysbinary.readouterr().out.decode() == text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals(number: signal.Signals, tmp_path: Path) -> None:
    """They save and leave with 0; the same command goes on."""
    own = changes(tmp_path, "steps=100000", "sample_every=2", "entropy_share=0")
    with subprocess.Popen(
        [sys.executable, "-m", "bytelm", "train", "cpu-tiny", *own],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        while "writes:" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "stopped behind step " in out
    step = int(out.split("step ")[1].split(";")[0].replace(",", ""))
    assert (tmp_path / "run" / "checkpoints" / f"{step:08d}" / "state.json").is_file()
    assert not (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cpu-tinny"], "there is neither a preset nor a file 'cpu-tinny'"),
        (["cpu-tiny", "stepps=3"], "stepps"),
        (["cpu-tiny", "steps=many"], "steps"),
        (["cpu-tiny"], "a run needs data: add data=PATH"),
        (["cpu-tiny", "data=nope", "out=never"], "there is no data 'nope'"),
        (["cpu-tiny", "steps"], "a change must be KEY=VALUE"),
    ],
)
def test_mistakes(
    arguments: list[str], message: str, capsysbinary: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments]) == 2
    said = capsysbinary.readouterr().err.decode()
    assert said.startswith("bytelm: error: ")
    assert message in said
    assert not list(tmp_path.iterdir())
