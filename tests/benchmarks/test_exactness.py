"""The figures of exactness: the pages quote those of benchmarks/exactness.json, and all are within their bounds."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from covers import comparing, test_all_segmentations, test_genlm_references, test_references, test_trained_models

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "exactness.py"
RESULT: dict[str, Any] = json.loads((ROOT / "benchmarks" / "exactness.json").read_text("utf-8"))
PAGE = (ROOT / "docs" / "exactness.md").read_text("utf-8")
CLAIMS: dict[str, Any] = RESULT["claims"]

BOUNDS = {
    "random tables": comparing.NATS,
    "canonical models of tiny tokenizers": comparing.NATS,
    "stories260K": test_trained_models.NATS,
    "smollgpt-wine": test_trained_models.NATS,
    "pycode-bpe4k": test_trained_models.NATS,
    "byte-sampler": test_references.ROUNDING,
    "Meta": test_references.ROUNDING,
    "genlm-bytes": test_genlm_references.NATS,
    'segmentation="all", short texts': test_all_segmentations.ROUNDING,
    "distributions sum to one": 1e-12,
}
"""The tests' own bounds, by how the claims' names begin."""

Result = dict[str, Any]


def rows(heading: str) -> list[list[str]]:
    """The cells of the page's table whose heading begins so."""
    lines = PAGE[PAGE.index(f"\n{heading}") + 1 :].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quoted(cell: str, value: float | None) -> bool:
    """Whether a cell quotes a value to two figures, or is empty where there is none."""
    return cell == "" if value is None else float(cell) == float(f"{value:.1e}")


def test_the_page_quotes_every_claim() -> None:
    table = rows("| claim | judge |")
    assert sorted(row[0] for row in table) == sorted(CLAIMS)
    for name, _, count, next_bytes, whole, score, bound in table:
        claim, largest = CLAIMS[name], CLAIMS[name]["largest"]
        assert int(count) == claim["cases"]
        assert quoted(next_bytes, largest.get("next_bytes", largest.get("sum"))), name
        assert quoted(whole, largest.get("logprob")), name
        assert quoted(score, largest.get("score")), name
        assert quoted(bound, claim["bound"]), name


def test_the_page_quotes_the_references() -> None:
    *table, others = rows("| prompt ends with |")
    left = list(RESULT["references"])
    for prompt, system, nats in table:
        (entry,) = (one for one in left if one["prompt"].endswith(prompt.strip("`")) and one["system"] == system)
        assert float(nats.strip("*")) == round(entry["nats"], 3)
        left.remove(entry)
    assert others[2] == "below 0.001"
    assert all(entry["nats"] < 0.001 for entry in left)
    for system, text in (("byte-sampler", r"(\S+) nats \(byte-sampler, after"), ("Meta", r"(\S+) nats \(Meta, after")):
        (found,) = re.findall(text, PAGE)
        assert quoted(found, CLAIMS[f"{system}, normalising left out"]["largest"]["next_bytes"])


def test_the_page_of_segmentations_quotes_the_fixed_beam() -> None:
    page = (ROOT / "docs" / "segmentations.md").read_text("utf-8").partition("## Agreement with genlm-bytes")[2]
    for name in test_genlm_references.MODELS:
        (line,) = re.findall(rf"^\| {name} \| (.*) \|$", page, re.M)
        cells = [cell.replace("nats", "").strip() for cell in line.split("|")]
        largest = CLAIMS[f"genlm-bytes, {name}"]["largest"]
        for cell, what in zip(cells, ("logprob", "next_bytes", "candidates"), strict=True):
            figures = len(re.sub(r"e.*|\.", "", cell))
            assert float(cell) == float(f"{largest[what]:.{figures - 1}e}"), (name, what)


@pytest.mark.parametrize("name", CLAIMS)
def test_every_deviation_is_within_its_bound(name: str) -> None:
    claim = CLAIMS[name]
    if "texts" in claim:
        for text in claim["texts"]:
            allowed = 3 * text["standard_error"] + test_all_segmentations.ROUNDING + 1.1 * text["dropped"]
            assert abs(text["nats"]) <= text["bound"] <= allowed
    else:
        (bound,) = (bound for begins, bound in BOUNDS.items() if name.startswith(begins))
        assert claim["bound"] == bound
    assert claim["largest"]
    for value in claim["largest"].values():
        assert 0 <= value <= claim["bound"]


def test_the_references_are_within_their_bounds() -> None:
    assert len(RESULT["references"]) == 18
    for entry in RESULT["references"]:
        assert entry["bound"] == test_references.EXCEPTIONS.get(entry["prompt"], test_references.CLOSE)
        assert entry["nats"] <= entry["bound"]
        assert entry["same_most_probable"]


def test_nothing_was_left_out_nor_uncommitted() -> None:
    assert RESULT["left_out"] == {}
    assert RESULT["commit"] != "uncommitted"


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """What a quick run without the shared folder writes."""
    folder = tmp_path_factory.mktemp("exactness")
    command = [sys.executable, SCRIPT, "--quick", "--shared", folder, "--out", folder / "exactness.json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "canonical models of tiny tokenizers" in done.stdout
    assert str(folder) not in (folder / "exactness.json").read_text("utf-8")
    found: Result = json.loads((folder / "exactness.json").read_text("utf-8"))
    return found


def test_a_run_without_the_shared_folder(quick: Result) -> None:
    assert [name.partition(",")[0] for name in quick["claims"]] == [
        "random tables",
        "canonical models of tiny tokenizers",
        "distributions sum to one",
    ]
    assert quick["left_out"]["stories260K"] == "data/models/stories260K: not in the shared folder"
    for claim in quick["claims"].values():
        assert claim["cases"] > 0
        assert max(claim["largest"].values()) <= claim["bound"]
    assert quick["references"] == []
