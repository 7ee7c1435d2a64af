"""Meta's files as its own code writes them: names by a table of their own, files by torch and safetensors."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from blt.weights.tiny import Tensors
from bytelm.blt.config import BltConfig
from bytelm.blt.weights.meta_arguments import config_to_meta

BLOCK = {
    "self_attn.q_proj": "attention.wq",
    "self_attn.k_proj": "attention.wk",
    "self_attn.v_proj": "attention.wv",
    "self_attn.o_proj": "attention.wo",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.down_proj": "feed_forward.w2",
    "mlp.up_proj": "feed_forward.w3",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
}
CROSS_ATTENTION = {
    "q_proj": "wq",
    "k_proj": "wk",
    "v_proj": "wv",
    "o_proj": "wo",
    "q_norm": "cross_attn_norm_q",
    "k_norm": "cross_attn_norm_kv",
}


def in_meta_names(config: BltConfig, tensors: Tensors) -> tuple[Tensors, Tensors]:
    """The tensors of the model and of the entropy model, as Meta calls them."""
    model: dict[str, str] = {
        "local_encoder.tok_embeddings": "local_encoder.embed_tokens",
        "local_encoder.patch_embedding_projection": "local_encoder.patch_embedding_projection",
        "local_decoder.patch_embedding_projection": "local_decoder.patch_embedding_projection",
        "local_decoder.norm": "local_decoder.norm",
        "local_decoder.output": "lm_head",
    }
    if "global_transformer.token_embedding_projection.weight" in tensors:
        model["global_transformer.token_embedding_projection"] = "global_transformer.token_embedding_projection"
    for owner, layers in (
        ("local_encoder", config.encoder.layers),
        ("global_transformer", config.global_transformer.layers),
        ("local_decoder", config.decoder.layers),
    ):
        for layer in range(layers):
            model |= {f"{owner}.layers.{layer}.{b}": f"{owner}.layers.{layer}.{a}" for a, b in BLOCK.items()}
    everywhere = config.encoder_cross_attention != "last"
    for layer in range(config.encoder.layers if everywhere else 1):
        owner = f"local_encoder.cross_attn_layers.{layer}"
        model |= {f"{owner}.{b}": f"{owner}.{a}" for a, b in CROSS_ATTENTION.items()}
    for layer in range(config.decoder.layers if config.decoder_cross_attends_everywhere else 1):
        owner = f"local_decoder.cross_attn_layers.{layer}"
        model |= {f"{owner}.{b}": f"{owner}.{a}" for a, b in CROSS_ATTENTION.items()}
    named = {f"{theirs}.weight": tensors[f"{ours}.weight"] for theirs, ours in model.items()}
    for number, table in enumerate(tensors["encoder_hash_tok_embedding.weight"].split(config.hashes.rows)):
        if config.hashes.tables:
            named[f"encoder_hash_tok_embedding.{number}.weight"] = table.clone()
    return named, _entropy(config, tensors)


def _entropy(config: BltConfig, tensors: Tensors) -> Tensors:
    if config.entropy is None:
        return {}
    names = {"tok_embeddings": "embed_tokens", "norm": "norm", "output": "lm_head"}
    for layer in range(config.entropy.layers):
        names |= {f"layers.{layer}.{b}": f"layers.{layer}.{a}" for a, b in BLOCK.items()}
    return {f"{theirs}.weight": tensors[f"patcher.{ours}.weight"] for theirs, ours in names.items()}


def write_meta(folder: Path, config: BltConfig, tensors: Tensors, **extra: torch.Tensor) -> None:
    """``params.json`` and ``consolidated.pth``, and both for the entropy model; ``extra`` tensors with the model's."""
    model, entropy = in_meta_names(config, tensors)
    params, entropy_params = config_to_meta(config, "float32")
    write_pth(folder, params, model | extra)
    if entropy_params is not None:
        write_pth(folder / "entropy_model", entropy_params, entropy)


def write_pth(folder: Path, params: dict[str, Any], tensors: Tensors) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.json").write_text(json.dumps(params))
    torch.save({"model": tensors}, folder / "consolidated.pth")


def write_hub(folder: Path, args: dict[str, Any], tensors: Tensors) -> None:
    """``config.json`` and ``model.safetensors``, as Meta's code saves a model for the hub."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"args": args}))
    save_file(tensors, folder / "model.safetensors")
