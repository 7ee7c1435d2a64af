"""The commands of docs/training.md and of the README run, one after the other; its links lead somewhere."""

import json
import re
import shlex
from pathlib import Path

import pytest

from bytelm.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("page", "kind", "many"), [("docs/training.md", "console", 4), ("README.md", "bash", 3)])
def test_commands(
    page: str,
    kind: str,
    many: int,
    capsysbinary: pytest.CaptureFixture[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "src").symlink_to(ROOT / "src")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    (block,) = re.findall(rf"^```{kind}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    commands = re.findall(r"^(?:\$ )?bytelm (.+)$", block, flags=re.MULTILINE)
    assert len(commands) == many
    for command in commands:
        assert main(shlex.split(command, comments=True)) == 0
        assert capsysbinary.readouterr().out
    assert (tmp_path / "run" / "model.safetensors").is_file()


def test_the_command_for_slurm(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it would submit; of the texts at hand."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prepared").mkdir()
    (tmp_path / "prepared" / "text.txt").write_text("some text")
    (command,) = re.findall(r"^ {4}bytelm (train .*--launch slurm.*)$", PAGE, flags=re.MULTILINE)
    assert main([*shlex.split(command), "--dry-run"]) == 0
    shown = capsysbinary.readouterr().out.decode()
    assert "#SBATCH --nodes=4" in shown
    assert "#SBATCH --requeue" in shown


def test_links_lead_somewhere() -> None:
    names = re.findall(r"\]\((?!http)([^)#]+)", PAGE)
    files = [*names, *(f"../{name}" for name in re.findall(r"`(tests/[\w/.]+)`", PAGE))]
    assert len(files) >= 2
    assert [file for file in files if not (ROOT / "docs" / file).exists()] == []


def test_the_table_is_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from train_speed import markdown  # type: ignore[import-not-found]

    table = list(markdown(json.loads((ROOT / "benchmarks" / "train_speed.json").read_text("utf-8"))))
    assert len(table) >= 6
    assert "\n".join(table) in PAGE


def test_the_readme_says_what_was_measured() -> None:
    """The bits a byte of the demonstration, and the range of ratios to transformers."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    paragraph = page[page.index("`make train-demo` trains") : page.index("**Prompts with special tokens**")]
    demo, speed = (json.loads((ROOT / "benchmarks" / f"train_{name}.json").read_text()) for name in ("demo", "speed"))
    assert all(f"{model['bits_per_byte']:.3f}" in paragraph for model in demo["models"].values())
    runs = [one for shape in speed["shapes"].values() for one in shape["threads"].values()]
    for name in ("ratio", "ratio_patches_given"):
        medians = [one[name]["median"] for one in runs]
        assert f"{min(medians):.1f} to {max(medians):.1f}" in paragraph
