"""Meta's forms: what its own code writes is read, and what bytelm writes is what that reads."""

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from blt.weights.meta_files import in_meta_names, write_hub, write_meta, write_pth
from blt.weights.tiny import check_equal, drawn_config, drawn_tensors, for_meta, released
from bytelm.blt.config import HashConfig, StackConfig
from bytelm.blt.patching.options import RELEASED_THRESHOLD, Patching
from bytelm.blt.weights.forms import form_of
from bytelm.blt.weights.meta_arguments import config_to_meta
from bytelm.blt.weights.meta_config import config_from_meta
from bytelm.blt.weights.reading import open_checkpoint
from bytelm.blt.weights.writing import save_meta

SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_meta_writes_is_read(seed: int, tmp_path: Path) -> None:
    config = for_meta(drawn_config(seed))
    tensors = drawn_tensors(config)
    write_meta(tmp_path / "theirs", config, tensors)
    checkpoint = open_checkpoint(tmp_path / "theirs")
    assert (checkpoint.config, checkpoint.form) == (config, "meta")
    check_equal(dict(checkpoint), tensors)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_saved_is_what_meta_reads(seed: int, tmp_path: Path) -> None:
    config = for_meta(drawn_config(seed))
    tensors = drawn_tensors(config, torch.bfloat16)
    model, entropy = in_meta_names(config, tensors)
    save_meta(tmp_path / "pth", config, tensors)
    check_equal(torch.load(tmp_path / "pth" / "consolidated.pth", weights_only=True)["model"], model)
    save_meta(tmp_path / "hub", config, tensors, hub=True)
    check_equal(load_file(tmp_path / "hub" / "model.safetensors"), model)
    for form in ("pth", "hub"):
        folder = tmp_path / form / "entropy_model"
        assert folder.exists() == (config.entropy is not None)
        if folder.exists():
            check_equal(torch.load(folder / "consolidated.pth", mmap=True, weights_only=True)["model"], entropy)
        checkpoint = open_checkpoint(tmp_path / form)
        assert (checkpoint.config, checkpoint.form) == (config, "meta" if form == "pth" else "meta-hub")
        check_equal(dict(checkpoint), tensors)


def test_a_pth_is_a_sound_archive_of_aligned_numbers(tmp_path: Path) -> None:
    config = released()
    save_meta(tmp_path / "ours", config, drawn_tensors(config))
    path = tmp_path / "ours" / "consolidated.pth"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    tensors = torch.load(path, mmap=True, weights_only=True)["model"]
    assert {tensor.data_ptr() % 64 for tensor in tensors.values()} == {0}


def test_the_release_as_it_is_on_the_hub(tmp_path: Path) -> None:
    """Its model's arguments say where patches start, or only the run's; those of the entropy model mislead."""
    config = released()
    tensors = drawn_tensors(config)
    model, entropy = in_meta_names(config, tensors)
    params, entropy_params = config_to_meta(config, "bfloat16")
    assert entropy_params is not None
    args: Any = params["model"]
    silent = {name: None for name in args if name.startswith("patching_")} | {"patch_size": 4.5}
    write_hub(tmp_path, args | silent, model)
    write_pth(tmp_path / "entropy_model", entropy_params, entropy)
    assert open_checkpoint(tmp_path).config == config, "the threshold alone is the entropy model's"
    run: Any = {"data": {"patcher_args": {"patching_mode": "entropy", "threshold": 0.5, "threshold_add": 0.25}}}
    (tmp_path / "train_args.json").write_text(json.dumps(run | {"model": args, "train_entropy_model": False}))
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.config.patching == Patching("both", 0.5, 0.25)
    check_equal(dict(checkpoint), tensors)


def test_an_entropy_model_from_elsewhere(tmp_path: Path) -> None:
    config = released()
    tensors = drawn_tensors(config)
    _, entropy = in_meta_names(config, tensors)
    write_meta(tmp_path / "model", config, tensors)
    entropy_params: Any = json.loads((tmp_path / "model" / "entropy_model" / "params.json").read_text())
    shutil.rmtree(tmp_path / "model" / "entropy_model")
    write_hub(tmp_path / "entropy", entropy_params["entropy_model"], entropy)
    with pytest.raises(ValueError, match=r"params\.json: patches by entropy need the entropy model.*facebook/blt-entr"):
        open_checkpoint(tmp_path / "model")
    check_equal(dict(open_checkpoint(tmp_path / "model", tmp_path / "entropy")), tensors)
    with pytest.raises(ValueError, match="holds a whole model; name an entropy model alone"):
        open_checkpoint(tmp_path / "model", tmp_path / "model")
    with pytest.raises(ValueError, match="holds an entropy model alone, which only says where patches start"):
        open_checkpoint(tmp_path / "entropy")
    assert form_of(tmp_path / "entropy") == "meta-hub"


