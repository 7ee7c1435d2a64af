"""The examples of the page are run, and its table is what was measured."""

import doctest
import json
import re
import shlex
from pathlib import Path

import pytest

from bytelm.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "blt.md").read_text(encoding="utf-8")


def test_examples() -> None:
    blocks = re.findall(r"^```pycon\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "blt.md", "blt.md", 0)
    assert len(test.examples) >= 8
    report: list[str] = []
    results = doctest.DocTestRunner().run(test, out=report.append)
    assert results.failed == 0, "".join(report)


def test_the_command(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (block,) = re.findall(r"^```console\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    command, _, expected = block.removeprefix("$ bytelm ").partition("\n")
    assert main(shlex.split(command)) == 0
    assert capsysbinary.readouterr().out.decode() == expected


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", PAGE)
    assert len(links) >= 2
    files = [*links, *(f"../{name}" for name in re.findall(r"`(tests/[\w/.]+)`", PAGE))]
    assert [file for file in files if not (ROOT / "docs" / file).exists()] == []


def test_the_table_is_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from blt_speed import markdown  # type: ignore[import-not-found]

    table = list(markdown(json.loads((ROOT / "benchmarks" / "blt_speed.json").read_text("utf-8"))))
    assert len(table) > 12
    assert "\n".join(table) in PAGE
