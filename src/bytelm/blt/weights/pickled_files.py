"""Tensors in a ``consolidated.pth`` of Meta, which torch wrote. Nothing but tensors is unpickled, so no code runs."""

import pickle
import zipfile
from pathlib import Path
from typing import Final

import torch

from bytelm.blt.weights.tensor_files import Stored, dtype_name

CONSOLIDATED: Final = "consolidated.pth"


_MAPPED: Final = 2**26
"""Bytes that are read before the file is opened anew: what was read of an open file stays mapped into memory."""


class PickledFile:
    """The tensors of a file of `torch.save`, those of the model if there are more; see `TensorFiles`. Mutable.

    Raises:
        ValueError: it is no such file, or holds something else than tensors.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tensors = _load(path)
        self._read = 0
        self.stored = {
            name: Stored(path, tuple(tensor.shape), dtype_name(tensor.dtype)) for name, tensor in self._tensors.items()
        }

    def rows(self, name: str, first: int, last: int) -> torch.Tensor:
        """The rows from ``first`` to before ``last`` of a tensor."""
        if self._read > _MAPPED:
            self._tensors, self._read = _load(self.path), 0
        found = self._tensors[name][first:last]
        self._read += found.nbytes
        return found


def _load(path: Path) -> dict[str, torch.Tensor]:
    try:
        whole = zipfile.is_zipfile(path)
        value = torch.load(path, map_location="cpu", mmap=True, weights_only=True) if whole else None
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than tensors, and was not opened, since unpickling it could run a program; "
            f"take the weights as safetensors ({_first_sentence(error)})"
        ) from error
    except (OSError, MemoryError):
        raise
    except Exception as error:  # torch follows a damaged pickle into errors of every kind
        raise ValueError(f"{path} is damaged: {_first_sentence(error)}; download or write it again") from error
    if not whole:
        raise ValueError(f"{path} is not a whole file of torch.save in its zip form; download or write it again")
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
