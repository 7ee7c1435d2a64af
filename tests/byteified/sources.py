"""Tiny subword models of every body that can be made into a byte model, made on the spot."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer as Encoder
from transformers import (
    Gemma2Config,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from engines.tiny_networks import LLAMA_LIKE, network
from tokens import families
from tokens.tiny import added

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' "
    "+ message['content'] + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ raise_exception('no system') }}"
    "{% endif %}{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' + "
    "message['content'] + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}"
    "{% endif %}"
)

SHAPE = {name: value for name, value in LLAMA_LIKE.items() if not name.endswith("_id")}

CONFIGS: dict[str, Callable[..., PretrainedConfig]] = {
    "llama": LlamaConfig,
    "mistral": MistralConfig,
    "qwen2": Qwen2Config,
    "qwen3": Qwen3Config,
    "gemma2": Gemma2Config,
    "gemma3_text": Gemma3TextConfig,
}
WINDOWED = {"mistral": {}, "gemma2": {}, "gemma3_text": {"layer_types": ["sliding_attention", "full_attention"]}}

SPECIALS = {
    "llama": [
        *("<|eot_id|>", "<|begin_of_text|>", "<|unused|>"),
        *("<|start_header_id|>", "<|end_of_text|>", "<|end_header_id|>"),
    ],
    "qwen": ["<|endoftext|>", "<|im_start|>", "<|unused|>", "<|im_end|>"],
    "gemma": ["<pad>", "<eos>", "<bos>", "<unused0>", "<start_of_turn>", "<end_of_turn>"],
}
ROLES = {
    "llama": {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "chat_template": LLAMA3},
    "qwen": {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "chat_template": CHATML},
    "gemma": {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "chat_template": GEMMA},
}
STYLES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen", "qwen3": "qwen", "gemma2": "gemma"} | {
    "gemma3_text": "gemma"
}
TOKENIZERS: dict[str, Callable[[], dict[str, Any]]] = {
    "llama": lambda: families.byte_level("cl100k"),
    "qwen": lambda: families.byte_level("qwen", "NFC"),
    "gemma": lambda: families.sentencepiece("gemma"),
    "sentencepiece": lambda: families.sentencepiece("prepended"),
    "unigram": lambda: families.unigram("first"),
}


def description(style: str, kind: str | None = None) -> dict[str, Any]:
    """A trained tokenizer with the special tokens of a style behind its other tokens, in an order of their own."""
    found = TOKENIZERS[kind or style]()
    vocabulary = found["model"]["vocab"]
    first = len(vocabulary) if isinstance(vocabulary, list) else 1 + max(vocabulary.values())
    found["added_tokens"] += [added(first + i, content) for i, content in enumerate(SPECIALS[style])]
    begin = ROLES[style].get("bos_token")
    if begin is not None:
        token = first + SPECIALS[style].index(begin)
        found["post_processor"] = {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": begin, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {begin: {"id": begin, "ids": [token], "tokens": [begin]}},
        }
    return found


def source(folder: Path, body: str = "llama", kind: str | None = None, **options: Any) -> Path:
    """The directory of a model with random weights.

    Args:
        folder: where to; the directory is made in it.
        body: its model_type.
        kind: of its tokenizer; by default as is usual for the body.
        options: what the configuration says besides.
    """
    style = STYLES[body]
    described = description(style, kind)
    directory = folder / f"{body}-{kind or style}"
    directory.mkdir(parents=True)
    (directory / "tokenizer.json").write_text(json.dumps(described))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"} | ROLES[style]
    (directory / "tokenizer_config.json").write_text(json.dumps(settings))
    encoder = Encoder.from_file(str(directory / "tokenizer.json"))
    roles = {f"{role}_id": encoder.token_to_id(content) for role, content in ROLES[style].items() if role[-1] == "n"}
    ids = {"bos_token_id": None, "pad_token_id": None} | roles
    # A few ids more than the tokenizer has, as many models have.
    shape = SHAPE | {"vocab_size": encoder.get_vocab_size() + 3, "tie_word_embeddings": STYLES[body] == "gemma"}
    windows = {"sliding_window": 6, **WINDOWED[body]} if body in WINDOWED else {}
    made = network(CONFIGS[body](**shape, **windows, **ids, **options))
    # So that nothing depends on norms that do nothing.
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "norm" in name:
                parameter.add_(torch.empty_like(parameter).uniform_(-0.3, 0.3, generator=generator))
    made.save_pretrained(directory)
    return directory
