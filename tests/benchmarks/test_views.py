"""The page on tokenizers quotes what was measured, and every tokenizer was proved."""

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MIB = 2**20


def measured(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "benchmarks" / f"{name}.json").read_text("utf-8"))["tokenizers"]
    return found


def test_the_page_quotes_the_views_that_were_measured() -> None:
    page = (ROOT / "docs" / "tokenizers.md").read_text("utf-8").split("## What it costs")[1]
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `([^`]+)` \|" + r" ([^|]+) \|" * 6 + "$", page, re.MULTILINE)}
    views = measured("views")
    assert list(rows) == list(views)
    for name, one in views.items():
        first, again = one["first"], one["again"]
        assert rows[name] == (
            f"{first['open'] + first['rule']:.2f}",
            f"{again['open'] + again['rule']:.2f}",
            f"{again['masks']['median']:.2f}",
            f"{again['masks']['within_2']:.0%}",
            f"{first['resident_bytes'] / MIB:.0f}",
            f"{one['kept_bytes'] / MIB:.0f}",
        )


def test_the_readme_says_how_many_were_proved() -> None:
    proofs = measured("proofs")
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(proofs) == 15
    assert "Fifteen published and trained ones" in readme
    assert all(one["holds"] and one["cuts"] >= 10_000 and one["masks"] == 100 for one in proofs.values())
