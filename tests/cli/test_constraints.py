"""``bytelm generate`` under constraints."""

import json
import re
from pathlib import Path

import pytest

import bytelm.loading as real_loading
from bytelm.cli.main import main

Capture = pytest.CaptureFixture[bytes]


def output(capture: Capture, *argv: str) -> bytes:
    status = main(["generate", *argv])
    out, err = capture.readouterr()
    assert (status, err) == (0, b"")
    return out


@pytest.mark.usefixtures("loading")
def test_choices(capsysbinary: Capture) -> None:
    assert output(capsysbinary, "a doc", "--choice", "tor away\n", "--choice", "x", "--echo") == b"a doctor away\n"


@pytest.fixture
def bundled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real loader."""
    monkeypatch.setitem(__import__("sys").modules, "bytelm.loading", real_loading)


@pytest.mark.usefixtures("bundled")
def test_a_schema_a_grammar_and_an_expression(capsysbinary: Capture, tmp_path: Path) -> None:
    (tmp_path / "schema").write_text('{"type": "object", "properties": {"n": {"type": "boolean"}}, "required": ["n"]}')
    made = output(capsysbinary, "x = ", "--json-schema", str(tmp_path / "schema"), "--temperature", "1")
    assert isinstance(json.loads(made)["n"], bool)
    (tmp_path / "grammar").write_text('start: "a" ("b" "c")+ "d"')
    assert re.fullmatch(rb"a(bc)+d", output(capsysbinary, "x", "--grammar", str(tmp_path / "grammar")))
    found = json.loads(output(capsysbinary, "for i in range(", "--regex", "[0-9]{1,2}", "--json"))
    assert re.fullmatch("[0-9]{1,2}", found["text"])
    assert found["prompt"] == "for i in range("
    assert found["ended"] == "end"


@pytest.mark.usefixtures("loading")
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--regex", "("], "regex"),
        (["--regex", "a", "--choice", "b"], "not allowed with argument"),
        (["--grammar", "/not/here"], "cannot read '/not/here'"),
    ],
)
def test_mistakes(capsysbinary: Capture, argv: list[str], message: str) -> None:
    assert main(["generate", "x", *argv]) == 2
    assert message in capsysbinary.readouterr().err.decode()
