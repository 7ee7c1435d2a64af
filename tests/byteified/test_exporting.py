"""Exported models: transformers without bytelm computes what was trained."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

import bytelm
from blt.plain_networks import FULL
from blt.plain_networks import network as plain_network
from blt.weights.tiny import drawn_tensors, released
from byteified.sources import source
from bytelm.blt.weights.plain import save_transformer
from bytelm.blt.weights.writing import save_directory
from bytelm.byteified.bodies import BODIES
from bytelm.byteified.converting import byteify
from bytelm.byteified.exporting import Exported, export
from bytelm.byteified.registering import register

PROGRAM = Path(__file__).with_name("loading_program.py")


def loaded_elsewhere(directory: Path, *, remote: bool, scratch: Path) -> dict[str, Any]:
    """What ``loading_program.py`` finds in another process."""
    argv = [sys.executable, PROGRAM, directory, "remote" if remote else "plain", scratch / "found.pt"]
    environment = os.environ | {"HF_HOME": str(scratch / "cache"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(list(map(str, argv)), env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = torch.load(scratch / "found.pt")
    return found


def check_equal(found: dict[str, Any], directory: Path) -> None:
    """The logits are those of the model in a directory, and generation with a cache writes what it does without."""
    network = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    with torch.no_grad():
        assert torch.allclose(network(found["ids"]).logits, found["logits"], rtol=0, atol=1e-5)
    assert torch.equal(*found["written"])
    assert found["text"] == list("aé".encode())


@pytest.mark.parametrize("body", ["llama", "gemma3_text"])
def test_suffix_embeddings_bring_their_code(body: str, tmp_path: Path) -> None:
    register()
    byteify(source(tmp_path, body), tmp_path / "made")
    written = export(tmp_path / "made", tmp_path / "out")
    assert written.kind == "suffixes"
    check_equal(loaded_elsewhere(tmp_path / "out", remote=True, scratch=tmp_path), tmp_path / "made")
    assert bytelm.load(tmp_path / "out", device="cpu").bits_per_byte(b"ab") == pytest.approx(
        bytelm.load(tmp_path / "made", device="cpu").bits_per_byte(b"ab"), abs=1e-5
    )


def test_ordinary_architectures_need_no_code(tmp_path: Path) -> None:
    byteify(source(tmp_path, "qwen3"), tmp_path / "made", suffixes=False)
    assert export(tmp_path / "made", tmp_path / "out").kind == "ordinary"
    assert not list((tmp_path / "out").glob("*.py"))
    check_equal(loaded_elsewhere(tmp_path / "out", remote=False, scratch=tmp_path), tmp_path / "made")


@pytest.mark.parametrize("body", [body.model_type for body in BODIES])
def test_what_is_named_is_there(body: str, tmp_path: Path) -> None:
    byteify(source(tmp_path, body), tmp_path / "made")
    export(tmp_path / "made", tmp_path / "out")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    code = (tmp_path / "out" / "modeling.py").read_text()
    for name in config["auto_map"].values():
        assert f"\nclass {name.removeprefix('modeling.')}(" in code
    assert "bytelm.byteified" not in "".join(line for line in code.splitlines() if "import" in line)
    assert (tmp_path / "out" / "suffixes.py").is_file()


def test_plain_transformers_over_bytes(tmp_path: Path) -> None:
    save_transformer(tmp_path / "made", "byte-llama", FULL, plain_network(FULL).state_dict())
    (tmp_path / "made" / "metrics.jsonl").write_text("{}")
    written = export(tmp_path / "made", tmp_path / "out")
    assert written == Exported("ordinary", sum(one.numel() for one in plain_network(FULL).parameters()))
    assert not (tmp_path / "out" / "metrics.jsonl").exists()
    networks = [AutoModelForCausalLM.from_pretrained(tmp_path / name).eval() for name in ("made", "out")]
    ids = torch.tensor([[1, 100, 101, 102]])
    with torch.no_grad():
        assert torch.equal(*(network(ids).logits for network in networks))


def test_byte_latent_transformers(tmp_path: Path) -> None:
    save_directory(tmp_path / "made", released(), drawn_tensors(released()))
    written = export(tmp_path / "made", tmp_path / "out", dtype="bfloat16")
    assert written.kind == "blt"
    assert written.parameters == sum(one.numel() for one in drawn_tensors(released()).values())
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == "blt"


def test_dtypes_and_overwriting(tmp_path: Path) -> None:
    byteify(source(tmp_path), tmp_path / "made")
    export(tmp_path / "made", tmp_path / "out")
    with pytest.raises(ValueError, match="is not empty"):
        export(tmp_path / "made", tmp_path / "out")
    export(tmp_path / "made", tmp_path / "out", dtype="float16", overwrite=True)
    tensors = load_file(tmp_path / "out" / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == "float16"


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such model directory: /not/here"):
        export(Path("/not/here"), tmp_path / "out")
    with pytest.raises(ValueError, match="holds no byte model, so there is nothing to export; make one of it"):
        export(source(tmp_path), tmp_path / "out")
    byteify(next(tmp_path.glob("llama-*")), tmp_path / "made")
    with pytest.raises(ValueError, match="would be lost when"):
        export(tmp_path / "made", tmp_path / "made", overwrite=True)
    with pytest.raises(ValueError, match="unknown dtype 'int8'"):
        export(tmp_path / "made", tmp_path / "out", dtype="int8")
