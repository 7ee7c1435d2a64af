"""The form of transformers: what its own model saves is read, and what bytelm saves is loaded by it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, BltForCausalLM
from transformers import BltConfig as TransformersConfig

from blt.weights.tiny import Tensors, check_equal, drawn_config, drawn_tensors, for_transformers, released
from bytelm.blt.config import BltConfig, HashConfig, StackConfig
from bytelm.blt.model import Blt
from bytelm.blt.patching.options import Patching
from bytelm.blt.weights.reading import fill, open_checkpoint
from bytelm.blt.weights.transformers_config import config_from_transformers, config_to_transformers
from bytelm.blt.weights.writing import save_directory

SEEDS = range(8)


def their_tensors(network: BltForCausalLM) -> Tensors:
    return {name.removeprefix("model."): tensor for name, tensor in network.state_dict().items()}


def made_by_transformers(config: BltConfig, folder: Path, **options: Any) -> BltForCausalLM:
    """A model that transformers made of a configuration without bytelm's own fields, and saved."""
    description = config_to_transformers(config, "float32")
    del description["bytelm"]
    torch.manual_seed(0)
    network = BltForCausalLM(TransformersConfig.from_dict(description))
    network.save_pretrained(folder, **options)
    return network


def loaded_by_transformers(folder: Path) -> BltForCausalLM:
    """What transformers loads, with no tensor left over on either side."""
    network, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, dtype="auto")
    assert not any(report.values()), report
    assert isinstance(network, BltForCausalLM)
    return network


@pytest.mark.parametrize("seed", SEEDS)
def test_what_transformers_saves_is_read(seed: int, tmp_path: Path) -> None:
    config = for_transformers(drawn_config(seed))
    network = made_by_transformers(config, tmp_path / "theirs")
    checkpoint = open_checkpoint(tmp_path / "theirs")
    assert (checkpoint.config, checkpoint.form) == (config, "transformers")
    check_equal(dict(checkpoint), their_tensors(network))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_saved_is_loaded_by_transformers(seed: int, dtype: torch.dtype, tmp_path: Path) -> None:
    config = for_transformers(drawn_config(seed))
    tensors = drawn_tensors(config, dtype, seed)
    save_directory(tmp_path / "ours", config, tensors)
    network = loaded_by_transformers(tmp_path / "ours")
    assert network.dtype == dtype
    check_equal(their_tensors(network), tensors)


@pytest.mark.parametrize("seed", range(30))
def test_every_model_is_saved_and_read_as_it_is(seed: int, tmp_path: Path) -> None:
    config = drawn_config(seed)
    tensors = drawn_tensors(config)
    save_directory(tmp_path / "ours", config, tensors)
    checkpoint = open_checkpoint(tmp_path / "ours")
    assert checkpoint.config == config
    check_equal(dict(checkpoint), tensors)


def test_a_network_is_saved_and_filled(tmp_path: Path) -> None:
    config = drawn_config(3)
    torch.manual_seed(0)
    network = Blt(config).initialize()
    save_directory(tmp_path / "ours", config, dict(network.named_parameters()), torch.float16)
    other = Blt(config).to(torch.float64)
    calls: list[tuple[int, int]] = []
    fill(dict(other.named_parameters()), open_checkpoint(tmp_path / "ours"), lambda *call: calls.append(call))
    for name, tensor in network.named_parameters():
        assert torch.equal(other.get_parameter(name), tensor.half().double()), name
    total = 8 * sum(tensor.numel() for tensor in network.parameters())
    assert calls[-1] == (total, total)
    assert calls == sorted(calls)


def test_shards_of_either_library_are_read_by_the_other(tmp_path: Path) -> None:
    config = for_transformers(drawn_config(1))
    network = made_by_transformers(config, tmp_path / "theirs", max_shard_size="2KB")
    assert len(list((tmp_path / "theirs").glob("*.safetensors"))) > 2
    checkpoint = open_checkpoint(tmp_path / "theirs")
    check_equal(dict(checkpoint), their_tensors(network))
    save_directory(tmp_path / "ours", config, checkpoint, shard=2000)
    assert len(list((tmp_path / "ours").glob("*.safetensors"))) > 2
    check_equal(their_tensors(loaded_by_transformers(tmp_path / "ours")), their_tensors(network))


def test_missing_fields_are_what_transformers_takes_for_them() -> None:
    released = TransformersConfig().to_dict()
    assert config_from_transformers({"model_type": "blt"}) == config_from_transformers(released)
    found = config_from_transformers({"model_type": "blt"})
    assert found.encoder == StackConfig(1, 1024, 16, 16, 2730, 500000.0, 512)
    assert found.global_transformer == StackConfig(25, 2048, 16, 16, 5632, 500000.0, None)
    assert found.decoder == StackConfig(9, 1024, 16, 16, 2816, 500000.0, 512)
    assert found.entropy == StackConfig(14, 768, 12, 12, 2048, 10000.0, 512)
    assert (found.patching, found.hashes, found.keys_per_patch) == (Patching(), HashConfig(), 2)
    assert (found.encoder_cross_attention, found.doubled_residual) == ("last", True)
    assert found.decoder_cross_attends_everywhere


