"""Tiny transformers models with random weights, made on the spot, and trees of heads to try them on."""

import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
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


def chain(length: int, rng: np.random.Generator, parent: Head | None = None) -> list[Head]:
    """``parent``, or a new root, and ``length`` heads one behind the other."""
    heads = [Head() if parent is None else parent]
    for token in rng.integers(VOCABULARY, size=length).tolist():
        heads.append(Head(heads[-1], token))
    return heads


def largest_difference(one: TokenModel, other: TokenModel, heads: list[Head]) -> float:
    """The largest difference of the two models' log-probabilities after ``heads``, nats."""
    pairs = zip(one.evaluate(heads), other.evaluate(heads), strict=True)
    return max((float(np.abs(left - right).max()) for left, right in pairs), default=0.0)


def rows_of(model: TokenModel, heads: list[Head]) -> list[FloatArray]:
    return list(model.evaluate(heads))
