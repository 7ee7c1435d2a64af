"""The arguments in which Meta's code describes a model: those that its classes know, and no others."""

from collections.abc import Mapping
from typing import Final

from bytelm.blt.config import BltConfig, StackConfig
from bytelm.blt.patching.options import Mode
from bytelm.blt.weights.obstacles import meta_obstacles
from bytelm.blt.weights.rounding import meta_rounding

DTYPES: Final[Mapping[str, str]] = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64"}
"""What Meta calls types of numbers."""

_MODES: Final[Mapping[Mode, str]] = {
    "entropy": "entropy",
    "monotonic": "entropy",
    "both": "entropy",
    "space": "space",
    "static": "static",
    "byte": "byte",
}

_BYTES, _PATCHES, _ENTROPY_BYTES = 24576, 4096, 8192
"""The lengths of the released models: how many positions Meta's code makes tables of rotary embeddings for."""


def config_to_meta(config: BltConfig, dtype: str) -> tuple[dict[str, object], dict[str, object] | None]:
    """The ``params.json`` of a model and of its entropy model, ``None`` if it has none.

    Args:
        config: the shape of the model.
        dtype: of its tensors, such as ``"bfloat16"``.

    Raises:
        ValueError: Meta's form does not say all that this model is.
    """
    obstacles = meta_obstacles(config)
    if obstacles:
        raise ValueError(f"Meta's form cannot hold this model: {'; '.join(obstacles)}")
    patcher = _patcher(config)
    run: dict[str, object] = {"distributed": {"model_dtype": DTYPES[dtype]}}
    tokens = {"name": "blt", "init_kwargs": {}}
    data = {"data": {"patcher_args": patcher, "tokenizer_args": tokens}}
    params = run | data | {"train_entropy_model": False, "model": _model(config)}
    if config.entropy is None:
        return params, None
    # As in the release: an entropy model is trained byte by byte, and transformers' converter takes its threshold.
    data = {"data": {"patcher_args": patcher | {"patching_mode": "byte"}, "tokenizer_args": tokens}}
    return params, run | data | {"train_entropy_model": True, "entropy_model": _entropy(config.entropy, config.size)}


def _patcher(config: BltConfig) -> dict[str, object]:
    patching = config.patching
    return {
        "patching_mode": _MODES[patching.mode],
        "threshold": patching.threshold,
        "threshold_add": patching.rise if patching.mode == "both" else None,
        "monotonicity": patching.mode == "monotonic",
        "max_patch_length": patching.longest,
        "patch_size": float(patching.size),
    }


def _model(config: BltConfig) -> dict[str, object]:
    encoder, decoder, whole = config.encoder, config.decoder, config.global_transformer
    patcher = _patcher(config)
    return {
        "vocab_size": config.size,
        "dim_global": whole.width,
        "dim_local_encoder": encoder.width,
        "dim_local_decoder": decoder.width,
        "n_layers_global": whole.layers,
        "n_layers_local_encoder": encoder.layers,
        "n_layers_local_decoder": decoder.layers,
        "n_heads_global": whole.heads,
        "n_heads_local_encoder": encoder.heads,
        "n_heads_local_decoder": decoder.heads,
        "n_kv_heads_global": whole.key_value_heads,
        "multiple_of": meta_rounding((encoder, whole, decoder)),
        "ffn_dim_multiplier": 1.0,
        "norm_eps": encoder.epsilon,
        "rope_theta": encoder.theta,
        "local_attention_window_len": encoder.window,
        "max_seqlen": _PATCHES,
        "max_encoder_seq_length": _BYTES,
        "patch_size": patcher["patch_size"],
        "patching_mode": patcher["patching_mode"],
        "patching_threshold": patcher["threshold"],
        "patching_threshold_add": patcher["threshold_add"],
        "monotonicity": patcher["monotonicity"],
        "max_patch_length": patcher["max_patch_length"],
        **_attention(config),
        **_hashes(config),
    }


def _attention(config: BltConfig) -> dict[str, object]:
    return {
        "use_local_encoder_transformer": True,
        "cross_attn_encoder": True,
        "cross_attn_decoder": True,
        "cross_attn_init_by_pooling": True,
        "downsampling_by_pooling": "max",
        "cross_attn_k": config.keys_per_patch,
        "cross_attn_nheads": config.encoder.heads,
        "cross_attn_all_layers_encoder": config.encoder_cross_attention == "refined",
        "cross_attn_all_layers_decoder": config.decoder_cross_attends_everywhere,
        "attn_impl": "xformers",
        "attn_bias_type": "block_causal",
    }


def _hashes(config: BltConfig) -> dict[str, object]:
    return {
        "encoder_hash_byte_group_size": list(config.hashes.sizes) or None,
        "encoder_hash_byte_group_vocab": config.hashes.rows,
        "encoder_hash_byte_group_nb_functions": config.hashes.functions,
    }


def _entropy(stack: StackConfig, size: int) -> dict[str, object]:
    return {
        "vocab_size": size,
        "dim": stack.width,
        "n_layers": stack.layers,
        "n_heads": stack.heads,
        "n_kv_heads": stack.key_value_heads,
        "multiple_of": meta_rounding((stack,)),
        "ffn_dim_multiplier": 1.0,
        "norm_eps": stack.epsilon,
        "rope_theta": stack.theta,
        "sliding_window": stack.window,
        "max_seqlen": _ENTROPY_BYTES,
        "attn_impl": "xformers",
        "attn_bias_type": "block_causal" if stack.window is None else "local_block_causal",
    }
