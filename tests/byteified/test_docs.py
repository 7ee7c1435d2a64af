"""What docs/byteification.md shows runs, on few texts and for few steps; so does the README's example."""

import doctest
import json
import re
import shlex
from pathlib import Path

import pytest

import bytelm
from byteified.published import write_llama
from bytelm.blt.lm import BltLM
from bytelm.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "byteification.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
FEW = ("steps=1", "rows=2", "length=128", "optimizer.warmup=1", "validate_every=0", "sample_every=0")


def block(page: str, language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    return str(found)


def commands(page: str, language: str) -> list[str]:
    return re.findall(r"^(?:\$ )?bytelm (.+?)(?: +#.*)?$", block(page, language), flags=re.MULTILINE)


def run(command: str, *more: str) -> None:
    arguments = shlex.split(command)
    assert main([*arguments, *(FEW if arguments[0] == "distill" else ()), *more]) == 0


def write_texts(folder: Path) -> None:
    """What the commands call ``src`` and ``Makefile``."""
    (folder / "src").mkdir()
    for number in range(3):
        (folder / "src" / f"{number}.py").write_text(f"def main_{number}(argv=None):\n    return {number}\n" * 3)
    (folder / "Makefile").write_text("test:\n\tpytest\n")


def test_commands(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_texts(tmp_path)
    asked = commands(PAGE, "console")
    assert [command.split()[0] for command in asked] == ["byteify", "data", "distill", "generate", "eval", "export"]
    for command in asked:
        run(command)
        assert capsysbinary.readouterr().out
    assert (tmp_path / "shared" / "modeling.py").is_file()
    report: list[str] = []
    test = doctest.DocTestParser().get_doctest(block(PAGE, "pycon"), {}, "page", "page", 0)
    assert len(test.examples) > 3
    assert doctest.DocTestRunner().run(test, out=report.append).failed == 0, "".join(report)
    # What follows takes the student and the data of these commands.
    targets, precomputed = (command.replace("MODEL", "bundled:code") for command in indented("targets "))
    run(targets.replace("--processes 8", "--length 128"))
    run(precomputed.replace("exact-bytes", "cpu-tiny").replace("out=run", "out=other"))
    (tmp_path / "patches.toml").write_text(block(PAGE, "toml"))
    run("distill cpu-tiny teacher=bundled:code student=patches.toml data=prepared out=blt", "--quiet")
    blt = bytelm.load(tmp_path / "blt")
    assert isinstance(blt, BltLM)
    assert b"".join(blt.patches("def main(argv):")) == b"def main(argv):"


def test_the_commands_of_the_readme_are_those_of_the_page() -> None:
    asked = commands(README, "sh")
    assert len(asked) >= 3
    assert set(asked) <= set(commands(PAGE, "console"))


def test_the_command_for_slurm(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prepared").mkdir()
    (tmp_path / "prepared" / "text.txt").write_text("some text")
    (command,) = (command for command in indented("") if "--launch slurm" in command)
    assert main([*shlex.split(command), "--dry-run"]) == 0
    shown = capsysbinary.readouterr().out.decode()
    assert "#SBATCH --nodes=2" in shown
    assert "#SBATCH --requeue" in shown


def test_chats_of_published_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a small one of random weights, of their layout, with a second template as the page says."""
    folder = write_llama(tmp_path / "published")
    (folder / "chat_template.jinja").write_text(
        json.loads((folder / "tokenizer_config.json").read_text())["chat_template"]
    )
    (folder / "additional_chat_templates").mkdir()
    plain = "{{ bos_token }}{% for message in messages %}{{ message['content'] + '<|eot_id|>' }}{% endfor %}"
    (folder / "additional_chat_templates" / "training.jinja").write_text(plain)
    monkeypatch.chdir(tmp_path)
    source = block(PAGE, "python").replace("benjamin/Llama3-2-3B-IT-Byte", str(folder)).replace("400", "5")
    names: dict[str, object] = {"bytelm": bytelm}
    exec(source, names)
    lm, messages = names["lm"], names["messages"]
    assert isinstance(names["reply"], bytes)
    assert "system" in str(lm.chat_prompt(messages))  # type: ignore[attr-defined]
    assert "system" not in str(lm.chat_prompt(messages, template="training"))  # type: ignore[attr-defined]


def test_links_lead_somewhere() -> None:
    names = re.findall(r"\]\((?!http)([^)#]+)", PAGE)
    files = [*names, *(f"../{name}" for name in re.findall(r"`(src/[\w/.]+)`", PAGE))]
    assert len(files) >= 4
    assert [file for file in files if not (ROOT / "docs" / file).exists()] == []


def test_defaults_are_those_of_the_settings() -> None:
    from bytelm.training.distillation.config import DistillConfig
    from bytelm.training.distillation.configuring import PRESETS

    config = DistillConfig()
    assert f"`tolerance` ({config.tolerance:g})" in PAGE
    assert f"`alm.threshold` ({config.alm.threshold:g})" in PAGE
    assert f"`lora.rank` {config.lora.rank}" in PAGE
    assert all(f"`{name}`" in PAGE for name in PRESETS)


def test_the_tables_are_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from distilling_demo.words import markdown, verdict

    from distill_speed import markdown as table_of_steps  # type: ignore[import-not-found]

    demo, speed = (json.loads((ROOT / "benchmarks" / f"distill_{name}.json").read_text()) for name in ("demo", "speed"))
    outcome, steps = list(markdown(demo)), list(table_of_steps(speed))
    assert len(outcome) == 6
    assert len(steps) >= 7
    assert "\n".join(outcome) in PAGE
    assert verdict(demo) in " ".join(PAGE.split())
    assert "\n".join(steps) in PAGE
    paragraph = README[README.index("`make distill-demo` teaches") : README.index("**Prompts with special tokens**")]
    for loss in demo["losses"].values():
        assert f"{loss['mean']['at_steps']['bits_per_byte']:.3f}" in paragraph
        assert f"{loss['mean']['at_seconds']['bits_per_byte']:.3f}" in paragraph
    assert f"{speed['over_path']['exact']['median']:.2f} times one along the path" in paragraph
    exact, path = (
        sum(one["seconds_per_step"] for one in demo["losses"][name]["seeds"].values()) for name in ("exact", "path")
    )
    assert f"take {exact / path:.2f} times those along the path" in PAGE


def indented(begin: str) -> list[str]:
    """The commands in indented blocks, from the first one that begins so on."""
    found = re.findall(r"^ {4}bytelm (.+)$", PAGE, flags=re.MULTILINE)
    first = next(place for place, command in enumerate(found) if command.startswith(begin))
    return found[first:]
