"""Configurations of training runs: loaded, refused, and printed."""

import json
import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blt.weights.tiny import drawn_config, drawn_stack
from bytelm.blt.config import BltConfig, HashConfig, StackConfig
from bytelm.blt.patching.options import Patching
from bytelm.training.config import TrainConfig
from bytelm.training.configuring import load_config, print_config
from bytelm.training.presets import PRESETS
from bytelm.training.printing import descriptions
from bytelm.training.run_config import OptimizerConfig

TINY = PRESETS["cpu-tiny"].config
STACK = StackConfig(1, 16, 2, 2, 24)


def changed(**changes: Any) -> TrainConfig:
    return replace(TINY, **changes)


def test_changes_on_a_command_line() -> None:
    found = load_config(
        "cpu-tiny",
        [
            *("data=some file.txt", "out=runs/one", "steps=40", "seed=7", "checkpoint_every=5", "dtype=bfloat16"),
            *("optimizer.rate=3e-4", "optimizer.betas=0.8,0.99", "optimizer.clip=none", "compile=true"),
            *("model.encoder.layers=2", "model.encoder.window=none", "model.hashes.sizes=3,4"),
        ],
    )
    assert (found.data, found.out, found.steps, found.seed) == ("some file.txt", "runs/one", 40, 7)
    assert (found.checkpoint_every, found.dtype, found.compile) == (5, "bfloat16", True)
    assert found.optimizer == replace(TINY.optimizer, rate=3e-4, betas=(0.8, 0.99), clip=None)
    assert isinstance(found.model, BltConfig)
    assert isinstance(TINY.model, BltConfig)
    assert found.model.encoder == replace(TINY.model.encoder, layers=2, window=None)
    assert found.model.hashes == replace(TINY.model.hashes, sizes=(3, 4))
    assert found.model.decoder == TINY.model.decoder


def test_changes_count_together() -> None:
    """One alone would make a model that cannot be."""
    found = load_config("cpu-tiny", ["model.encoder.width=32", "model.decoder.width=32"])
    assert isinstance(found.model, BltConfig)
    assert (found.model.encoder.width, found.model.decoder.width) == (32, 32)
    bare = load_config("cpu-tiny", ["model.entropy=none", "model.patching.mode=space", "mean_patch=none"])
    assert isinstance(bare.model, BltConfig)
    assert bare.model.entropy is None


@pytest.mark.parametrize("name", ["run.toml", "run.json"])
def test_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    toml = 'preset = "cpu-tiny"\nsteps = 50\n[optimizer]\nrate = 1\n[model.encoder]\nwindow = "none"\n'
    data = {"preset": "cpu-tiny", "steps": 50, "optimizer": {"rate": 1}, "model.encoder.window": None}
    path.write_text(toml if name.endswith("toml") else json.dumps(data))
    wanted = load_config("cpu-tiny", ["steps=50", "optimizer.rate=1", "model.encoder.window=none"])
    assert load_config(str(path)) == wanted
    assert load_config(str(path), ["steps=60"]) == replace(wanted, steps=60)


