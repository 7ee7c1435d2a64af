"""Tiny distillations: a teacher, students and data made on the spot, and runs of them."""

import json
from pathlib import Path

from byteified.sources import source
from bytelm.byteified.converting import byteify
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from bytelm.training.distillation.config import DistillConfig
from bytelm.training.distillation.configuring import load_distillation
from bytelm.training.distillation.opening import make_task, open_distillation_data
from bytelm.training.distillation.task import DistillTask
from bytelm.training.loop import train
from bytelm.training.run import Run
from bytelm.training.world import World
from training.runs import ALONE, Watching

LENGTH = 64
TEXTS = [
    *(f"the fox {number} jumped.\n" for number in range(12)),
    *(f"def add{number}(x):\n    return x + {number}\n" * 3 for number in range(4)),
    "été, 中文! \t",
    "x",
]
TINY = (
    *("steps=4", "seed=3", "rows=4", f"length={LENGTH}", "checkpoint_every=2", "keep=9", "validate_every=0"),
    *("sample_every=0", "optimizer.warmup=1", "tolerance=0"),
)
STUDENT = """
kind = "{kind}"
[model]
layers = 1
width = 16
heads = 2
key_value_heads = 2
hidden = 32
"""
BLT = """
preset = "cpu-tiny"
entropy_share = 0
mean_patch = "none"
[model]
entropy = "none"
[model.encoder]
width = 16
[model.decoder]
width = 16
layers = 1
[model.global_transformer]
width = 32
layers = 1
[model.hashes]
rows = 31
[model.patching]
mode = "tokenizer"
"""


def made(folder: Path) -> Path:
    """A teacher, byteified students "suffixes", "plain" and "gemma", and prepared data."""
    teacher = source(folder, "llama")
    teacher.rename(folder / "teacher")
    byteify(folder / "teacher", folder / "suffixes", suffixes=True)
    byteify(folder / "teacher", folder / "plain", suffixes=False)
    byteify(folder / "teacher", folder / "tokenkit", tokenizer="tokenkit")
    byteify(source(folder, "gemma2"), folder / "gemma")
    (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    prepare([folder / "texts.jsonl"], folder / "data", Options(validation=0.2))
    (folder / "blt.toml").write_text(BLT)
    (folder / "byte-llama.toml").write_text(STUDENT.format(kind="byte-llama"))
    return folder


def configured(folder: Path, out: Path | str, *changes: str, student: str = "plain") -> DistillConfig:
    """A distillation of what `made` made."""
    own = student if student.startswith("bundled:") else folder / student
    places = (f"teacher={folder / 'teacher'}", f"student={own}", f"data={folder / 'data'}", f"out={out}")
    return load_distillation("cpu-tiny", [*TINY, *places, *changes])


def opened(config: DistillConfig, world: World = ALONE) -> DistillTask:
    """The task of a distillation."""
    return make_task(config, world, Path(config.data))


def distilled(config: DistillConfig, watching: Watching | None = None, world: World = ALONE) -> Run:
    """Distil to the end, or until it is stopped."""
    data, place = open_distillation_data(config)
    return train(config, data, world, watching or Watching(), lambda: make_task(config, world, place))