def test_fields_of_the_first_converter() -> None:
    section = {"norm_eps": 1e-6, "rope_theta": 4.0, "rope_scaling": {"rope_type": "default"}}
    found = config_from_transformers(
        {
            "encoder_config": section,
            "encoder_hash_byte_group_size": [],
            "monotonicity": False,
            "patching_threshold_add": None,
            "patching_device": "cuda",
        }
    )
    assert (found.encoder.epsilon, found.encoder.theta) == (1e-6, 4.0)
    assert found.hashes.sizes == (3, 4, 5, 6, 7, 8)


@pytest.mark.parametrize("fields", [{"patching_mode": "space"}, {"patch_in_forward": False}])
def test_without_entropy_every_byte_is_a_patch(fields: dict[str, Any]) -> None:
    found = config_from_transformers(fields)
    assert found.patching.mode == "byte"
    assert (found.entropy is None) == (fields.get("patch_in_forward") is False)


def test_cross_attention_after_every_layer_begins_anew() -> None:
    found = config_from_transformers({"encoder_config": {"cross_attn_all_layers": True}})
    assert found.encoder_cross_attention == "restarted"


@pytest.mark.parametrize(
    "change",
    [
        {"doubled_residual": False},
        {"patching": Patching("space")},
        {"encoder": StackConfig(2, 8, 2, 2, 24, window=512), "encoder_cross_attention": "refined"},
    ],
)
def test_transformers_refuses_what_it_cannot_compute(change: dict[str, Any], tmp_path: Path) -> None:
    config = replace(released(), **change)
    save_directory(tmp_path / "ours", config, drawn_tensors(config))
    with pytest.raises(ValueError, match="bytelm_blt"):
        AutoModelForCausalLM.from_pretrained(tmp_path / "ours")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tie_word_embeddings": True}, r"c\.json: tie_word_embeddings is true, but it must be false"),
        ({"vocab_size": "260"}, 'vocab_size is "260", but it must be a whole number'),
        ({"vocab_size": 100}, "encoder_config.vocab_size is 260, but it must be 100: the whole model has that"),
        ({"cross_attn_k": 4}, "encoder_config.cross_attn_k is 2, but it must be 4"),
        ({"encoder_config": {"hidden_act": "gelu"}}, 'encoder_config.hidden_act is "gelu", but it must be "silu"'),
        ({"encoder_config": 3}, "encoder_config is 3, but it must be an object"),
        ({"decoder_config": {"hidden_size_global": 4096}}, "hidden_size_global is 4096, but it must be 2048"),
        ({"decoder_config": {"hidden_size": 512}}, r"c\.json: the decoder goes on .* got 1024 and 512"),
        ({"decoder_config": {"num_attention_heads": 3}}, "c.json, decoder_config: 3 heads must share a width of 1024"),
        ({"global_config": {"head_dim": 64}}, "global_config.head_dim is 64, but it must be 128"),
        ({"global_config": {"rope_parameters": {"rope_type": "yarn"}}}, 'rope_parameters.rope_type is "yarn"'),
        ({"global_config": {"rope_scaling": {"type": "linear"}}}, "rope_scaling.rope_type is .linear."),
        ({"global_config": {"partial_rotary_factor": 0.5}}, "partial_rotary_factor is 0.5, but it must be 1.0"),
        ({"patcher_config": {"vocab_size": 256}}, "patcher_config.vocab_size is 256, but it must be 260"),
        ({"patching_threshold": None}, "patching_threshold is null, but transformers cuts nothing"),
        ({"patching_threshold": True}, "patching_threshold is true, but it must be a number"),
        ({"patch_size": None}, "patch_size is null"),
        ({"max_patch_length": 0}, "c.json: the longest patch must have at least 1 byte"),
        ({"monotonicity": True}, "monotonicity is true, but it must be false: transformers ignores it"),
        ({"patching_threshold_add": 0.5}, "patching_threshold_add is 0.5"),
        ({"patch_in_forward": 1}, "patch_in_forward is 1, but it must be true or false"),
        ({"encoder_hash_byte_group_size": [3, "x"]}, "it must be a list of whole numbers"),
        ({"bytelm": {"colour": 1}}, "bytelm.colour is 1, but this version of bytelm knows no such field"),
        ({"bytelm": {}, "patching_mode": "words"}, "c.json: unknown patching 'words'"),
        ({"bytelm": {"encoder_cross_attention": "first"}}, "it must be one of last, refined, restarted"),
        ({"bytelm": {"encoder_cross_attention": "refined"}}, "cross_attn_all_layers is false"),
        ({"bytelm": {}, "patch_in_forward": False}, "patching by 'entropy' needs an entropy model"),
    ],
)
def test_what_cannot_be_computed_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config_from_transformers(fields, "c.json")


def test_an_edited_field_counts(tmp_path: Path) -> None:
    config = replace(released(), patching=Patching("monotonic", 1.0), doubled_residual=False)
    save_directory(tmp_path / "ours", config, drawn_tensors(config))
    path = tmp_path / "ours" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"patching_threshold": 2.0}))
    assert open_checkpoint(tmp_path / "ours").config.patching == Patching("monotonic", 2.0)