def test_a_file_without_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        'kind = "entropy"\n[model]\nlayers = 1\nwidth = 16\nheads = 2\nkey_value_heads = 2\nhidden = 24\nwindow = 8\n'
    )
    assert load_config(str(path)) == TrainConfig(kind="entropy", model=replace(STACK, window=8))
    llama = load_config(str(path), ["kind=byte-llama"])
    assert llama == TrainConfig(kind="byte-llama", model=replace(STACK, window=8))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["steps"], "a change must be KEY=VALUE, such as steps=100, got 'steps'"),
        (["step=5"], "step=5: unknown key step; did you mean steps?"),
        (["rate=1e-3"], "rate=1e-3: unknown key rate; did you mean optimizer.rate?"),
        (["optimiser.rate=1"], "optimiser.rate=1: unknown key optimiser.rate; did you mean optimizer.rate"),
        (["model.layers=2"], "unknown key model.layers; did you mean"),
        (["optimizer.rate=fast"], "optimizer.rate=fast: optimizer.rate must be a number, got 'fast'"),
        (["steps=1.5"], "steps=1.5: steps must be a whole number, got '1.5'"),
        (["compile=yes"], "compile=yes: compile must be true or false, got 'yes'"),
        (["dtype=float16"], "dtype=float16: dtype must be one of float32, bfloat16, got 'float16'"),
        (["optimizer.betas=0.9"], "optimizer.betas must be 2 numbers separated by commas, got '0.9'"),
        (["model.encoder=3"], "model.encoder must be a group of settings, such as model.encoder.layers, got '3'"),
        (["model.encoder.heads=5"], "model.encoder: 5 heads must share a width of 48 in equal, even parts"),
        (["model.decoder.width=32"], "model: the decoder goes on from the states of the encoder"),
        (["model.entropy=none"], "model: patching by 'entropy' needs an entropy model, and the model has none"),
        (["model.patching.size=0"], "model.patching: static patches need at least 1 byte, got 0"),
        (["optimizer.rate=-1"], "optimizer: rate must be above 0, got -1"),
        (["kind=llama"], "kind must be one of blt, entropy, byte-llama, got 'llama'; did you mean byte-llama?"),
        (["kind=entropy"], "cpu-tiny begins with a model of kind 'blt'; begin with entropy-100m"),
        (["steps=5"], "optimizer.warmup must be at most the 5 steps of the run, got 10; give more steps, or"),
    ],
)
def test_changes_that_are_wrong(overrides: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        load_config("cpu-tiny", overrides)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("run.toml", "steps = \n", "run.toml is not valid TOML: Invalid value"),
        ("run.json", "{steps: 3}", "run.json is not valid JSON: "),
        ("run.json", "[3]", "run.json must hold an object of settings, but holds a list"),
        ("run.yaml", "steps: 3", "a configuration is a file that ends in .toml or .json, got"),
        ("run.toml", 'preset = "cpu-tony"', "preset must be one of cpu-tiny, entropy-100m, blt-1b, blt-7b, byte-llama"),
        ("run.toml", 'preset = "cpu-tiny"\nstep = 3', "run.toml: unknown key step; did you mean steps?"),
        ("run.toml", "steps = 3", "run.toml: kind must be given, one of blt, entropy, byte-llama, or a preset"),
        ("run.toml", 'kind = "blt"', "model must be given: a group of settings, such as model.encoder"),
        ("run.toml", 'kind = "entropy"\nmodel.layers = 1', "model.width must be given: a whole number"),
        ("run.toml", 'preset = "cpu-tiny"\nsteps = "3"', "run.toml: steps must be a whole number, got '3'"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)):
        load_config(str(path))


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"run\.toml is not valid TOML: 'utf-8' codec can't decode"):
        load_config(str(path))


def test_neither_a_preset_nor_a_file() -> None:
    message = "neither a preset nor a file 'cpu-tony'; did you mean cpu-tiny?; the presets are cpu-tiny, entropy-100m"
    with pytest.raises(ValueError, match=re.escape(message)):
        load_config("cpu-tony")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"length": 1}, "length must be at least 2, got 1"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"rows": 0}, "rows must be at least 1, got 0"),
        ({"keep": 0}, "keep must be at least 1, got 0"),
        ({"checkpoint_every": -1}, "checkpoint_every must be at least 0, got -1"),
        ({"accumulate": 3}, "accumulate must divide the 8 rows of a batch, got 3"),
        ({"kind": "llama"}, "kind must be one of blt, entropy, byte-llama, got 'llama'"),
        ({"dtype": "float16"}, "dtype must be one of float32, bfloat16, got 'float16'"),
        ({"kind": "entropy"}, "a model of kind 'entropy' has the shape of a StackConfig, got a BltConfig"),
        ({"model": STACK}, "a model of kind 'blt' has the shape of a BltConfig, got a StackConfig"),
        ({"mean_patch": 0.5}, "mean_patch must be at least 1 byte, got 0.5"),
        ({"mean_patch": float("nan")}, "mean_patch must be at least 1 byte, got nan"),
        ({"kind": "entropy", "model": STACK}, "mean_patch is for kind 'blt' with patches by an entropy model"),
        (
            {"kind": "byte-llama", "model": STACK, "mean_patch": None, "entropy_model": "a"},
            "entropy_model is for kind 'blt' with patches by an entropy model; leave it out",
        ),
        ({"model": replace(TINY.model, patching=Patching("space"))}, "mean_patch is for kind 'blt' with patches by"),  # type: ignore[type-var]
        ({"optimizer": OptimizerConfig(warmup=601)}, "optimizer.warmup must be at most the 600 steps of the run"),
        (
            {"optimizer": OptimizerConfig(schedule="wsd", warmup=500, decay_share=0.5)},
            "with optimizer.warmup 500 and optimizer.decay_share 0.5, the learning rate rises and falls over more than",
        ),
    ],
)
def test_runs_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        changed(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "adam"}, "name must be one of adamw, muon, got 'adam'; did you mean adamw?"),
        ({"schedule": "linear"}, "schedule must be one of cosine, wsd, constant, got 'linear'"),
        ({"rate": 0.0}, "rate must be above 0, got 0"),
        ({"rate": float("nan")}, "rate must be above 0, got nan"),
        ({"rate": float("inf")}, "rate must be above 0, got inf"),
        ({"epsilon": 0.0}, "epsilon must be above 0, got 0"),
        ({"clip": 0.0}, "clip must be above 0, got 0"),
        ({"betas": (0.9, 1.0)}, "betas must be at least 0 and below 1, got 1"),
        ({"betas": (-0.1, 0.9)}, "betas must be at least 0 and below 1, got -0.1"),
        ({"momentum": 1.0}, "momentum must be at least 0 and below 1, got 1"),
        ({"decay": -0.1}, "decay must be at least 0, got -0.1"),
        ({"warmup": -1}, "warmup must be at least 0 steps, got -1"),
        ({"final": 1.5}, "final must be from 0 to 1, got 1.5"),
        ({"decay_share": -1.0}, "decay_share must be from 0 to 1, got -1"),
    ],
)
def test_optimizers_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        OptimizerConfig(**changes)


