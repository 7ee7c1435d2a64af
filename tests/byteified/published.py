"""Tiny checkpoints of random weights, laid out as the published byteified ones of Llama 3 and Gemma 2."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer as Encoder

from bytelm.byteified.suffixes import dictionary_of
from bytelm.protocol import FloatArray
from bytelm.tokens.writing import byte_characters
from tokens.tiny import added

Entries = dict[tuple[int, ...], int]

LONGEST = 16

LLAMA_PIECES = [
    *("<|begin_of_text|>", "<|end_header_id|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>"),
    *("assistant", "system", "user", "ĊĊ"),
]
GEMMA_PIECES = ["<bos>", "<end_of_turn>", "<eos>", "<pad>", "<start_of_turn>", "model", "user"]

WORDS = [
    *("the", " the", "he", "her", "ser", "username", " user", "name", "me", "n", "model", "\n\n\n", "\n\n", " \n", "é"),
    *(" there are words of more than sixteen bytes", "日本", "aa", "aaa", "aaaa", " b", "ab", "bab", " system"),
]
"""Subword tokens besides bytes; ``n`` is there twice."""

LLAMA_TEMPLATE = (
    "{{ bos_token }}{% if messages[0]['role'] != 'system' %}{{ '<|start_header_id|>system<|end_header_id|>\n\n"
    "Be brief.<|eot_id|>' }}{% endif %}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' "
    "else message['role']) + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "torch_dtype": "float32",
    "tie_word_embeddings": False,
    "use_cache": True,
}


def tokenizer_description(pieces: list[str], listed: str = "marks") -> dict[str, Any]:
    """The ``tokenizer.json`` of 256 bytes and some pieces.

    Args:
        pieces: what comes behind the bytes, written with byte-level characters.
        listed: what is listed as added tokens: ``"nothing"``; ``"marks"``, as special; also ``"words"``, as not
            special; or ``"all"``, as special.
    """
    mapping = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    vocabulary = [*byte_characters(), *pieces]
    marks = [piece for piece in pieces if piece.startswith("<")]
    chosen = {"nothing": [], "marks": marks}.get(listed, pieces)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            added(256 + place, piece, special=listed == "all" or piece in marks)
            for place, piece in enumerate(pieces)
            if piece in chosen
        ],
        "normalizer": None,
        "pre_tokenizer": mapping,
        "post_processor": None,
        "decoder": mapping,
        "model": {
            "type": "Unigram",
            "unk_id": None,
            "vocab": [[piece, 0.0] for piece in vocabulary],
            "byte_fallback": False,
        },
    }


def entries_of(description: dict[str, Any], rng: np.random.Generator) -> Entries:
    """The original subword tokens in ids of the byte tokenizer, with their rows: bytes, marks and words, mixed."""
    encode = Encoder.from_str(json.dumps(description)).encode
    spelled: list[tuple[int, ...]] = [(byte,) for byte in range(256)]
    marks = [place for place, (piece, _) in enumerate(description["model"]["vocab"]) if len(piece) > 2]
    spelled += [(mark,) for mark in marks]
    spelled += [tuple(encode(word, add_special_tokens=False).ids)[-LONGEST:] for word in WORDS]
    return dict(zip(spelled, rng.permutation(len(spelled)).tolist(), strict=True))


def write_llama(folder: Path, seed: int = 0, listed: str = "marks", **changes: object) -> Path:
    """A byteified Llama 3.

    Args:
        folder: made where it is missing.
        seed: of its weights.
        listed: see `tokenizer_description`.
        changes: of its ``config.json``.
    """
    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    config = {
        **SHAPE,
        "architectures": ["TPULlamaForCausalLM"],
        "model_type": "tpu_llama",
        "auto_map": _auto_map("TPULlama"),
        "hidden_act": "silu",
        "mlp_bias": False,
        "rms_norm_eps": 1e-05,
        "rope_theta": 500.0,
        "rope_scaling": scaling | {"original_max_position_embeddings": 32},
        "bos_token_id": 256,
        "eos_token_id": [258, 259],
    }
    names = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "pad_token": "<|end_of_text|>"}
    description = tokenizer_description(LLAMA_PIECES, listed)
    return _write(folder, seed, description, config | changes, names | {"chat_template": LLAMA_TEMPLATE})


def write_gemma(folder: Path, seed: int = 0, listed: str = "marks", **changes: object) -> Path:
    """A byteified Gemma 2; arguments as for `write_llama`."""
    config = {
        **SHAPE,
        "architectures": ["TPUGemma2ForCausalLM"],
        "model_type": "tpu_gemma2",
        "auto_map": _auto_map("TPUGemma2"),
        "hidden_activation": "gelu_pytorch_tanh",
        "rms_norm_eps": 1e-06,
        "rope_theta": 10000.0,
        "sliding_window": 6,
        "query_pre_attn_scalar": 16,
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 5.0,
        "bos_token_id": 256,
        "eos_token_id": [258, 257],
        "pad_token_id": 259,
    }
    names = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"}
    description = tokenizer_description(GEMMA_PIECES, listed)
    return _write(folder, seed, description, config | changes, names | {"chat_template": GEMMA_TEMPLATE})


WRITERS = {"llama": write_llama, "gemma": write_gemma}


def _auto_map(name: str) -> dict[str, str]:
    """Files that are not there."""
    module = "modeling_" + name.lower().replace("tpu", "tpu_")
    return {"AutoConfig": f"{module}.{name}Config", "AutoModelForCausalLM": f"{module}.{name}ForCausalLM"}


def _write(folder: Path, seed: int, description: dict[str, Any], config: dict[str, Any], names: dict[str, str]) -> Path:
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    size = len(description["model"]["vocab"])
    entries = entries_of(description, rng)
    expanded = {
        "expand_input_ids": True,
        "expand_input_ids_maxlen": LONGEST,
        "expand_input_ids_vocab_size": max(entries.values()) + 1,
        "expand_input_ids_dict": dictionary_of(entries.items(), LONGEST, range(256, size)),
    }
    config = {"vocab_size": size, **expanded, **config}
    ends = {name: config[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id") if name in config}
    files = {
        "config.json": config,
        "generation_config.json": ends,
        "tokenizer.json": description,
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", **names},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    save_file(_weights(config, rng), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _weights(config: dict[str, Any], rng: np.random.Generator) -> dict[str, FloatArray]:
    width, inner, size = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    queries, shared = size * config["num_attention_heads"], size * config["num_key_value_heads"]
    gemma = config["model_type"] == "tpu_gemma2"
    norms = ["input_layernorm", "post_attention_layernorm"]
    norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"] if gemma else []
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (config["vocab_size"], width),
        "lm_head.weight": (config["vocab_size"], width),
        "model.norm.weight": (width,),
    }
    if config["expand_input_ids"]:
        shapes["model.expand_embed_tokens.weight"] = (config["expand_input_ids_vocab_size"], width)
    for layer in range(config["num_hidden_layers"]):
        parts = {
            "self_attn.q_proj": (queries, width),
            "self_attn.k_proj": (shared, width),
            "self_attn.v_proj": (shared, width),
            "self_attn.o_proj": (width, queries),
            "mlp.gate_proj": (inner, width),
            "mlp.up_proj": (inner, width),
            "mlp.down_proj": (width, inner),
            **dict.fromkeys(norms, (width,)),
        }
        shapes |= {f"model.layers.{layer}.{name}.weight": shape for name, shape in parts.items()}
    return {
        name: (rng.standard_normal(shape) * 0.2 + (0.0 if len(shape) > 1 or gemma else 1.0)).astype(np.float32)
        for name, shape in shapes.items()
    }
