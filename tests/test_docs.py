"""The examples of docs/ensembles.md and docs/infilling.md are run; so are their commands."""

import doctest
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bytelm.cli.main import main

ROOT = Path(__file__).parent.parent
PAGES = ["ensembles.md", "infilling.md"]


@pytest.mark.parametrize("page", PAGES)
def test_examples(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    report: list[str] = []
    test = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
    assert len(test.examples) > 5
    assert doctest.DocTestRunner().run(test, out=report.append).failed == 0, "".join(report)


def test_commands_of_ensembles(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs" / "ensembles.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```console\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    for part in block.split("$ bytelm ")[1:]:
        command, _, expected = part.partition("\n")
        assert main(shlex.split(command)) == 0
        assert _shape(capsysbinary.readouterr().out.decode()) == _shape(expected)


@pytest.mark.parametrize(("page", "place"), [("ensembles.md", 0), ("infilling.md", 1)])
def test_tables_are_those_of_the_results(page: str, place: int) -> None:
    script = ROOT / "benchmarks" / "docs_tables.py"
    results = [str(ROOT / "benchmarks" / name) for name in ("ensembles.json", "fim.json")]
    done = subprocess.run([sys.executable, str(script), *results], capture_output=True, text=True, check=True)
    table = done.stdout.strip().split("\n\n")[place]
    assert len(table.splitlines()) > 5
    assert table in (ROOT / "docs" / page).read_text(encoding="utf-8")


def test_speeds_are_those_of_the_results() -> None:
    measured = json.loads((ROOT / "benchmarks" / "ensembles.json").read_text("utf-8"))["speed"]
    page = (ROOT / "docs" / "ensembles.md").read_text(encoding="utf-8")
    paragraph = page[page.index("What it costs, greedy bytes per second") :]
    medians = [rate["median"] for rate in measured.values() if isinstance(rate, dict)]
    assert len(medians) == 6
    assert [f"{median:.0f}" for median in medians if f" {median:.0f} " not in paragraph] == []


def _shape(output: str) -> str:
    """The output without its figures, whose last digits differ between machines."""
    return re.sub(r"[\d.,]+", "0", output).rstrip()
