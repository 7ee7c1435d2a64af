"""What a run needs to go on after a stop: weights, optimizers, counters and the tokenizer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

CHECKPOINT = "checkpoint.pt"
TOKENIZER = "tokenizer.json"


@dataclass
class Progress:
    """How far a run is."""

    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    """Time spent in training steps, over all sittings."""


def save_state(
    directory: Path,
    model: LlamaForCausalLM,
    optimizers: list[torch.optim.Optimizer],
    progress: Progress,
) -> None:
    """Write the checkpoint whole or not at all: a stop in the middle leaves the previous one."""
    state = {
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "progress": asdict(progress),
    }
    directory.mkdir(parents=True, exist_ok=True)
    partial = directory / (CHECKPOINT + ".partial")
    torch.save(state, partial)
    partial.replace(directory / CHECKPOINT)


def load_state(directory: Path, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer]) -> Progress:
    """Fill ``model`` and ``optimizers`` from the checkpoint in ``directory``."""
    state = torch.load(directory / CHECKPOINT, weights_only=True)
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return Progress(**state["progress"])


def save_tokenizer(directory: Path, tokenizer: Tokenizer) -> None:
    """Keep the tokenizer beside the checkpoint, which means nothing without it."""
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(directory / TOKENIZER), pretty=False)


def load_tokenizer(directory: Path) -> Tokenizer:
    """The tokenizer that ``save_tokenizer`` wrote."""
    return Tokenizer.from_file(str(directory / TOKENIZER))
