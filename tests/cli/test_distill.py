"""``bytelm distill``: a byte model of the bundled model, from the command line."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bytelm
from bytelm.cli.main import main
from training.runs import texts

Capture = pytest.CaptureFixture[bytes]

SMALL = ("steps=3", "rows=2", "length=48", "optimizer.warmup=1", "validate_every=0", "sample_every=0")


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "student"
    assert main(["byteify", "bundled:code", "--out", str(out), "--no-suffixes", "--quiet"]) == 0
    return out


def changes(folder: Path, student: Path, *more: str) -> list[str]:
    places = (f"student={student}", f"data={texts(folder)}", f"out={folder / 'run'}")
    return ["distill", "cpu-tiny", "teacher=bundled:code", *SMALL, *places, *more]


def test_a_run(capsysbinary: Capture, student: Path, tmp_path: Path) -> None:
    """Two more steps of it later, what it leaves loads and writes."""
    capsysbinary.readouterr()
    assert main([*changes(tmp_path, student, "losses=exact,sft", "sample_every=3"), "--json", "--device", "cpu"]) == 0
    shown = capsysbinary.readouterr()
    found = json.loads(shown.out)
    assert (found["step"], found["steps"], found["out"]) == (3, 3, str(tmp_path / "run"))
    assert 0 < found["bits_per_byte"] < 30
    assert shown.err.decode().count(" writes: ") == 1
    metrics = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert all(line["losses"].keys() == {"exact", "sft"} for line in metrics if line["kind"] == "step")
    assert main([*changes(tmp_path, student, "losses=exact,sft", "steps=5"), "--quiet", "--device", "cpu"]) == 0
    assert b"5 steps, " in capsysbinary.readouterr().out
    assert bytelm.load(tmp_path / "run").score("def f").shape == (5,)
    assert main(["generate", "def ", "--model", str(tmp_path / "run"), "--max-bytes", "3"]) == 0


def test_other_settings_for_the_same_run(capsysbinary: Capture, student: Path, tmp_path: Path) -> None:
    own = ["--quiet", "--device", "cpu"]
    assert main([*changes(tmp_path, student, "losses=sft", "steps=1"), *own]) == 0
    assert main([*changes(tmp_path, student, "losses=path", "steps=2"), *own]) == 2
    assert b"holds a run with losses=['sft'], not ['path']; name another out" in capsysbinary.readouterr().err


def test_the_configuration(capsysbinary: Capture, tmp_path: Path) -> None:
    assert main(["distill", "tokenkit-alm", "teacher=T", "seed=5", "--print-config"]) == 0
    text = capsysbinary.readouterr().out.decode()
    found = tomllib.loads(text)
    assert (found["seed"], found["teacher"], found["losses"]) == (5, "T", ["sft", "alm", "latents"])
    (tmp_path / "own.toml").write_text(text)
    assert main(["distill", str(tmp_path / "own.toml"), "--print-config"]) == 0
    assert capsysbinary.readouterr().out.decode() == text


def test_a_signal(student: Path, tmp_path: Path) -> None:
    """It saves and leaves with 0; the same command goes on."""
    own = changes(tmp_path, student, "steps=100000", "sample_every=1", "losses=sft")
    step = stopped_at(own, "writes:")
    assert (tmp_path / "run" / "checkpoints" / f"{step:08d}" / "state.json").is_file()
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert stopped_at(own, f"goes on behind step {step}\n") > step


def stopped_at(command: list[str], awaited: str) -> int:
    """The step behind which it says that it stopped, of a signal sent when it has shown something."""
    with subprocess.Popen(
        [sys.executable, "-m", "bytelm", *command, "--device", "cpu"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        while awaited not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return int(out.split("stopped behind step ")[1].split(";")[0].replace(",", ""))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cpu-tinny"], "there is neither a preset nor a file 'cpu-tinny'"),
        (["cpu-tiny", "stepps=3"], "stepps"),
        (["cpu-tiny", "losses=most"], "losses"),
        (["cpu-tiny"], "a run needs data: add data=PATH"),
        (["cpu-tiny", "data=D", "out=O"], "a distillation needs a student: add student=DIRECTORY"),
        (["cpu-tiny", "data=D", "out=O", "student=S"], "a distillation needs a teacher: add teacher=DIRECTORY"),
        (["cpu-tiny", "data=nope", "out=O", "student=S", "teacher=bundled:code"], "there is no data 'nope'"),
        (["cpu-tiny", "mixing=gradients", "train=embeddings"], "mixing=gradients compares how losses move"),
    ],
)
def test_mistakes(
    arguments: list[str], message: str, capsysbinary: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["distill", *arguments]) == 2
    said = capsysbinary.readouterr().err.decode()
    assert said.startswith("bytelm: error: ")
    assert message in said
    assert not list(tmp_path.iterdir())


def test_students_that_are_none(capsysbinary: Capture, student: Path, tmp_path: Path) -> None:
    for own, message in (
        (str(tmp_path / "nothing"), "no such model directory"),
        ("bundled:code", "a student's tokens are the 256 bytes"),
    ):
        assert main([*changes(tmp_path, Path(own)), f"student={own}", "--quiet", "--device", "cpu"]) == 2
        said = capsysbinary.readouterr().err.decode()
        assert said.startswith("bytelm: error: ")
        assert message in said
