"""``bytelm plot``."""

import re
from pathlib import Path

import pytest

from bytelm.cli.main import main

Capture = pytest.CaptureFixture[bytes]

pytestmark = pytest.mark.usefixtures("loading")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A text of two words; the fake model gives its bytes 0, -1, -2 … nats."""
    path = tmp_path / "text"
    path.write_bytes(b"ab cd")
    return path


def output(capture: Capture, *argv: str) -> str:
    status = main(["plot", *argv])
    out, err = capture.readouterr()
    assert (status, err) == (0, b"")
    return out.decode()


def test_a_table(capsysbinary: Capture, text: Path) -> None:
    lines = output(capsysbinary, str(text)).splitlines()
    assert "5 bytes by word" in lines[0]
    assert any("·cd" in line and "-9.0000" in line for line in lines)
    assert "5 bytes by byte" in output(capsysbinary, str(text), "--by", "byte")
    assert "regular expression" in output(capsysbinary, str(text), "--by", "/ /")


def test_files(capsysbinary: Capture, text: Path, tmp_path: Path) -> None:
    for name, begins in (("a.html", b"<!DOCTYPE html>"), ("a.png", b"\x89PNG"), ("a.csv", b"start,end,")):
        said = output(capsysbinary, str(text), "--out", str(tmp_path / name), "--title", "a title")
        assert said.startswith("5 bytes by ")
        assert said.rstrip().endswith(str(tmp_path / name))
        assert (tmp_path / name).read_bytes()[:15].lower().startswith(begins.lower())
    assert "a title" in (tmp_path / "a.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["TEXT", "--out", "a.gif"], "--out 'a.gif' ends in none of .html, .png and .csv"),
        (["TEXT", "--by", "sentence"], "sentence"),
        (["TEXT", "--by", "/(/"], "--by /(/ is no regular expression"),
        (["TEXT", "--ended", "--by", "line"], "--ended is about words: --by word or --by spaced, not 'line'"),
        (["/not/here"], "cannot read '/not/here'"),
    ],
)
def test_mistakes(capsysbinary: Capture, text: Path, argv: list[str], message: str) -> None:
    assert main(["plot", *(str(text) if one == "TEXT" else one for one in argv)]) == 2
    assert re.search(re.escape(message), capsysbinary.readouterr().err.decode())


def test_nothing_to_measure(capsysbinary: Capture, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert main(["plot", str(tmp_path / "empty")]) == 2
    assert b"there is nothing to measure: 0 bytes" in capsysbinary.readouterr().err
