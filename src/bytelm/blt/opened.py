"""A Byte Latent Transformer from a directory, as a byte model; nothing is held in memory twice."""

from pathlib import Path

import torch

from bytelm.blt.lm import BltLM
from bytelm.blt.model import Blt
from bytelm.blt.weights.reading import Checkpoint, Progress, fill, open_checkpoint
from bytelm.tokens.tokenizer import Tokenizer

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def open_blt(
    directory: Path, dtype: str | None, device: torch.device, speculate: int = 0, progress: Progress | None = None
) -> BltLM:
    """The byte model in a directory of any form that `bytelm.blt.weights` reads.

    Args:
        directory: of the model.
        dtype: ``"float32"``, ``"bfloat16"`` or ``"float16"``; by default float32 on a CPU, else that of the file.
        device: where the model runs.
        speculate: how many bytes are drafted for each pass in generation.
        progress: called with the bytes that were read and those in all.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, or describes what bytelm cannot compute.
    """
    checkpoint = open_checkpoint(directory)
    kind = _dtype(checkpoint, dtype, device)
    with torch.device("meta"):
        network = Blt(checkpoint.config).to(kind)
    network.to_empty(device=device).requires_grad_(False)
    fill(network.state_dict(), checkpoint, progress)
    tokenizer = Tokenizer(directory) if checkpoint.config.patching.mode == "tokenizer" else None
    return BltLM(network, tokenizer, speculate)


def _dtype(checkpoint: Checkpoint, name: str | None, device: torch.device) -> torch.dtype:
    if name is not None:
        return DTYPES[name]
    return torch.float32 if device.type == "cpu" else checkpoint.dtype("lm_head.weight")
