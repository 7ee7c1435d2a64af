"""Tensors in safetensors files: one, or several with an index that says which tensor is where."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open

from bytelm.blt.weights.fields import Fields, read_json
from bytelm.blt.weights.tensor_files import Stored

SINGLE: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"

DTYPES: Final[Mapping[str, str]] = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
"""The types of weights, by what safetensors calls them."""


class SafetensorsFiles:
    """The tensors of a file, or of those that an index names; see `TensorFiles`.

    Raises:
        FileNotFoundError: a file that the index names is not there.
        ValueError: a file is no whole safetensors file, or the index is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        files = _indexed(path) if path.name == INDEX else {path: None}
        self.stored: dict[str, Stored] = {}
        for file, expected in files.items():
            found = dict(_contents(file))
            missing = () if expected is None else expected - found.keys()
            if missing:
                raise ValueError(f"{file} lacks {sorted(missing)[0]}, which {path} says it holds; download both again")
            self.stored.update(found)

    def rows(self, name: str, first: int, last: int) -> torch.Tensor:
        """The rows from ``first`` to before ``last`` of a tensor."""
        # Opened anew, since all that was read of an open file stays mapped.
        with safe_open(self.stored[name].path, framework="pt") as file:
            found: torch.Tensor = file.get_slice(name)[first:last]
            return found


def _contents(path: Path) -> Iterator[tuple[str, Stored]]:
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - the file is no mapping
                part = file.get_slice(name)
                dtype = str(part.get_dtype())
                yield name, Stored(path, tuple(part.get_shape()), DTYPES.get(dtype, dtype))
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}; download or write it again") from error


def _indexed(index: Path) -> dict[Path, set[str]]:
    """The files that an index names, with the tensors that each must hold."""
    fields = Fields(read_json(index), str(index)).section("weight_map")
    files: dict[Path, set[str]] = {}
    for name in fields.values:
        file = fields.text(name, "")
        if Path(file).name != file:
            fields.refuse(name, "it must name a file beside the index")
        files.setdefault(index.parent / file, set()).add(name)
    for path in files:
        if not path.is_file():
            raise FileNotFoundError(f"{index} names {path.name}, which is not in {index.parent}; download it as well")
    return files