def test_tables_of_rotary_embeddings_may_be_there(tmp_path: Path) -> None:
    config = released()
    tensors = drawn_tensors(config)
    write_meta(tmp_path, config, tensors, **{"local_encoder.rope.freqs_cis": torch.zeros(3, 2, 2, 2)})
    check_equal(dict(open_checkpoint(tmp_path)), tensors)


def test_rows_of_tables_that_are_apart(tmp_path: Path) -> None:
    config = released()
    tensors = drawn_tensors(config)
    write_meta(tmp_path, config, tensors)
    checkpoint = open_checkpoint(tmp_path)
    name = "encoder_hash_tok_embedding.weight"
    for first, last in ((0, 66), (10, 12), (11, 22), (21, 45), (65, 66)):
        assert torch.equal(checkpoint.rows(name, first, last), tensors[name][first:last])


def arguments(**changes: Any) -> dict[str, Any]:
    """The arguments of the small release, changed."""
    params, _ = config_to_meta(released(), "float32")
    model: Any = params["model"]
    return {"args": model | changes}


def entropy_arguments(**changes: Any) -> dict[str, Any]:
    _, params = config_to_meta(released(), "float32")
    model: Any = params and params["entropy_model"]
    return {"args": model | changes}


@pytest.mark.parametrize(
    ("changes", "patching"),
    [
        ({}, Patching()),
        ({"monotonicity": True, "patching_threshold": 0.5, "patching_threshold_add": 1.0}, Patching("monotonic", 0.5)),
        ({"patching_threshold_add": 0.0, "max_patch_length": 8}, Patching("both", RELEASED_THRESHOLD, 0.0, longest=8)),
        ({"patching_mode": "space", "patching_threshold": None}, Patching("space")),
        ({"patching_mode": "static", "patch_size": 6.0}, Patching("static", size=6)),
        ({"patching_mode": "byte", "patch_size": 4.5}, Patching("byte")),
    ],
)
def test_patching(changes: dict[str, Any], patching: Patching) -> None:
    assert config_from_meta(arguments(**changes), entropy_arguments()).patching == patching


@pytest.mark.parametrize(
    ("changes", "window"),
    [
        ({}, 512),
        ({"sliding_window": 64}, 64),
        ({"sliding_window": None}, 512),
        ({"sliding_window": None, "attn_bias_type": None}, 512),
        ({"sliding_window": None, "attn_bias_type": "block_causal"}, None),
    ],
)
def test_the_window_of_the_entropy_model(changes: dict[str, Any], window: int | None) -> None:
    found = config_from_meta(arguments(), entropy_arguments(**changes)).entropy
    assert found is not None
    assert found.window == window


def test_released_widths() -> None:
    """Those of the 7B model, by Meta's rule for the widths inside."""
    model = {"dim_local_encoder": 1280, "dim_local_decoder": 1280, "dim_global": 4096, "n_heads_global": 32}
    model |= {"n_heads_local_encoder": 20, "n_heads_local_decoder": 20, "cross_attn_nheads": 20, "multiple_of": 256}
    entropy = {"dim": 768, "n_heads": 12, "n_layers": 14, "multiple_of": 256, "ffn_dim_multiplier": 1.0}
    found = config_from_meta(arguments(**model), entropy_arguments(**entropy))
    assert (found.encoder.hidden, found.decoder.hidden, found.global_transformer.hidden) == (3584, 3584, 11008)
    assert found.entropy is not None
    assert found.entropy.hidden == 2048


