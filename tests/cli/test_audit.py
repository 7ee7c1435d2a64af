"""``bytelm audit`` on the bundled models and on a tokenizer alone."""

import json
from pathlib import Path

import pytest

from bytelm.cli.main import main
from checking.planted import TH, tokenizer

Capture = pytest.CaptureFixture[bytes]


def output(capture: Capture, *argv: str) -> str:
    assert main(["audit", *argv]) == 0
    out, err = capture.readouterr()
    assert err == b""
    return out.decode()


def test_the_tokens_their_weight_and_the_covers_at_the_end(capsysbinary: Capture) -> None:
    lines = output(capsysbinary, "import numpy as n").splitlines()
    assert lines[0] == "7 tokens, 17 bytes: the tokenizer's own"
    assert lines[1] == "  import|·n|u|mp|y|·as|·n"
    assert lines[3].split() == ["log", "P,", "nats", "part", "of", "all"]
    shares = [float(line.split()[-2]) for line in lines[4:7]]
    assert sum(shares) == pytest.approx(100, abs=0.1)
    assert lines[7].startswith("  all segmentations, at least")
    assert lines[9].startswith("cut at byte 17: import·numpy·as·n▏   ")
    assert "live covers" in lines[10]
    assert max(map(len, lines)) <= 100


def test_a_cut(capsysbinary: Capture) -> None:
    text = output(capsysbinary, "import numpy", "--cut", "3", "--cut", "6")
    assert "cut at byte 3: imp▏ort·numpy   " in text
    assert "cut at byte 6: import▏·numpy   " in text


def test_every_cut(capsysbinary: Capture) -> None:
    lines = output(capsysbinary, "import é", "--every-cut").splitlines()
    first = next(number for number, line in enumerate(lines) if line.split()[:1] == ["cut"])
    assert [int(line.split()[0]) for line in lines[first + 1 :]] == list(range(10))
    assert lines[first + 4].endswith("  imp")


def test_json(capsysbinary: Capture) -> None:
    found = json.loads(output(capsysbinary, "x = 1", "--json", "--model", "bundled:code-sp", "--cut", "1"))
    assert found["text"] == "x = 1"
    assert "".join(found["pieces"]) == " x = 1"
    assert len(found["tokens"]) == len(found["pieces"])
    assert found["own"] <= found["spelled"] <= found["total"] < 0
    assert 0 <= found["others"] <= 1
    assert 0 <= found["beyond"] <= 1
    (cut,) = found["cuts"]
    assert cut["cut"] == 1
    assert {"tokens", "pieces", "rest", "logweight", "evaluated"} <= set(cut["covers"][0])


@pytest.mark.parametrize("file", ["", "tokenizer.json"])
def test_a_tokenizer_without_a_model(capsysbinary: Capture, tmp_path: Path, file: str) -> None:
    tokenizer(tmp_path)
    path = str(tmp_path / file)
    lines = output(capsysbinary, "th x", "--model", path).splitlines()
    assert lines == ["3 tokens, 4 bytes: the tokenizer's own", "  th|·|x", "no config.json there, so the tokens alone"]
    found = json.loads(output(capsysbinary, "th", "--model", path, "--json"))
    assert found == {"text": "th", "tokens": [TH], "pieces": ["th"]}


def test_long_texts_take_several_lines(capsysbinary: Capture, tmp_path: Path) -> None:
    tokenizer(tmp_path)
    lines = output(capsysbinary, "x" * 120, "--model", str(tmp_path)).splitlines()
    assert max(map(len, lines)) <= 101
    assert "".join(lines[1:-1]).count("x") == 120


def test_a_cut_that_is_not_there(capsysbinary: Capture) -> None:
    assert main(["audit", "abc", "--cut", "4"]) == 2
    assert b"cuts are [4]; expected places from 0 to 3" in capsysbinary.readouterr().err
