"""Tiny transformers models with random weights, made on the spot, and trees of heads to try them on."""

from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    FalconConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTJConfig,
    GPTNeoConfig,
    GPTNeoXConfig,
    JambaConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    MixtralConfig,
    Olmo2Config,
    Phi3Config,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen2MoeConfig,
    Qwen3Config,
    RwkvConfig,
    Starcoder2Config,
)

from bytelm.engines.protocol import TokenModel
from bytelm.heads import Head
from bytelm.protocol import FloatArray

VOCABULARY = 37
CONTEXT = 128

# Weights far larger than a fresh model's: otherwise its answers hardly depend on what it attends to.
COMMON = {
    "vocab_size": VOCABULARY,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": None,
}
LLAMA_LIKE = COMMON | {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": CONTEXT,
}


def network(config: PretrainedConfig, seed: int = 0) -> PreTrainedModel:
    """A model of this configuration, in float32."""
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def llama(context: int = CONTEXT) -> PreTrainedModel:
    return network(LlamaConfig(**(LLAMA_LIKE | {"max_position_embeddings": context})))


def gpt2(context: int = CONTEXT) -> PreTrainedModel:
    return network(GPT2Config(**COMMON, n_embd=32, n_layer=2, n_head=4, n_positions=context))


def qwen2() -> PreTrainedModel:
    return network(Qwen2Config(**LLAMA_LIKE))


def gpt_neox() -> PreTrainedModel:
    shape = {name: size for name, size in LLAMA_LIKE.items() if name not in ("num_key_value_heads", "head_dim")}
    return network(GPTNeoXConfig(**shape))


def mistral(window: int) -> PreTrainedModel:
    return network(MistralConfig(**LLAMA_LIKE, sliding_window=window))


def gemma2(window: int) -> PreTrainedModel:
    return network(Gemma2Config(**LLAMA_LIKE, sliding_window=window))


def bloom() -> PreTrainedModel:
    return network(BloomConfig(**COMMON, hidden_size=32, n_layer=2, n_head=4))


def qwen3() -> PreTrainedModel:
    return network(Qwen3Config(**LLAMA_LIKE))


def gemma3(window: int) -> PreTrainedModel:
    kinds = ["sliding_attention", "full_attention"]
    return network(Gemma3TextConfig(**LLAMA_LIKE, sliding_window=window, layer_types=kinds))


def phi3() -> PreTrainedModel:
    return network(Phi3Config(**LLAMA_LIKE))


def olmo2() -> PreTrainedModel:
    return network(Olmo2Config(**without(LLAMA_LIKE, "head_dim")))


def starcoder2() -> PreTrainedModel:
    return network(Starcoder2Config(**without(LLAMA_LIKE, "head_dim")))


def mixtral() -> PreTrainedModel:
    return network(MixtralConfig(**LLAMA_LIKE, num_local_experts=4, num_experts_per_tok=2))


def qwen2_moe() -> PreTrainedModel:
    sizes = {"moe_intermediate_size": 16, "shared_expert_intermediate_size": 16, "num_experts": 4}
    return network(Qwen2MoeConfig(**without(LLAMA_LIKE, "head_dim"), **sizes, num_experts_per_tok=2))


def gptj() -> PreTrainedModel:
    return network(GPTJConfig(**COMMON, n_embd=32, n_layer=2, n_head=4, n_positions=CONTEXT, rotary_dim=4))


def falcon() -> PreTrainedModel:
    return network(FalconConfig(**COMMON, hidden_size=32, num_hidden_layers=2, num_attention_heads=4))


def gpt_neo(window: int = 5) -> PreTrainedModel:
    kinds = [[["global", "local"], 1]]
    shape = {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "intermediate_size": 48}
    return network(
        GPTNeoConfig(**COMMON, **shape, attention_types=kinds, window_size=window, max_position_embeddings=CONTEXT)
    )


def mamba() -> PreTrainedModel:
    return network(MambaConfig(**COMMON, hidden_size=32, num_hidden_layers=2, state_size=4))


def rwkv() -> PreTrainedModel:
    shape = {"hidden_size": 32, "attention_hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 48}
    return network(RwkvConfig(**without(COMMON, "pad_token_id"), **shape, context_length=CONTEXT))


def jamba() -> PreTrainedModel:
    shape = {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "num_experts": 2}
    recurrent = {"mamba_d_state": 4, "mamba_expand": 1, "mamba_dt_rank": 4, "use_mamba_kernels": False}
    return network(JambaConfig(**without(LLAMA_LIKE, "head_dim"), **shape, **recurrent))


def without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def chain(length: int, rng: np.random.Generator, parent: Head | None = None) -> list[Head]:
    """``parent``, or a new root, and ``length`` heads one behind the other."""
    return chain_of(rng.integers(VOCABULARY, size=length).tolist(), parent)


def chain_of(tokens: list[int], parent: Head | None = None) -> list[Head]:
    """``parent``, or a new root, and a head for each token, one behind the other."""
    heads = [Head() if parent is None else parent]
    for token in tokens:
        heads.append(Head(heads[-1], token))
    return heads


def largest_difference(one: TokenModel, other: TokenModel, heads: list[Head]) -> float:
    """The largest difference of the two models' log-probabilities after ``heads``, nats."""
    pairs = zip(one.evaluate(heads), other.evaluate(heads), strict=True)
    return max((float(np.abs(left - right).max()) for left, right in pairs), default=0.0)


def rows_of(model: TokenModel, heads: list[Head]) -> list[FloatArray]:
    return list(model.evaluate(heads))
