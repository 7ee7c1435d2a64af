"""The page's examples are run, its links lead somewhere, and it quotes what was measured."""

import doctest
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "constraints.md").read_text(encoding="utf-8")


def test_examples() -> None:
    blocks = re.findall(r"^```pycon\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "constraints.md", "constraints.md", 0)
    assert len(test.examples) > 10
    report: list[str] = []
    assert doctest.DocTestRunner().run(test, out=report.append).failed == 0, "".join(report)


def test_the_table_is_what_was_measured() -> None:
    measured = json.loads((ROOT / "benchmarks" / "constraints.json").read_text(encoding="utf-8"))["models"]
    rows = [
        f"| {words} | {name} | {one['constraints']:,} | {one['finished']:,} | {one['valid']:,} | "
        f"{one['bytes'] / one['constraints']:.0f} | {1000 * one['seconds']['compile'] / one['constraints']:.1f} | "
        f"{1e6 * one['seconds']['generate'] / one['bytes']:,.0f} |"
        for model, words in (("table", "random table"), ("bundled", "bundled model"))
        for name, one in measured[model].items()
    ]
    assert [row for row in rows if row not in PAGE] == []
    assert all(one["invalid"] == [] for kinds in measured.values() for one in kinds.values())


@pytest.mark.parametrize("name", ["benchmarks/constraints.py", "tests/constraints"])
def test_what_it_names_is_there(name: str) -> None:
    assert name.split("/")[-1] in PAGE
    assert (ROOT / name).exists()
