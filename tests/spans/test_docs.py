"""The examples of docs/spans.md are run."""

import doctest
import re
from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_examples() -> None:
    page = (DOCS / "spans.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```pycon\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "spans.md", "spans.md", 0)
    assert len(test.examples) > 10
    report: list[str] = []
    assert doctest.DocTestRunner().run(test, out=report.append).failed == 0, "".join(report)


def test_the_picture_is_there_and_small() -> None:
    picture = (DOCS / "heatmap.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 100_000
