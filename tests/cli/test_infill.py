"""``bytelm infill``."""

import json
import re
from pathlib import Path

import pytest

from bytelm.cli.main import main
from cli.fake_loading import SCRIPT

Capture = pytest.CaptureFixture[bytes]

pytestmark = pytest.mark.usefixtures("loading")


def output(capture: Capture, *argv: str) -> bytes:
    status = main(["infill", *argv])
    out, err = capture.readouterr()
    assert (status, err) == (0, b"")
    return out


def test_a_marked_gap(capsysbinary: Capture) -> None:
    assert output(capsysbinary, "a doc<GAP>") == SCRIPT
    assert output(capsysbinary, "a doc<GAP>way", "--whole", "--match", "3") == b"a doctor away"
    assert output(capsysbinary, "a doc|way", "--mark", "|", "--match", "3") == b"tor a"
    assert output(capsysbinary, "a doc<GAP>", "--max-bytes", "3", "--stop", "r") == b"to"


def test_a_gap_at_a_byte(capsysbinary: Capture, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"\xff doc away")
    argv = ["--file", str(tmp_path / "text"), "--at", "5", "--max-bytes", "3"]
    assert output(capsysbinary, *argv, "--whole") == b"\xff doctor away"
    found = json.loads(output(capsysbinary, *argv, "--json"))
    assert found.pop("seconds") >= 0
    assert found == {
        "prefix": "� doc",
        "prefix_hex": b"\xff doc".hex(),
        "text": "tor",
        "suffix": " away",
        "bytes": 3,
    }


def test_a_gap_between_files(capsysbinary: Capture, tmp_path: Path) -> None:
    (tmp_path / "before").write_bytes(b"a doc")
    (tmp_path / "behind").write_bytes(b" away")
    found = output(capsysbinary, "--prefix", str(tmp_path / "before"), "--suffix", str(tmp_path / "behind"))
    assert found == b"tor"
    assert output(capsysbinary, "--prefix", str(tmp_path / "before")) == SCRIPT


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["abc"], "the text has 0 places with '<GAP>'; mark one gap, or say --at BYTE, or --prefix and --suffix"),
        (["<GAP>a<GAP>"], "the text has 2 places with '<GAP>'"),
        (["abc", "--mark", ""], "the text has 0 places with ''"),
        (["abc", "--at", "4"], "--at is 4, but the text has 3 bytes"),
        (["abc", "--at", "-1"], "--at is -1; expected a whole number"),
        (["abc", "--prefix", "f"], "--prefix and --suffix stand in the place of a text with a gap"),
        (["a<GAP>b", "--order", "psm"], "this model has no special tokens for filling gaps"),
        (["a<GAP>b", "--end", "mark"], 'nothing marks the end; use end="suffix"'),
    ],
)
def test_mistakes(capsysbinary: Capture, argv: list[str], message: str) -> None:
    assert main(["infill", *argv]) == 2
    assert re.search(re.escape(message), capsysbinary.readouterr().err.decode())
