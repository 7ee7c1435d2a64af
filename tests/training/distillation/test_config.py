"""Configurations of distillations: presets, what is refused, and how they are printed."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bytelm.training.configuring import print_config
from bytelm.training.distillation.config import DistillConfig
from bytelm.training.distillation.configuring import PRESETS, load_distillation
from bytelm.training.distillation.likelihoods import AlmConfig
from bytelm.training.schedule import rate_factor

ENOUGH = ("teacher=T", "student=S", "data=D", "out=O")


def test_the_recipe_of_the_published_model() -> None:
    """Llama3-2-3B-IT-Byte, as its card and tokenkit's scripts have it."""
    config = PRESETS["tokenkit-alm"].config
    own = config.optimizer
    assert (config.losses, config.mixing, config.weights) == (("sft", "alm", "latents"), "gradients", ())
    assert (config.steps, config.rows, config.length) == (20_000, 32, 2048)
    assert (own.name, own.rate, own.betas, own.decay, own.clip) == ("adamw", 3e-5, (0.9, 0.95), 0.0, None)
    assert (config.train, config.train_suffixes, config.dtype) == ("full", False, "float32")
    assert config.teacher_dtype == "bfloat16"
    assert config.alm == AlmConfig(threshold=0.1, append_space=True, temperature=100.0, epsilon=1e-6)
    factors = [rate_factor(own, step, config.steps) for step in (0, 999, 1999, 2000, 11_000, 15_500, 20_000)]
    assert factors == pytest.approx([1 / 2000, 0.5, 1, 1, 0.5, 0.25, 0], abs=1e-12)
    falls = [rate_factor(own, step, config.steps) for step in range(2000, 20_001)]
    assert all(before - after == pytest.approx(1 / 18_000) for before, after in pairwise(falls))


@pytest.mark.parametrize("name", PRESETS)
def test_printed_and_read_again(name: str, tmp_path: Path) -> None:
    config = load_distillation(name, [*ENOUGH, "losses=path,sft", "mixing=fixed", "weights=1,0.1", "lora.targets=q,k"])
    (tmp_path / "own.toml").write_text(print_config(config))
    assert load_distillation(str(tmp_path / "own.toml")) == config
    assert (config.losses, config.weights, config.lora.targets) == (("path", "sft"), (1.0, 0.1), ("q", "k"))
    untouched = load_distillation(name)
    (tmp_path / "preset.toml").write_text(print_config(untouched))
    assert load_distillation(str(tmp_path / "preset.toml")) == untouched == PRESETS[name].config


def test_a_file_on_top_of_a_preset(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('preset = "tokenkit-alm"\nsteps = 30_000\n[alm]\nthreshold = "none"\n')
    config = load_distillation(str(tmp_path / "own.toml"), ["optimizer.rate=1e-5"])
    assert (config.steps, config.alm.threshold, config.optimizer.rate) == (30_000, None, 1e-5)
    assert config.losses == ("sft", "alm", "latents")


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_for_anyone(name: str) -> None:
    config = load_distillation(name, ENOUGH)
    config.check_runnable()
    assert config.needs_teacher
    lacking: DistillConfig = PRESETS[name].config
    assert (lacking.teacher, lacking.student, lacking.data, lacking.out) == ("", "", "", "")


def test_when_the_teacher_is_needed() -> None:
    """Not where its targets are stored, nor for the texts alone."""
    config = load_distillation("exact-bytes", ["student=S", "data=D", "out=O"])
    for free in (replace(config, losses=("sft",)), replace(config, losses=("sft", "exact"), targets="T")):
        free.check_runnable()
        assert not free.needs_teacher
    assert replace(config, losses=("exact", "alm"), targets="T").needs_teacher


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["losses=exact,most"], "losses"),
        (["losses="], "losses must name what the student is to match: exact, path, alm, latents, sft"),
        (["losses=sft,exact,sft"], "losses names sft twice; name it once"),
        (["mixing=mean"], "mixing"),
        (["train=some"], "train"),
        (["teacher_dtype=int8"], "teacher_dtype"),
        (["losses=path,sft", "weights=1"], "weights must be one for each of the 2 losses, got 1"),
        (["weights=0"], "weights must be above 0, got 0; leave out a loss that is to have none"),
        (["losses=path,sft", "mixing=gradients", "weights=1,1"], "weights are for mixing=fixed; mixing is 'gradients'"),
        (["losses=path,sft", "mixing=gradients", "train=embeddings"], "compares how losses move the last block, which"),
        (["tolerance=1"], "tolerance must be at least 0 and below 1, got 1"),
        (["tolerance=-0.1"], "tolerance must be at least 0 and below 1, got -0.1"),
        (["tensor_parallel=2"], "tensor_parallel is for training from scratch"),
        (["losses=sft", "targets=T"], "targets are those of exact or path; the losses are sft"),
        (["alm.threshold=1"], "threshold must be a probability below 1"),
        (["lora.rank=0"], "rank and alpha of adapters must be above 0"),
        (["steps=5"], "optimizer.warmup must be at most the 5 steps"),
        (["tolerence=0.1"], "tolerence"),
        (["alm.treshold=0.1"], "treshold"),
        (["model.layers=1"], "model"),
        (["steps"], "a change must be KEY=VALUE"),
    ],
)
def test_what_is_refused(changes: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_distillation("cpu-tiny", changes)


@pytest.mark.parametrize("name", ["blt-1b", "nothing.toml"])
def test_what_is_not_there(name: str) -> None:
    with pytest.raises(ValueError, match=f"there is neither a preset nor a file '{name}'"):
        load_distillation(name)


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ("student", "a distillation needs a student: add student=DIRECTORY, which bytelm byteify makes"),
        ("teacher", "a distillation needs a teacher: add teacher=DIRECTORY, the model that the student follows"),
        ("data", "a run needs data"),
        ("out", "a run needs a place to write to"),
    ],
)
def test_what_a_run_needs(left_out: str, message: str) -> None:
    config = load_distillation("cpu-tiny", [change for change in ENOUGH if not change.startswith(left_out)])
    with pytest.raises(ValueError, match=message):
        config.check_runnable()
