"""Weights written into a directory of any form, tensor by tensor, all of them or none."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import torch

from bytelm.blt.config import BltConfig
from bytelm.blt.weights.directories import whole_directory, write_json
from bytelm.blt.weights.entries import Chunks, Entry
from bytelm.blt.weights.forms import CONFIG, ENTROPY_FOLDER, PARAMS, TRAIN_ARGS
from bytelm.blt.weights.meta_arguments import config_to_meta
from bytelm.blt.weights.names import Piece, meta_pieces, transformers_pieces
from bytelm.blt.weights.pickled_files import CONSOLIDATED
from bytelm.blt.weights.pickled_writing import write_pickled
from bytelm.blt.weights.reading import Checkpoint, Progress, row_blocks
from bytelm.blt.weights.safetensors_writing import SHARD, write_safetensors
from bytelm.blt.weights.shapes import OUTPUT, Shape, parameter_shapes
from bytelm.blt.weights.tensor_files import FLOATS, dtype_name
from bytelm.blt.weights.transformers_config import config_to_transformers

Rows = Callable[[int, int], torch.Tensor]
"""The rows of a parameter from the first number to before the last."""


def save_directory(
    directory: Path,
    config: BltConfig,
    tensors: Mapping[str, torch.Tensor],
    dtype: torch.dtype | None = None,
    *,
    overwrite: bool = False,
    shard: int = SHARD,
    progress: Progress | None = None,
) -> None:
    """Save a model in bytelm's own form, which transformers loads as well if it can compute the model.

    Args:
        directory: where to; it must not be there yet, or be empty.
        config: the shape of the model.
        tensors: its parameters by their names; only one at a time need be in memory if ``dtype`` is given.
        dtype: what the numbers become; as they are by default.
        overwrite: whether a model that is in the directory may be replaced.
        shard: the bytes of tensors in one file.
        progress: called with the bytes that are written and those in all.

    Raises:
        ValueError: something else is in the directory, or the parameters are not those of the configuration.
    """
    shapes = _checked(config, tensors)
    entries = _entries(transformers_pieces(shapes), tensors, dtype)
    chunks = _chunks(tensors, shapes, entries, progress)
    with whole_directory(directory, overwrite) as folder:
        write_json(folder / CONFIG, config_to_transformers(config, _main_dtype(entries)))
        write_safetensors(folder, entries, chunks, shard)


def save_meta(
    directory: Path,
    config: BltConfig,
    tensors: Mapping[str, torch.Tensor],
    dtype: torch.dtype | None = None,
    *,
    hub: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Save a model in one of Meta's forms, with the entropy model in the folder ``entropy_model``.

    Args:
        directory: where to; it must not be there yet, or be empty.
        config: the shape of the model.
        tensors: its parameters by their names.
        dtype: what the numbers become; as they are by default.
        hub: whether as on the hub, ``config.json`` and ``model.safetensors``, instead of ``params.json`` and
            ``consolidated.pth``. The entropy model is in the latter form even then, as in the release.
        overwrite: whether a model that is in the directory may be replaced.
        progress: called with the bytes that are written and those in all.

    Raises:
        ValueError: Meta's form does not say all that the model is; or something else is in the directory, or the
            parameters are not those of the configuration.
    """
    shapes = _checked(config, tensors)
    entries = _entries(meta_pieces(shapes, config.hashes), tensors, dtype)
    model = [entry for entry in entries if entry.piece.part == "model"]
    entropy = [entry for entry in entries if entry.piece.part == "entropy"]
    params, entropy_params = config_to_meta(config, _main_dtype(entries))
    chunks = _chunks(tensors, shapes, entries, progress)
    with whole_directory(directory, overwrite) as folder:
        if hub:
            write_json(folder / CONFIG, {"args": params["model"]})
            write_json(folder / TRAIN_ARGS, params)
            write_safetensors(folder, model, chunks, sum(entry.size for entry in model))
        else:
            write_json(folder / PARAMS, params)
            write_pickled(folder / CONSOLIDATED, model, chunks)
        if entropy_params is not None:
            (folder / ENTROPY_FOLDER).mkdir()
            write_json(folder / ENTROPY_FOLDER / PARAMS, entropy_params)
            write_pickled(folder / ENTROPY_FOLDER / CONSOLIDATED, entropy, chunks)


def _checked(config: BltConfig, tensors: Mapping[str, torch.Tensor]) -> Mapping[str, Shape]:
    """The shapes of the parameters, which have the right names."""
    shapes = parameter_shapes(config)
    for kind, names in (
        ("lack", shapes.keys() - tensors.keys()),
        ("hold, besides those of the configuration,", tensors.keys() - shapes.keys()),
    ):
        if names:
            raise ValueError(f"the tensors to save {kind} {', '.join(sorted(names)[:3])}; {len(names)} in all")
    return shapes


def _entries(pieces: Iterable[Piece], tensors: Mapping[str, torch.Tensor], dtype: torch.dtype | None) -> list[Entry]:
    if dtype is not None and dtype not in FLOATS:
        raise ValueError(f"weights cannot be of dtype {dtype}; choose one of {', '.join(map(dtype_name, FLOATS))}")
    return [Entry(piece, _dtype(tensors, piece.own) if dtype is None else dtype) for piece in pieces]


def _dtype(tensors: Mapping[str, torch.Tensor], name: str) -> torch.dtype:
    return tensors.dtype(name) if isinstance(tensors, Checkpoint) else tensors[name].dtype


def _main_dtype(entries: Iterable[Entry]) -> str:
    """The dtype of the output layer, which is called the model's even where others have others."""
    return next(dtype_name(entry.dtype) for entry in entries if entry.piece.own == OUTPUT)


def _chunks(
    tensors: Mapping[str, torch.Tensor],
    shapes: Mapping[str, Shape],
    entries: Iterable[Entry],
    progress: Progress | None,
) -> Chunks:
    """The bytes of a tensor, which count as written when the next ones are asked for."""
    done, total = 0, sum(entry.size for entry in entries)

    def chunks(entry: Entry) -> Iterator[memoryview]:
        nonlocal done
        piece = entry.piece
        rows = _rows(tensors, piece.own, shapes[piece.own])
        for first, last in row_blocks(piece.shape[0], entry.size):
            block = _cast(rows(piece.first + first, piece.first + last), entry)
            yield block.contiguous().view(torch.uint8).numpy().data.cast("B")
            done += block.nbytes
            if progress is not None:
                progress(done, total)

    return chunks


def _rows(tensors: Mapping[str, torch.Tensor], name: str, shape: Shape) -> Rows:
    if isinstance(tensors, Checkpoint):
        return partial(tensors.rows, name)
    whole = tensors[name].detach()
    if tuple(whole.shape) != shape:
        raise ValueError(f"{name} is {tuple(whole.shape)}, but the configuration makes it {shape}")
    return lambda first, last: whole[first:last]


def _cast(block: torch.Tensor, entry: Entry) -> torch.Tensor:
    """A block on the CPU, in the dtype of the file.

    Raises:
        ValueError: numbers do not fit the dtype and would become infinite.
    """
    block = block.cpu()
    narrow = block.to(entry.dtype)
    if narrow.dtype == torch.float16 != block.dtype and not torch.equal(narrow.isfinite(), block.isfinite()):
        raise ValueError(f"{entry.piece.own} has numbers too large for float16; choose bfloat16 or float32")
    return narrow