def test_what_a_run_needs() -> None:
    with pytest.raises(ValueError, match="a run needs data: add data=PATH"):
        TINY.check_runnable()
    with pytest.raises(ValueError, match="a run needs a place to write to: add out=DIRECTORY"):
        changed(data="a").check_runnable()
    changed(data="a", out="b").check_runnable()


def read_back(config: TrainConfig, folder: Path) -> TrainConfig:
    path = folder / "printed.toml"
    path.write_text(print_config(config), encoding="utf-8")
    return load_config(str(path))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_printed_and_read_back(name: str, tmp_path: Path) -> None:
    assert load_config(name) == PRESETS[name].config
    assert read_back(PRESETS[name].config, tmp_path) == PRESETS[name].config


@st.composite
def optimizers(draw: st.DrawFn) -> OptimizerConfig:
    shares, positive = st.floats(0, 1, exclude_max=True), st.floats(0, exclude_min=True, allow_infinity=False)
    return OptimizerConfig(
        name=draw(st.sampled_from(["adamw", "muon"])),
        rate=draw(positive),
        betas=(draw(shares), draw(shares)),
        momentum=draw(shares),
        epsilon=draw(positive),
        decay=draw(st.floats(0, allow_infinity=False)),
        clip=draw(st.none() | positive),
        schedule=draw(st.sampled_from(["cosine", "constant"])),
        warmup=draw(st.integers(0, 100)),
        final=draw(shares),
        decay_share=draw(shares),
    )


@st.composite
def configurations(draw: st.DrawFn) -> TrainConfig:
    kind, seed = draw(st.sampled_from(["blt", "entropy", "byte-llama"])), draw(st.integers(0, 10**6))
    blt = drawn_config(seed) if kind == "blt" else None
    uses_entropies = blt is not None and blt.patching.needs_entropies
    accumulate = draw(st.integers(1, 9))
    return TrainConfig(
        kind=kind,  # type: ignore[arg-type]
        model=blt or drawn_stack(Random(seed), 8, 2),
        data=draw(st.text()),
        out=draw(st.text()),
        steps=draw(st.integers(100, 10**12)),
        seed=draw(st.integers(0, 2**63 - 1)),
        rows=accumulate * draw(st.integers(1, 99)),
        accumulate=accumulate,
        dtype=draw(st.sampled_from(["float32", "bfloat16"])),
        compile=draw(st.booleans()),
        entropy_model=draw(st.text()) if uses_entropies else "",
        mean_patch=draw(st.none() | st.floats(1, allow_infinity=False)) if uses_entropies else None,
        optimizer=draw(optimizers()),
    )


@given(configurations())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_configuration_is_printed_and_read_back(tmp_path: Path, config: TrainConfig) -> None:
    assert read_back(config, tmp_path) == config


@pytest.mark.parametrize("tree", [TrainConfig, OptimizerConfig, BltConfig, StackConfig, HashConfig, Patching])
def test_every_field_has_a_comment(tree: type) -> None:
    assert is_dataclass(tree)
    assert descriptions(tree).keys() == {field.name for field in fields(tree)}


def test_the_text_for_people() -> None:
    lines = print_config(TINY).splitlines()
    assert lines[0].startswith('# of the model: "blt", a Byte Latent Transformer; "entropy", the entropy model of one;')
    assert lines[1] == "# over bytes."
    assert lines[2] == 'kind = "blt"'
    place = lines.index("[model.global_transformer]")
    assert lines[place - 1].startswith("# the stacks; the encoder and the decoder have the same width.")
    assert lines[place + 1 : place + 3] == ["# how many blocks.", "layers = 2"]
    window = lines.index('window = "none"', place)
    assert lines[window - 1] == "# how many positions a position sees, itself included; none for all before it."
    assert all(len(line) <= 120 for line in lines)