def test_meta_defaults() -> None:
    names = (
        "n_heads_global",
        "n_kv_heads_global",
        "n_layers_global",
        "rope_theta",
        "norm_eps",
        "encoder_hash_byte_group_size",
    )
    found = config_from_meta(arguments(dim_global=64, **dict.fromkeys(names)), entropy_arguments())
    assert found.global_transformer == StackConfig(8, 64, 8, 8, 176, 10000.0, None, 1e-5)
    assert found.hashes == HashConfig((), 11, 1)
    assert config_from_meta(arguments(encoder_hash_byte_group_size="3,4"), entropy_arguments()).hashes.sizes == (3, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": -1}, r"p\.json: args.vocab_size is -1, but a model has ids"),
        ({"cross_attn_decoder": False}, "args.cross_attn_decoder is false, but it must be true"),
        ({"downsampling_by_pooling": "avg"}, 'downsampling_by_pooling is "avg", but it must be "max"'),
        ({"cross_attn_window_encoder": 512}, "cross_attn_window_encoder is 512, but it must be 0: a patch of bytelm"),
        ({"cross_attn_nheads": 4}, "cross_attn_nheads is 4, but it must be 2: bytelm's self- and cross-attentions"),
        ({"n_kv_heads": 1}, "n_kv_heads is 1, but it must be 2"),
        ({"dim_token": 256}, "dim_token is 256, but it must be 8: the local encoder has that width"),
        ({"head_dim": 64}, "head_dim is 64, but it must be 4"),
        ({"dim_local_decoder": 16}, "p.json: the decoder goes on .* got 8 and 16"),
        ({"patching_mode": "bpe_patcher"}, 'patching_mode is "bpe_patcher", but bytelm knows entropy, space'),
        ({"patching_threshold": None}, "patching_threshold is null, but bytelm cuts by a threshold only"),
        ({"patching_mode": "static", "patch_size": None}, "patch_size is null, but static patches need a size"),
        ({"patching_mode": "static", "patch_size": 4.5}, "patch_size is 4.5, but it must be a whole number"),
        ({"patching_mode": None}, "does not say where patches start.*train_args.json"),
    ],
)
def test_what_cannot_be_computed_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config_from_meta(arguments(**changes), entropy_arguments(), "p.json", "e.json")


def test_another_entropy_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"e\.json: args.vocab_size is 256, but it must be 260"):
        config_from_meta(arguments(), entropy_arguments(vocab_size=256), "p.json", "e.json")
    with pytest.raises(ValueError, match=r"e\.json: args.weight_tying is true"):
        config_from_meta(arguments(), entropy_arguments(weight_tying=True), "p.json", "e.json")
    with pytest.raises(ValueError, match=r"e\.json, args: 3 heads must share a width of 4"):
        config_from_meta(arguments(), entropy_arguments(n_heads=3), "p.json", "e.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patching": Patching("tokenizer")}, "patching.mode 'tokenizer'"),
        ({"patching": Patching(resets_at_newlines=True)}, "patching.resets_at_newlines"),
        ({"doubled_residual": False}, "doubled_residual False"),
        ({"encoder": StackConfig(1, 8, 4, 4, 24, window=512)}, "decoder.heads 2: .* the encoder has 4"),
        ({"encoder": StackConfig(1, 8, 2, 1, 24, window=512)}, "encoder.key_value_heads 1"),
        ({"encoder": StackConfig(1, 8, 2, 2, 24, window=256)}, "decoder.window 512: .* encoder's is 256"),
        ({"encoder": StackConfig(1, 8, 2, 2, 25, window=512)}, "hidden: .* 25, 64, 24 for widths of 8, 24, 8"),
        ({"encoder": StackConfig(1, 8, 2, 2, 24, 1.0, 512)}, "theta: .* there are 1, 500000, 500000"),
        ({"encoder": StackConfig(1, 8, 2, 2, 24, window=512, epsilon=1e-6)}, "epsilon: .* 1e-06, 1e-05, 1e-05"),
        ({"global_transformer": StackConfig(2, 24, 2, 2, 64, window=9)}, "global_transformer.window 9"),
        ({"entropy": StackConfig(1, 4, 2, 2, 9, window=512)}, "entropy.hidden 9: .* width, which is 4"),
        (
            {"encoder": StackConfig(2, 8, 2, 2, 24, window=512), "encoder_cross_attention": "restarted"},
            "encoder_cross_attention 'restarted'",
        ),
    ],
)
def test_what_meta_cannot_say_is_not_written(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    config = replace(released(), **change)
    with pytest.raises(ValueError, match=f"Meta's form cannot hold this model: {message}"):
        save_meta(tmp_path / "ours", config, drawn_tensors(config))
    assert not list(tmp_path.iterdir())
