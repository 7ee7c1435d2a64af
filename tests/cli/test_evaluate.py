"""``bytelm eval``: on files, beside a teacher, on tasks, and its errors."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import bytelm
from bytelm.cli.main import main
from bytelm.evaluation.comparing import evaluate
from evaluation.local_tasks import write_tasks

Capture = pytest.CaptureFixture[bytes]


def output(capture: Capture, *argv: str) -> str:
    status = main(["eval", *argv])
    out, err = capture.readouterr()
    assert (status, err) == (0, b"")
    return out.decode()


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "text").write_bytes(b"def main():\n    pass\n" * 3)
    return tmp_path / "text"


def test_files(text: Path, capsysbinary: Capture) -> None:
    lines = output(capsysbinary, "bundled:code", str(text), "--device", "cpu").splitlines()
    assert lines[0] == "63 bytes in 1 piece"
    bits = bytelm.load(device="cpu").bits_per_byte(text.read_bytes())
    assert lines[3].split()[:3] == ["bits", "per", "byte"]
    assert float(lines[3].split()[3]) == pytest.approx(bits, abs=1e-4)
    assert lines[3].split()[4:] == ["-"]
    assert len(lines) == 5


def test_a_teacher_in_json(text: Path, tmp_path: Path, capsysbinary: Capture) -> None:
    (tmp_path / "counted").write_bytes(b"def other():\n    return pass\n")
    names = [f"ngram:{tmp_path / 'counted'}", str(text), "--teacher", f"ngram:{text}", "--piece", "21", "--seed", "3"]
    out = tmp_path / "out.json"
    found = json.loads(output(capsysbinary, *names, "--json", "--out", str(out)))
    assert found == json.loads(out.read_text())
    pieces = [b"def main():\n    pass\n"] * 3
    model, teacher = (bytelm.ngram(Path(name.removeprefix("ngram:")).read_bytes()) for name in (names[0], names[3]))
    expected = evaluate(model, pieces, teacher, rng=np.random.default_rng(3))
    assert found["texts"] == 3
    assert expected.compared is not None
    assert found["compared"]["divergence"]["value"] == pytest.approx(expected.compared.divergence.value)
    assert found["teacher"]["bits_per_byte"]["low"] is not None
    lines = output(capsysbinary, *names).splitlines()
    assert [line[:24].strip() for line in lines[8:]] == ["KL(teacher ‖ model), nat", "top-1 agreement, %"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning:lm_eval|datasets|dill|multiprocess|evaluate")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_tasks(tmp_path: Path, capsysbinary: Capture) -> None:
    pytest.importorskip("lm_eval")
    folder = write_tasks(tmp_path)
    options = [
        "--tasks",
        "tiny_choice,tiny_rolling",
        "--include-path",
        str(folder),
        "--limit",
        "1",
        "--num-fewshot",
        "0",
    ]
    assert main(["eval", "bundled:code", "--device", "cpu", *options, "--out", str(tmp_path / "out.json")]) == 0
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert lines[0].split() == ["task", "shots", "metric", "value", "standard", "error"]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["tiny_choice", "0", "acc"],
        ["tiny_choice", "0", "acc_norm"],
        ["tiny_rolling", "0", "bits_per_byte"],
    ]
    kept = json.loads((tmp_path / "out.json").read_text())
    assert float(lines[1].split()[3]) == kept["results"]["tiny_choice"]["acc,none"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "give either files to judge by, or --tasks, and not both"),
        ([__file__, "--tasks", "mmlu"], "give either files to judge by, or --tasks, and not both"),
        ([__file__, "--limit", "3"], "--limit is for tasks; leave it out"),
        (["--tasks", "mmlu", "--teacher", "bundled:code"], "--teacher is for files; leave it out"),
        ([__file__, "--out", "/not/here/out.json"], "cannot write --out /not/here/out.json: its folder is not there"),
        (["/dev/null"], "there is nothing to judge by: 0 bytes"),
        ([__file__, "--piece", "2"], "piece is 2; a piece must hold at least one character"),
        ([__file__, "--seed", "-1"], "seed is -1; expected a whole number of at least 0"),
    ],
)
def test_mistakes(argv: list[str], message: str, capsysbinary: Capture) -> None:
    assert main(["eval", "bundled:code", *argv]) == 2
    assert f"bytelm: error: {message}" in capsysbinary.readouterr().err.decode()


def test_without_the_harness(capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "lm_eval"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    monkeypatch.setitem(sys.modules, "lm_eval.evaluator", None)
    assert main(["eval", "bundled:code", "--device", "cpu", "--tasks", "card"]) == 2
    err = capsysbinary.readouterr().err.decode()
    assert "lm_eval, which is not installed: pip install 'bytelm[eval]'" in err


def test_help_is_light(capsysbinary: Capture) -> None:
    assert main(["eval", "--help"]) == 0
    assert "bytelm eval bundled:code setup.py README.md" in capsysbinary.readouterr().out.decode()
