"""The script of proofs: a small run, what it leaves behind, and how it goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bytelm.loading import resolve
from checking.planted import tokenizer

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "proofs.py"

Done = subprocess.CompletedProcess[str]


def proofs(*arguments: str | Path) -> Done:
    """Run the script as users do."""
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shared folder with two tokenizers, one of which is none, a text, and what a run wrote."""
    folder = tmp_path_factory.mktemp("shared")
    tokenizer(folder / "data" / "tokenizers" / "tiny")
    (folder / "data" / "models" / "broken").mkdir(parents=True)
    (folder / "data" / "corpora" / "code").mkdir(parents=True)
    (folder / "data" / "corpora" / "code" / "a.txt").write_text("the ab 中\r\n" * 20, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def first(folder: Path) -> Done:
    return proofs("--shared", folder, "--cuts", "50", "--contexts", "2", "--out", folder / "proofs.json")


@pytest.fixture(scope="module")
def result(folder: Path, first: Done) -> dict[str, Any]:
    """The JSON of the run."""
    found: dict[str, Any] = json.loads((folder / "proofs.json").read_text("utf-8"))
    return found


def test_every_tokenizer_of_the_shared_folder_is_proved(first: Done, result: dict[str, Any]) -> None:
    assert list(result["tokenizers"]) == ["data/tokenizers/tiny", "data/models/broken"]
    tiny = result["tokenizers"]["data/tokenizers/tiny"]
    assert tiny["holds"] is True
    assert tiny["cuts"] >= 50
    assert tiny["masks"] == 2
    assert tiny["counterexamples"] == []
    assert set(tiny["seconds"]) == {"load", "view", "again", "proof"}
    assert 0 < tiny["mask_milliseconds"]["median"] <= tiny["mask_milliseconds"]["most"]
    assert 0 <= tiny["resident_bytes"]["view"] < tiny["resident_bytes"]["peak"]


def test_one_that_cannot_be_loaded_is_recorded(first: Done, result: dict[str, Any]) -> None:
    error = "FileNotFoundError: no tokenizer.json in data/models/broken: save the model's fast tokenizer there; "
    assert result["tokenizers"]["data/models/broken"]["error"].startswith(error)
    assert first.returncode == 1
    assert "broken" in first.stdout
    assert "complete and sound" in first.stdout
    assert first.stderr.splitlines() == ["data/tokenizers/tiny: done", "data/models/broken: done"]


def test_says_with_what_it_ran(result: dict[str, Any]) -> None:
    assert result["amount"] == {"cuts": 50, "contexts": 2, "seed": 0, "limit": 10}
    assert {"commit", "date", "machine", "versions"} <= set(result)


@pytest.mark.usefixtures("first")
def test_a_second_run_goes_on(folder: Path) -> None:
    out = folder / "proofs.json"
    marked = json.loads(out.read_text("utf-8"))
    marked["tokenizers"]["data/tokenizers/tiny"]["seconds"]["proof"] = 12345
    again = folder / "again.json"
    again.write_text(json.dumps(marked), "utf-8")
    arguments = ["--shared", folder, "--contexts", "2", "--out", again]
    done = proofs(*arguments, "--cuts", "50")
    assert done.stderr.splitlines() == ["data/models/broken: done"], "only what failed is tried again"
    assert "12345" in done.stdout
    anew = proofs(*arguments, "--cuts", "60")
    assert anew.stderr.splitlines() == ["data/tokenizers/tiny: done", "data/models/broken: done"]
    assert json.loads(again.read_text("utf-8"))["amount"]["cuts"] == 60


def test_a_folder_by_its_path(tmp_path: Path) -> None:
    path = resolve("bundled:code-sp")
    done = proofs(path, "--shared", tmp_path, "--cuts", "20", "--contexts", "1")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == ["code-sp: done"]


def test_no_tokenizer_at_all_is_an_error_of_one_line(tmp_path: Path) -> None:
    done = proofs("--shared", tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"proofs.py: no tokenizers in {tmp_path / 'data'}; name folders, or --shared PATH\n"
