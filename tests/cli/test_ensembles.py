"""Several models on one command line."""

import json
import re
from pathlib import Path

import pytest

import bytelm
import bytelm.loading as real_loading
from bytelm.cli.main import main
from cli.fake_loading import SCRIPT, FakeLoading

Capture = pytest.CaptureFixture[bytes]
TWO = ["--model", "one", "--model", "two"]


def output(capture: Capture, *argv: str) -> bytes:
    status = main(argv)
    out, err = capture.readouterr()
    assert (status, err) == (0, b"")
    return out


def test_every_model_is_opened_with_the_options(loading: FakeLoading, capsysbinary: Capture) -> None:
    assert output(capsysbinary, "generate", "a doc", *TWO, "--tolerance", "0") == SCRIPT
    assert [call["path"] for call in loading.calls] == ["one", "two"]
    assert {call["tolerance"] for call in loading.calls} == {0.0}


@pytest.mark.usefixtures("loading")
def test_an_ensemble_is_scored(capsysbinary: Capture, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"abc")
    found = json.loads(output(capsysbinary, "score", str(tmp_path / "text"), *TWO, "--json", "--per-byte"))
    assert found["files"][0]["logprobs"] == pytest.approx([0.0, -1.0, -2.0])


@pytest.mark.usefixtures("loading")
def test_the_next_byte_of_each_member(capsysbinary: Capture) -> None:
    lines = output(capsysbinary, "next", "a", *TWO, "--how", "mean", "--weight", "3", "--weight", "1").decode()
    assert lines.splitlines()[2].split() == ["next", "byte", "ensemble", "one", "two"]
    assert lines.splitlines()[3].split() == ["weight", "0.75", "0.25"]
    assert lines.splitlines()[4].split() == ["t", "75.00", "%", "75.00", "%", "75.00", "%"]
    found = json.loads(output(capsysbinary, "next", "a", "--json", *TWO, "--how", "product"))
    assert found["members"] == [{"model": "one", "weight": 0.5}, {"model": "two", "weight": 0.5}]
    assert found["next"][0]["members"] == pytest.approx([found["next"][0]["logprob"]] * 2)
    assert found["covers"] == []


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["generate", "x", "--how", "mean"], "--how is for ensembles; give --model several times, once for each model"),
        (["score", __file__, "--weight", "1"], "--weight is for ensembles"),
        (["generate", "x", *TWO, "--chat"], "an ensemble reads bytes alone: --chat, --messages and --special take one"),
        (["generate", "x", *TWO, "--weight", "1"], "expected 2 weights, one finite number for each member; got [1.0]"),
        (["generate", "x", *TWO, "--how", "proxy"], "'proxy' takes 3 members"),
        (["generate", "x", *TWO, "--how", "min", "--switch", "0.1"], "'min' takes no switch="),
        (["generate", "x", "--model", "one", "--model", "ngram:/not/here"], "cannot read '/not/here'"),
    ],
)
@pytest.mark.usefixtures("loading")
def test_mistakes(capsysbinary: Capture, argv: list[str], message: str) -> None:
    assert main(argv) == 2
    assert re.search(re.escape(message), capsysbinary.readouterr().err.decode())


def test_a_model_that_counts_a_file(capsysbinary: Capture, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"abc" * 20)
    counted = f"ngram:{tmp_path / 'text'}"
    found = output(capsysbinary, "generate", "ab", "--model", counted, "--max-bytes", "4")
    assert found == bytelm.ngram(b"abc" * 20).generate("ab", max_bytes=4) == b"cabc"
    shown = output(capsysbinary, "next", "ab", "--model", counted, "-k", "1").decode()
    assert shown.splitlines()[-1] == "  exact"


def test_two_real_models(capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "bytelm.loading", real_loading)
    argv = ["generate", "import o", "--model", "bundled:code", "--model", "bundled:code-sp", "--max-bytes", "6"]
    members = [bytelm.load("bundled:code"), bytelm.load("bundled:code-sp")]
    for how in ("mixture", "product"):
        assert output(capsysbinary, *argv, "--how", how) == bytelm.ensemble(members, how).generate(
            "import o", max_bytes=6
        )
