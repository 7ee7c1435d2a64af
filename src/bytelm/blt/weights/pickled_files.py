"""Tensors in a ``consolidated.pth`` of Meta, which torch wrote. Nothing but tensors is unpickled, so no code runs."""

import pickle
from pathlib import Path
from typing import Final

import torch

from bytelm.blt.weights.tensor_files import Stored, dtype_name

CONSOLIDATED: Final = "consolidated.pth"


class PickledFile:
    """The tensors of a file of `torch.save`, those of the model if there are more; see `TensorFiles`.

    Raises:
        ValueError: it is no such file, or holds something else than tensors.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stored = {
            name: Stored(path, tuple(tensor.shape), dtype_name(tensor.dtype)) for name, tensor in _load(path).items()
        }

    def rows(self, name: str, first: int, last: int) -> torch.Tensor:
        """The rows from ``first`` to before ``last`` of a tensor."""
        # Loaded anew, since all that was read of a loaded file stays mapped; this takes milliseconds.
        return _load(self.path)[name][first:last]


def _load(path: Path) -> dict[str, torch.Tensor]:
    try:
        value = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than tensors, or is no file of torch.save, and was not opened: unpickling it could "
            f"run a program; take the weights as safetensors ({_first_sentence(error)})"
        ) from error
    except (RuntimeError, EOFError, ValueError) as error:
        raise ValueError(
            f"{path} is not a whole file of torch.save in its zip form: {_first_sentence(error)}; download it again"
        ) from error
    return _tensors(value, path)


def _tensors(value: object, path: Path) -> dict[str, torch.Tensor]:
    for key in ("model", "state_dict"):
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            value = value[key]
    if not isinstance(value, dict):
        raise ValueError(f"{path} must hold tensors by their names, but holds a {type(value).__name__}")
    for name, tensor in value.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise ValueError(f"{path}: {name!r} must be a tensor, but is a {type(tensor).__name__}")
    return value


def _first_sentence(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].partition(". ")[0] or type(error).__name__
