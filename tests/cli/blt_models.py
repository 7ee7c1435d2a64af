"""A tiny Byte Latent Transformer in a directory, for the commands that are about such."""

from pathlib import Path

from blt.networks import cut, ids_of_text, network
from bytelm.blt.patching.options import Patching
from bytelm.blt.weights.writing import save_directory


def save(directory: Path, patching: Patching | None = None) -> Path:
    """A model with random weights that cuts by entropy at a threshold that some bytes exceed; its directory."""
    made = cut(network(patching), ids_of_text(300))
    save_directory(directory, made.config, made.state_dict())
    return directory
