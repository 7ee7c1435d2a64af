"""Finding the tokenizer of a model directory, and reading it, whatever form it has."""

from pathlib import Path

from bytelm.tokens.huggingface import read_huggingface
from bytelm.tokens.specification import Specification


def read_tokenizer(path: Path, size: int | None = None) -> Specification:
    """Read the tokenizer of a model directory, or a tokenizer's file.

    Args:
        path: the model's directory, or the path of the file.
        size: leave out the tokens from this id on.

    Raises:
        FileNotFoundError: there is no tokenizer.
        ValueError: the file is not a tokenizer, or one of a kind that bytelm does not know.
    """
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(f"no tokenizer.json in {path}: save the model's fast tokenizer there")
    return read_huggingface(file, size)
