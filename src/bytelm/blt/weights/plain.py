"""Plain transformers over bytes in directories of transformers: written, and read again.

Heads are turned there in pairs of places half a head apart, and here in neighbouring pairs; so the rows of the matrices
of queries and keys stand in another order.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from bytelm.blt.config import StackConfig
from bytelm.blt.vocabulary import SIZE
from bytelm.blt.weights.directories import whole_directory, write_json
from bytelm.blt.weights.fields import read_json
from bytelm.blt.weights.fitting import check_fit
from bytelm.blt.weights.names import Part, transformers_pieces
from bytelm.blt.weights.outgoing import check_names, chunks_of, entries_of, main_dtype
from bytelm.blt.weights.plain_config import (
    CONFIG,
    PLAIN_KINDS,
    PlainKind,
    config_from_plain,
    config_to_plain,
    plain_kind,
)
from bytelm.blt.weights.plain_tokenizer import write_tokenizer
from bytelm.blt.weights.reading import open_tensors
from bytelm.blt.weights.safetensors_writing import write_safetensors
from bytelm.blt.weights.shapes import Shape, transformer_shapes
from bytelm.blt.weights.tensor_files import TensorFiles

_TURNED: Final = (".q_proj.weight", ".k_proj.weight")
"""How the names of the matrices end whose heads are turned."""


def save_transformer(
    directory: Path,
    kind: PlainKind,
    config: StackConfig,
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype | None = None,
    *,
    length: int | None = None,
    overwrite: bool = False,
) -> None:
    """Save a plain byte transformer, so that bytelm and transformers read it; nothing is there if it fails.

    Args:
        directory: where to; it must not be there yet, or be empty.
        kind: what it was trained for.
        config: its shape.
        tensors: its parameters by their names in `bytelm.blt.entropy.EntropyModel`, over ``SIZE`` ids; only one at a
            time need be in memory if ``dtype`` is given.
        dtype: what the numbers become; as they are by default.
        length: how many positions it is to be shown at a time, BOS included; ``None`` for no bound.
        overwrite: whether a model that is in the directory may be replaced.

    Raises:
        ValueError: something else is in the directory, or the kind is not known, or the parameters are not those of
            the configuration.
    """
    if kind not in PLAIN_KINDS:
        raise ValueError(f"unknown kind {kind!r} of plain transformers; choose one of {', '.join(PLAIN_KINDS)}")
    if length is not None and length < 2:
        raise ValueError(f"length must leave room for a byte behind BOS, so be at least 2, got {length}")
    shapes = transformer_shapes(config, SIZE)
    check_names(shapes, tensors)
    halves = _Halves(tensors, shapes, config.head_width)
    entries = entries_of(transformers_pieces(shapes), halves, dtype)
    with whole_directory(directory, overwrite) as folder:
        write_json(folder / CONFIG, config_to_plain(config, kind, main_dtype(entries), length))
        write_tokenizer(folder)
        write_safetensors(folder, entries, chunks_of(halves, shapes, entries))


def open_transformer(directory: Path) -> tuple[StackConfig, Mapping[str, Tensor]]:
    """Open a plain byte transformer that `save_transformer` wrote, and check that all of it is there.

    Returns:
        its shape; and its parameters by their names in `bytelm.blt.entropy.EntropyModel`, in the dtypes of the file,
        each read whenever it is asked for.

    Raises:
        FileNotFoundError: there is no such directory, or no such transformer in it, or a file is missing.
        ValueError: a file is damaged, or describes what bytelm cannot compute, or the tensors are not those that the
            configuration describes.
    """
    if not directory.is_dir():
        raise FileNotFoundError(f"no such model directory: {directory}")
    if plain_kind(directory) is None:
        kinds = " or ".join(f'"{kind}"' for kind in PLAIN_KINDS)
        raise FileNotFoundError(
            f'no plain byte transformer in {directory}: there is no {CONFIG} with "bytelm": {{"kind": {kinds}}}, '
            f"which training such a model writes"
        )
    path = directory / CONFIG
    config = config_from_plain(read_json(path), str(path))
    shapes = transformer_shapes(config, SIZE)
    files = open_tensors(directory)
    described: dict[Part, Path] = {"model": path}
    check_fit(transformers_pieces(shapes), {"model": files}, described)
    return config, _Neighbours(files, shapes, config.head_width)


class _Halves(Mapping[str, Tensor]):
    """Parameters in the order of transformers."""

    def __init__(self, tensors: Mapping[str, Tensor], shapes: Mapping[str, Shape], head_width: int) -> None:
        self._tensors = tensors
        self._shapes = shapes
        self._head_width = head_width

    def __getitem__(self, name: str) -> Tensor:
        tensor = self._tensors[name].detach()
        if not name.endswith(_TURNED) or tuple(tensor.shape) != self._shapes[name]:
            return tensor
        return _reordered(tensor, self._head_width // 2, 2)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


class _Neighbours(Mapping[str, Tensor]):
    """Parameters in bytelm's order, from files in that of transformers."""

    def __init__(self, files: TensorFiles, shapes: Mapping[str, Shape], head_width: int) -> None:
        self._files = files
        self._stored = {piece.own: piece.stored for piece in transformers_pieces(shapes)}
        self._shapes = shapes
        self._head_width = head_width

    def __getitem__(self, name: str) -> Tensor:
        tensor = self._files.rows(self._stored[name], 0, self._shapes[name][0])
        return _reordered(tensor, 2, self._head_width // 2) if name.endswith(_TURNED) else tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def _reordered(matrix: Tensor, outer: int, inner: int) -> Tensor:
    """A matrix of rows ``(heads, outer, inner)`` with the rows in the order ``(heads, inner, outer)``."""
    return matrix.reshape(-1, outer, inner, matrix.shape[1]).transpose(1, 2).reshape(matrix.shape)
