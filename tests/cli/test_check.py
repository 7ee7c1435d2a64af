"""``bytelm check``: what it prints, its exit status, and what it refuses."""

import json
from pathlib import Path

import pytest

from bytelm import loading
from bytelm.cli.main import main
from bytelm.tokens.tokenizer import Tokenizer
from checking.planted import AB, plant, tokenizer

Capture = pytest.CaptureFixture[bytes]
FEW = ["--cuts", "60", "--contexts", "1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with a tokenizer and no weights."""
    tokenizer(tmp_path)
    return tmp_path


@pytest.fixture
def wrong(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Tokenizer:
    """What is loaded, whatever is asked for: a byte view that lacks a token."""
    planted = plant(Tokenizer(folder), never=[AB])
    monkeypatch.setattr(loading, "tokenizer", lambda path: planted)
    return planted


@pytest.mark.parametrize("file", ["", "tokenizer.json"])
def test_a_tokenizer_that_is_right(capsysbinary: Capture, folder: Path, file: str) -> None:
    path = str(folder / file)
    assert main(["check", path, *FEW]) == 0
    out, err = capsysbinary.readouterr()
    lines = out.decode().splitlines()
    assert err == b""
    assert lines[0] == f"tokenizer   {path}: byte-level BPE"
    assert lines[1] == "size        262 tokens, 262 of them with bytes"
    assert lines[2] == "prefix      none"
    assert lines[-1].startswith("complete and sound on ")
    assert lines[-1].endswith(" cuts, 1 masks: no counterexample")


@pytest.mark.parametrize("name", [None, *(f"bundled:{name}" for name in loading.TOKENIZED)])
def test_the_bundled_tokenizers(capsysbinary: Capture, name: str | None) -> None:
    assert main(["check", *([name] if name else []), "--cuts", "300", "--contexts", "2", "--seed", "5"]) == 0
    assert f"tokenizer   {name or 'bundled:code'}: " in capsysbinary.readouterr().out.decode()


@pytest.mark.usefixtures("wrong")
def test_a_counterexample(capsysbinary: Capture, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("xx ab " * 50)
    assert main(["check", "x", "--cuts", "500", "--contexts", "0", "--text", str(tmp_path / "own.txt")]) == 1
    text = capsysbinary.readouterr().out.decode()
    assert "not complete: the tokenizer's own tokens of a text are not found at a cut of it\n" in text
    assert "a▏b   cut at byte 1 of b'ab'\n" in text
    assert "expected  no token and then a   ids []\n" in text
    assert "no counterexample" not in text


@pytest.mark.usefixtures("wrong")
def test_json(capsysbinary: Capture, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("ab" * 50)
    assert main(["check", "x", "--cuts", "500", "--contexts", "1", "--json", "--text", str(tmp_path / "own.txt")]) == 1
    found = json.loads(capsysbinary.readouterr().out)
    assert (found["tokenizer"], found["kind"], found["size"], found["prefix"]) == ("x", "byte-level BPE", 262, "")
    assert found["holds"] is False
    first = found["counterexamples"][0]
    assert (first["kind"], first["breaks"]) == ("missing", "complete")
    assert (first["data"], first["cut"], first["tokens"], first["rest"]) == ("6162", 1, [], "61")


def test_progress_goes_to_standard_error(capsysbinary: Capture, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bytelm.cli.progress.SECONDS_BETWEEN", 0.0)
    assert main(["check", str(folder), *FEW, "--progress"]) == 0
    lines = capsysbinary.readouterr().err.decode().splitlines()
    assert any(" of 60 cuts (" in line for line in lines)
    assert lines[-1].startswith("1 of 1 masks (100 %), ")


def test_ctrl_c(capsysbinary: Capture, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bytelm.checking.proof.check_cuts", interrupted)
    assert main(["check", str(folder)]) == 130
    assert capsysbinary.readouterr() == (b"", b"")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["{}/none"], "no such model directory: {}/none"),
        (["{}", "--cuts", "-1"], "cuts is -1; expected a whole number of at least 0"),
        (["{}", "--text", "{}/none"], "cannot read '{}/none': No such file or directory; give a file"),
        (["{}", "--text", "{}/empty"], "there is nothing in '{}/empty' to take pieces from; give a text"),
        (["{}", "--text", "{}/latin"], "'{}/latin' is not valid UTF-8 at byte 1; tokenizers take text only"),
    ],
)
def test_a_mistake_is_one_line(capsysbinary: Capture, folder: Path, argv: list[str], message: str) -> None:
    (folder / "empty").write_bytes(b"")
    (folder / "latin").write_bytes(b"a\xe9")
    assert main(["check", *(part.format(folder) for part in argv)]) == 2
    out, err = capsysbinary.readouterr()
    assert out == b""
    assert err.decode().startswith("bytelm: error: " + message.format(folder))
    assert err.count(b"\n") == 1
