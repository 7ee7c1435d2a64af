"""The transformer over tokens as a directory of transformers' Llama, which `bytelm.load` reads as a byte model."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from bytelm.blt.config import StackConfig
from bytelm.blt.vocabulary import BOS, EOS, PADDING
from bytelm.blt.weights.plain_config import config_to_plain
from bytelm.blt.weights.plain_tokenizer import SPECIALS
from bytelm.training.networks import ByteTransformer

from .tokens import with_specials


def export(directory: Path, network: ByteTransformer, tokenizer: Tokenizer, length: int) -> None:
    """Write the model and its tokenizer.

    Args:
        directory: need not be there.
        network: over the tokens behind the special ids.
        tokenizer: with tokens from 0 on.
        length: the most positions that the model is shown.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config = config_to_plain(network.config, "byte-llama", "float32", length)
    del config["bytelm"]  # what says that its ids are bytes
    config["vocab_size"] = network.embed_tokens.num_embeddings
    tensors = {_name(name): _stored(name, tensor, network.config) for name, tensor in network.state_dict().items()}
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    with_specials(tokenizer).save(str(directory / "tokenizer.json"))
    roles = {"bos_token": SPECIALS[BOS], "eos_token": SPECIALS[EOS], "pad_token": SPECIALS[PADDING]}
    _write(directory / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **roles})
    _write(directory / "config.json", config)


def _name(own: str) -> str:
    return own if own.startswith("lm_head") else f"model.{own}"


def _stored(name: str, tensor: Tensor, shape: StackConfig) -> Tensor:
    """Heads are turned in neighbouring pairs here, and in pairs half a head apart in transformers' Llama."""
    if not name.endswith(("q_proj.weight", "k_proj.weight")):
        return tensor.contiguous()
    pairs: Tensor = tensor.reshape(-1, shape.head_width // 2, 2, shape.width)
    return torch.transpose(pairs, 1, 2).reshape(tensor.shape).contiguous()


def _write(path: Path, value: dict[str, object]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
