"""The README's examples are run, and what it shows is what comes out (figures aside, which differ between machines)."""

import doctest
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from bytelm.cli.main import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MADE = {"make demo": "bytelm demo"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    found = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def shape(output: str) -> list[str]:
    """The lines without what depends on the machine: figures, and the lengths of bars."""
    masked = re.sub(r"[█▉▊▋▌▍▎▏]+", "#", re.sub(r"[-\d][\d.,]*", "0", output))
    lines = [re.sub(r"\s+", " ", line).strip() for line in masked.splitlines()]
    return [line for line in lines if line and "bytes/s" not in line]


def test_python_examples() -> None:
    test = doctest.DocTestParser().get_doctest("\n".join(blocks("pycon")), {}, "README.md", "README.md", 0)
    assert len(test.examples) > 10
    report: list[str] = []
    results = doctest.DocTestRunner().run(test, out=report.append)
    assert results.failed == 0, "".join(report)


def test_examples_of_tokenizers(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders that the page names are those of the shared data."""
    monkeypatch.chdir(shared / "data" / "tokenizers")
    report: list[str] = []
    text = (ROOT / "docs" / "tokenizers.md").read_text(encoding="utf-8")
    test = doctest.DocTestParser().get_doctest(text, {}, "tokenizers.md", "tokenizers.md", 0)
    assert len(test.examples) > 10
    assert doctest.DocTestRunner().run(test, out=report.append).failed == 0, "".join(report)


@pytest.mark.parametrize(("command", "output"), commands())
def test_command_examples(
    command: str, output: str, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    program, *arguments = shlex.split(MADE.get(command, command))
    assert program == "bytelm"
    assert main(arguments) == 0
    found = capsysbinary.readouterr().out.decode()
    assert shape(found) == shape(output)


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def speed(name: str = "speed") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "benchmarks" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def test_the_speed_tables_are_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from measuring.tables.markdown import (  # type: ignore[import-not-found]
        compiled_table,
        costs_table,
        greedy_table,
    )

    for table in (greedy_table(speed()), costs_table(speed()), compiled_table(speed("compiled"))):
        assert len(table) > 2
        assert "\n".join(table) in README


def test_the_losses_are_what_was_measured() -> None:
    measured = [model for model in speed()["models"].values() if "generate" in model]
    stepping = sorted(round(model["generate"]["step 1e-6"]["ratio"]["median"], 2) for model in measured)
    scoring = sorted(round(model["score"]["short"]["bytelm 1e-6"]["ratio"]["median"], 2) for model in measured)
    assert f"{stepping[0]} to {stepping[-1]} of transformers" in README
    assert f"{scoring[0]} to {scoring[-1]} of one token-level" in README
    batches = {
        words: sorted(model["batch"][system]["ratio"]["median"] for model in measured)
        for words, system in {
            "{:.1f} to {:.1f} times one stream": "bytelm",
            "own batch {:.1f} to {:.1f},": "transformers",
        }.items()
    }
    beside = sorted(model["batch"]["ratio_of_batches"]["median"] for model in measured)
    assert all(words.format(least, most) in README for words, (least, *_, most) in batches.items())
    assert f"run at {beside[0]:.2f} to {beside[-1]:.2f} of\ntransformers' speed" in README
    scores = [model["score"]["short"] for model in measured]
    heads = sorted(rows["bytelm 1e-6"]["per_token"]["heads"] for rows in scores)
    assert f"takes {heads[0]:.1f} to {heads[-1]:.1f} evaluations a token" in README


def test_the_table_of_beams_is_what_was_measured() -> None:
    measured = json.loads((ROOT / "benchmarks" / "beams.json").read_text(encoding="utf-8"))["models"]
    named = {
        "canonical, tolerance 1e-6": "canonical 1e-06",
        "all, adaptive beam, tolerance 1e-4": "all 0.0001",
        "all, fixed beam of 5, threshold 0.05": "beam 5, 0.05",
        "all, fixed beam of 20": "beam 20, 0",
    }
    for words, name in named.items():
        rows = [measured[model]["rows"][name] for model in ("stories260K", "pycode-bpe4k")]
        cells = [cell for row in rows for cell in (f"{row['per_byte']['heads']:.2f}", f"{row['worst_text']:.2g}")]
        assert f"| {words} | {' | '.join(cells)} |" in README
