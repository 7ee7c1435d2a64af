"""Writes a model directory that ``transformers`` loads: weights, tokenizer, configs, model card."""

from __future__ import annotations

import copy
import json
import platform
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import GenerationConfig, LlamaForCausalLM

from .card import model_card
from .recipe import Recipe
from .state import Progress


@dataclass(frozen=True)
class HeldOut:
    """Measured on held-out files: bits a byte over all, over library files, over files of tests."""

    bits_per_byte: float | None
    bits_per_byte_library: float | None
    bits_per_byte_tests: float | None
    files: int
    bytes: int


def export(
    directory: Path,
    model: LlamaForCausalLM,
    tokenizer: Tokenizer,
    recipe: Recipe,
    progress: Progress,
    held_out: HeldOut,
    seed: int,
) -> None:
    """Write everything into ``directory``, weights as bfloat16."""
    directory.mkdir(parents=True, exist_ok=True)
    exported = copy.deepcopy(model).to(torch.bfloat16).eval()
    exported.generation_config = GenerationConfig(
        bos_token_id=model.config.bos_token_id, eos_token_id=model.config.eos_token_id
    )
    exported.save_pretrained(directory)
    (directory / "model.safetensors").chmod(0o644)  # it comes out readable by its owner only
    tokenizer.save(str(directory / "tokenizer.json"), pretty=False)
    _write_json(directory / "tokenizer_config.json", _tokenizer_config(recipe))
    figures = _figures(model, tokenizer, recipe, progress, held_out, seed)
    _write_json(directory / "eval.json", figures)
    (directory / "MODEL_CARD.md").write_text(model_card(recipe, figures), encoding="utf-8")


def _write_json(path: Path, value: dict[str, object]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _tokenizer_config(recipe: Recipe) -> dict[str, object]:
    config: dict[str, object] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": recipe.begin,
        "eos_token": recipe.end,
        "clean_up_tokenization_spaces": False,
        "model_max_length": recipe.context,
    }
    if recipe.unknown is not None:
        config["unk_token"] = recipe.unknown
    return config


def _figures(
    model: LlamaForCausalLM,
    tokenizer: Tokenizer,
    recipe: Recipe,
    progress: Progress,
    held_out: HeldOut,
    seed: int,
) -> dict[str, object]:
    return {
        "model": recipe.name,
        "bits_per_byte": held_out.bits_per_byte,
        "bits_per_byte_library": held_out.bits_per_byte_library,
        "bits_per_byte_tests": held_out.bits_per_byte_tests,
        "files": held_out.files,
        "bytes": held_out.bytes,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "vocabulary": tokenizer.get_vocab_size(),
        "context": recipe.context,
        "steps": progress.steps,
        "tokens_seen": progress.tokens,
        "wall_minutes": round(progress.seconds / 60, 2),
        "python_version": platform.python_version(),
        "torch_version": str(torch.__version__),
        "seed": seed,
    }
