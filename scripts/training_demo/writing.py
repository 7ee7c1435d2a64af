"""What `bytelm.load` makes of the trained models: models over bytes, all three."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import bytelm
from bytelm.blt.lm import BltLM
from bytelm.cli.blt_showing import patches_text

PROMPT: Final = "def read_lines(path):\n    "
TEMPERATURE: Final = 0.6
SEED: Final = 1


def written(directory: Path, most: int) -> bytes:
    """What the model in a directory writes behind the prompt, of at most so many bytes."""
    model = bytelm.load(directory, device="cpu")
    return model.generate(PROMPT, max_bytes=most, temperature=TEMPERATURE, seed=SEED)


def cut(directory: Path, text: bytes, colour: bool) -> str:
    """A text as the Byte Latent Transformer in a directory cuts it into patches, for a terminal."""
    model = bytelm.load(directory, device="cpu")
    assert isinstance(model, BltLM)
    return patches_text(model.patches(text), colour)


def bits_per_byte(directory: Path, texts: Sequence[bytes]) -> float:
    """What the model in a directory needs for texts, in all ways to spell them that its tokenizer has."""
    return bytelm.load(directory, device="cpu").bits_per_byte(list(texts))
