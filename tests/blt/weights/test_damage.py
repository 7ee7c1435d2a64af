"""Files that are damaged, hostile, or of another model: each is refused with what and where."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from blt.weights.meta_files import write_meta
from blt.weights.tiny import Tensors, drawn_tensors, released
from bytelm.blt.model import Blt
from bytelm.blt.weights.reading import fill, open_checkpoint
from bytelm.blt.weights.writing import save_directory

GATE = "model.local_encoder.layers.0.mlp.gate_proj.weight"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A model in bytelm's own form."""
    save_directory(tmp_path / "own", released(), drawn_tensors(released()))
    return tmp_path / "own"


@pytest.fixture
def meta(tmp_path: Path) -> Path:
    """A model in Meta's form."""
    write_meta(tmp_path / "meta", released(), drawn_tensors(released()))
    return tmp_path / "meta"


def changed(folder: Path, change: Callable[[Tensors], object]) -> Path:
    """The folder, with other tensors."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    return folder


def refused(folder: Path, message: str, kind: type[Exception] = ValueError) -> None:
    with pytest.raises(kind, match=message):
        open_checkpoint(folder)


def test_missing_tensors(own: Path) -> None:
    refused(changed(own, lambda t: t.pop(GATE)), rf"model\.safetensors does not hold what .*json describes: .*{GATE}")


def test_many_missing_tensors(own: Path) -> None:
    patchers = [name for name in load_file(own / "model.safetensors") if name.startswith("model.patcher")]
    refused(changed(own, lambda t: [t.pop(name) for name in patchers]), r"it lacks (model\.patcher\S+ ){3}and 9 more")


def test_unexpected_tensors(own: Path) -> None:
    refused(changed(own, lambda t: t.update(bias=torch.zeros(3))), "it also holds bias; one of the two files belongs")


def test_other_shapes(own: Path) -> None:
    refused(changed(own, lambda t: t.update({GATE: torch.zeros(9, 8)})), f"it holds {GATE} as 9 × 8 instead of 24 × 8")
    refused(changed(own, lambda t: t.update({GATE: torch.tensor(1.0)})), "as a single number instead of 24 × 8")


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn])
def test_numbers_that_are_no_weights(own: Path, dtype: torch.dtype) -> None:
    refused(changed(own, lambda t: t.update({GATE: torch.zeros(24, 8).to(dtype)})), f"{GATE} holds numbers of type .*8")


def test_truncated_safetensors(own: Path) -> None:
    path = own / "model.safetensors"
    whole = path.read_bytes()
    for length in (0, 5, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(own, r"model\.safetensors is not a whole safetensors file: ")


def test_truncated_pth(meta: Path) -> None:
    path = meta / "consolidated.pth"
    whole = path.read_bytes()
    for length in (0, 3, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(meta, r"consolidated\.pth is not a whole file of torch\.save")


def test_a_pth_of_the_old_form(meta: Path) -> None:
    tensors = torch.load(meta / "consolidated.pth", weights_only=True)
    torch.save(tensors, meta / "consolidated.pth", _use_new_zipfile_serialization=False)
    refused(meta, r"consolidated\.pth is not a whole file of torch\.save in its zip form")


class Hostile:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_no_program_in_a_pickle_is_run(meta: Path, tmp_path: Path, zipped: bool) -> None:
    value = {"model": {"lm_head.weight": Hostile(tmp_path / "ran")}}
    if zipped:
        torch.save(value, meta / "consolidated.pth")
    else:
        (meta / "consolidated.pth").write_bytes(pickle.dumps(value))
    refused(meta, r"consolidated\.pth (holds more than tensors.*could run a program|is not a whole file)")
    assert not (tmp_path / "ran").exists()
    pickle.loads(pickle.dumps(value))
    assert (tmp_path / "ran").exists(), "it would have run"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1], "must hold tensors by their names, but holds a list"),
        ({"model": {"step": 3}}, "'step' must be a tensor, but is a int"),
        ({"model": {3: torch.zeros(1)}}, "3 must be a tensor"),
    ],
)
def test_a_pth_of_other_things(meta: Path, value: object, message: str) -> None:
    torch.save(value, meta / "consolidated.pth")
    refused(meta, message)


def test_a_pth_of_a_training_run(meta: Path) -> None:
    """What is there besides the model is left alone."""
    tensors = torch.load(meta / "consolidated.pth", weights_only=True)
    torch.save(tensors | {"optim": {"step": 3}}, meta / "consolidated.pth")
    assert len(open_checkpoint(meta)) > 0


def test_directories_without_a_model(tmp_path: Path, own: Path, meta: Path) -> None:
    refused(tmp_path / "nowhere", "no such model directory: .*nowhere", FileNotFoundError)
    refused(own / "config.json", "is a file; give the directory of the model")
    refused(tmp_path, "no Byte Latent Transformer in .*: there is neither a config.json", FileNotFoundError)
    (own / "config.json").write_text(json.dumps({"model_type": "llama"}))
    refused(own, "no Byte Latent Transformer in", FileNotFoundError)
    meta.rename(tmp_path / "consolidated")
    refused(tmp_path, "with 'model'; give .*/consolidated", FileNotFoundError)


def test_directories_without_weights(own: Path) -> None:
    (own / "model.safetensors").unlink()
    refused(own, "no weights in .*own: there is none of", FileNotFoundError)


def test_invalid_json(own: Path) -> None:
    (own / "config.json").write_text("{")
    refused(own, r"config\.json is not valid JSON: ")
    (own / "config.json").write_text("[]")
    refused(own, r"config\.json must hold a JSON object, but holds a list")


def test_an_entropy_model_that_is_not_needed(own: Path, meta: Path) -> None:
    with pytest.raises(ValueError, match="own holds an entropy model of its own; leave out"):
        open_checkpoint(own, meta / "entropy_model")


def sharded(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    save_directory(tmp_path / "shards", released(), drawn_tensors(released()), shard=4000)
    index = json.loads((tmp_path / "shards" / "model.safetensors.index.json").read_text())
    return tmp_path / "shards", index["weight_map"]


def test_damaged_indices(tmp_path: Path) -> None:
    folder, places = sharded(tmp_path)
    index = folder / "model.safetensors.index.json"
    for file, message in (
        ("../model.safetensors", "it must name a file beside the index"),
        (3, "weight_map.lm_head.weight is 3, but it must be a string"),
        (next(file for file in places.values() if file != places["lm_head.weight"]), "lacks lm_head.weight, which .*"),
    ):
        index.write_text(json.dumps({"weight_map": places | {"lm_head.weight": file}}))
        refused(folder, message)


def test_missing_shards(tmp_path: Path) -> None:
    folder, places = sharded(tmp_path)
    (folder / places["lm_head.weight"]).unlink()
    refused(folder, r"index\.json names model-00\S+, which is not in", FileNotFoundError)


def test_other_models_are_not_filled(own: Path) -> None:
    checkpoint = open_checkpoint(own)
    parameters = drawn_tensors(released())
    head = parameters.pop("lm_head.weight")
    with pytest.raises(ValueError, match=r"the model lacks parameters of .*own: lm_head.weight"):
        fill(parameters, checkpoint)
    with pytest.raises(ValueError, match=r"the model has parameters that are not in .*own: head"):
        fill(parameters | {"lm_head.weight": head, "head": head}, checkpoint)
    with pytest.raises(ValueError, match=r"lm_head.weight of the model is \(3, 3\), but \(260, 8\) in"):
        fill(parameters | {"lm_head.weight": torch.zeros(3, 3)}, checkpoint)
    with torch.device("meta"):
        network = Blt(released())
    with pytest.raises(ValueError, match="has no memory to copy into; make it with to_empty first"):
        fill(dict(network.named_parameters()), checkpoint)
