"""The examples of the page are run, and its table is what was measured."""

import doctest
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "search.md").read_text(encoding="utf-8")


def test_examples() -> None:
    blocks = re.findall(r"^```pycon\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "search.md", "search.md", 0)
    assert len(test.examples) >= 7
    report: list[str] = []
    results = doctest.DocTestRunner().run(test, out=report.append)
    assert results.failed == 0, "".join(report)


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE)
    assert len(links) >= 2
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_the_tables_are_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from search import markdown  # type: ignore[import-not-found]

    result = json.loads((ROOT / "benchmarks" / "search.json").read_text("utf-8"))
    for task in result["models"]["bundled"]["tasks"]:
        table = markdown(result, "bundled", task)
        assert len(table) == 2 + len(result["amount"]["beams"])
        assert "\n".join(table) in PAGE
