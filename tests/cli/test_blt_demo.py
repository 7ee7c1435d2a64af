"""``bytelm blt demo``."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bytelm.blt.lm import BltLM, BltState
from bytelm.cli.main import main
from bytelm.loading import load
from cli.blt_models import save

Capture = pytest.CaptureFixture[bytes]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("blt") / "model")


@pytest.fixture(scope="module")
def model(directory: Path) -> BltLM:
    found = load(directory)
    assert isinstance(found, BltLM)
    return found


def output(capture: Capture, *argv: object) -> str:
    status = main(["blt", "demo", *map(str, argv)])
    out, err = capture.readouterr()
    assert (status, err) == (0, b"")
    return out.decode()


def as_json(capture: Capture, *argv: object) -> Any:
    return json.loads(output(capture, *argv, "--json"))


def data_of(fields: dict[str, str], name: str = "text") -> bytes:
    return bytes.fromhex(fields[f"{name}_hex"]) if f"{name}_hex" in fields else fields[name].encode()


@pytest.mark.parametrize("temperature", [0, 1.0])
@pytest.mark.parametrize("prompt", ["A BLT has", "é", ""])
def test_the_figures(capsysbinary: Capture, directory: Path, model: BltLM, prompt: str, temperature: float) -> None:
    argv = [prompt, "--model", directory, "--max-bytes", 40, "--temperature", temperature, "--seed", 3]
    found = as_json(capsysbinary, *argv)
    text = data_of(found)
    assert text == model.generate(prompt, max_bytes=40, temperature=temperature, seed=3)
    assert found["bytes"] == len(text)
    patches = [data_of(patch) for patch in found["patches"]]
    assert patches == model.patches(prompt.encode() + text)
    starts = {sum(map(len, patches[:index])) for index in range(len(patches))}
    assert found["steps"] == sum(start >= len(prompt.encode()) for start in starts)
    assert found["mean"] == pytest.approx(len(text) / found["steps"])
    assert found["bytes_per_second"] > 0


def test_what_is_seen(capsysbinary: Capture, directory: Path) -> None:
    argv = ["A BLT has", "--model", directory, "--max-bytes", 30]
    found = as_json(capsysbinary, *argv)
    shown, said = output(capsysbinary, *argv).split("\n\na patch starts: ")
    assert shown.count("▏") == len(found["patches"])
    assert shown.replace("▏", "").startswith("A BLT has")
    assert "\x1b" not in shown
    steps = found["steps"]
    assert re.search(r"^prompt: 9 bytes in \d patches$", said, re.M)
    assert re.search(r"^text:   30 bytes in [\d.]+ s, [\d,]+ bytes/s$", said, re.M)
    assert f"{steps} instead of 30, one for {30 / steps:.1f} bytes; {1 - steps / 30:.0%} saved\n" in said


def test_colours(capsysbinary: Capture, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = output(capsysbinary, "A BLT has", "--model", directory, "--max-bytes", 20)
    monkeypatch.setattr("bytelm.cli.blt_demo.wants_colour", lambda _: True)
    coloured = output(capsysbinary, "A BLT has", "--model", directory, "--max-bytes", 20)
    shown = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert shown.split("\n\na patch")[0] == plain.split("\n\na patch")[0]
    assert coloured.startswith("\x1b[90m▏\x1b[0m\x1b[2;36mA")


def test_it_ends_where_the_text_does(capsysbinary: Capture, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = BltState.logprobs

    def ending(state: BltState) -> Any:
        found = own(state)
        found[256] = 100.0 if state.text.endswith(b"has") else -100.0
        return found

    monkeypatch.setattr(BltState, "logprobs", ending)
    found = as_json(capsysbinary, "A BLT has", "--model", directory)
    assert (found["text"], found["steps"], found["mean"]) == ("", 0, None)
    said = output(capsysbinary, "A BLT has", "--model", directory)
    assert "text:   0 bytes in 0.00 s" in said
    assert "steps" not in said


def test_the_bundled_model_is_the_default(capsysbinary: Capture) -> None:
    found = as_json(capsysbinary, "--max-bytes", 20)
    assert found["prompt"].startswith("import os")
    assert 0 < found["steps"] < 20


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--max-bytes", "-1"], "max_bytes is -1; expected a whole number of at least 0"),
        (["--temperature", "-1"], "temperature is -1.0; expected a finite number of at least 0"),
        (["--seed", "-1"], "seed is -1; expected a whole number of at least 0"),
    ],
)
def test_mistakes(capsysbinary: Capture, directory: Path, argv: list[str], message: str) -> None:
    assert main(["blt", "demo", "--model", str(directory), *argv]) == 2
    assert capsysbinary.readouterr().err.decode().startswith(f"bytelm: error: {message}")


def test_ctrl_c_leaves_what_was_written(
    capsysbinary: Capture, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(BltState, "advance", interrupted)
    assert main(["blt", "demo", "A BLT has", "--model", str(directory)]) == 130
    out, err = capsysbinary.readouterr()
    assert out.decode().replace("▏", "") == "A BLT has"
    assert err == b""
