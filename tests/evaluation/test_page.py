"""The examples of docs/evaluation.md are run, and so is its command."""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from bytelm.cli.main import main

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")


def test_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    report: list[str] = []
    test = doctest.DocTestParser().get_doctest(TEXT, {}, "evaluation.md", "evaluation.md", 0)
    assert len(test.examples) > 10
    assert doctest.DocTestRunner().run(test, out=report.append).failed == 0, "".join(report)


def test_the_command(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (block,) = re.findall(r"^```console\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
    command, _, expected = block.removeprefix("$ bytelm ").partition("\n")
    assert main(shlex.split(command)) == 0
    assert _shape(capsysbinary.readouterr().out.decode()) == _shape(expected)


def _shape(output: str) -> list[str]:
    """The words of the output without its figures, whose last digits differ between machines."""
    return re.sub(r"-?\d[\d.,]*", "0", output).split()
