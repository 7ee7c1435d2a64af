"""A finished model stands beside what else a run leaves, and nothing of it before all of it is written."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import bytelm
from blt.plain_networks import FULL, WINDOWED, logprobs, network
from blt.weights.tiny import check_equal, drawn_tensors, released
from bytelm.blt.config import BltConfig, StackConfig
from bytelm.blt.lm import BltLM
from bytelm.blt.weights.plain import open_transformer
from bytelm.blt.weights.plain_config import plain_kind
from bytelm.blt.weights.reading import open_checkpoint
from bytelm.training.config import Kind
from bytelm.training.export import export

TEXT = b"def add(one, other):\n"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The directory of a run."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "metrics.jsonl").write_bytes(b"{}\n")
    return tmp_path


def names(out: Path) -> set[str]:
    return {path.name for path in out.iterdir()}


def test_a_byte_latent_transformer(out: Path) -> None:
    tensors = drawn_tensors(released())
    export(released(), "blt", tensors, out)
    assert names(out) == {"checkpoints", "metrics.jsonl", "config.json", "model.safetensors"}
    check_equal(dict(open_checkpoint(out)), tensors)
    assert isinstance(bytelm.load(out), BltLM)


@pytest.mark.parametrize(("config", "kind"), [(FULL, "byte-llama"), (WINDOWED, "entropy"), (WINDOWED, "byte-llama")])
def test_a_plain_transformer(config: StackConfig, kind: Kind, out: Path) -> None:
    made = network(config)
    export(config, kind, made.state_dict(), out)
    assert names(out) == {
        *("checkpoints", "metrics.jsonl", "config.json", "model.safetensors"),
        *("tokenizer.json", "tokenizer_config.json", "generation_config.json"),
    }
    assert (open_transformer(out)[0], plain_kind(out)) == (config, kind)
    assert bytelm.load(out).score(TEXT) == pytest.approx(logprobs(made, TEXT), abs=5e-6)


@pytest.mark.parametrize(("config", "positions"), [(FULL, 64), (WINDOWED, 2**20)])
def test_how_much_is_shown_at_a_time(config: StackConfig, positions: int, out: Path) -> None:
    """What has a window forgets by itself."""
    export(config, "byte-llama", network(config).state_dict(), out, length=64)
    assert json.loads((out / "config.json").read_text())["max_position_embeddings"] == positions


def test_a_model_takes_the_place_of_the_one_before(out: Path) -> None:
    export(FULL, "byte-llama", network(FULL, 1).state_dict(), out)
    export(FULL, "byte-llama", network(FULL, 2).state_dict(), out)
    check_equal(dict(open_transformer(out)[1]), network(FULL, 2).state_dict())


def test_nothing_is_there_after_an_error(out: Path) -> None:
    """Also where it comes in the middle: what is written waits in a folder of its own."""
    before = names(out)
    tensors = network(FULL).state_dict() | {"norm.weight": torch.ones(3)}
    with pytest.raises(ValueError, match=r"norm\.weight is \(3,\), but the configuration makes it \(24,\)"):
        export(FULL, "byte-llama", tensors, out)
    assert names(out) == before


@pytest.mark.parametrize(
    ("config", "kind", "message"),
    [
        (FULL, "blt", "a model of kind 'blt' has the shape of a BltConfig, got a StackConfig"),
        (released(), "entropy", "a model of kind 'entropy' has the shape of a StackConfig, got a BltConfig"),
    ],
)
def test_shapes_of_another_kind(config: BltConfig | StackConfig, kind: Any, message: str, out: Path) -> None:
    with pytest.raises(ValueError, match=message):
        export(config, kind, {}, out)
