"""Parameters on their way into files: block after block, in the dtype of the file."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import torch

from bytelm.blt.weights.entries import Chunks, Entry
from bytelm.blt.weights.names import Piece
from bytelm.blt.weights.reading import Checkpoint, Progress, row_blocks
from bytelm.blt.weights.shapes import OUTPUT, Shape
from bytelm.blt.weights.tensor_files import FLOATS, dtype_name

Rows = Callable[[int, int], torch.Tensor]
"""The rows of a parameter from the first number to before the last."""


def check_names(shapes: Mapping[str, Shape], tensors: Mapping[str, torch.Tensor]) -> None:
    """Refuse tensors that do not have the names of the parameters.

    Raises:
        ValueError: some are missing, or there are others.
    """
    for kind, names in (
        ("lack", shapes.keys() - tensors.keys()),
        ("hold, besides those of the configuration,", tensors.keys() - shapes.keys()),
    ):
        if names:
            raise ValueError(f"the tensors to save {kind} {', '.join(sorted(names)[:3])}; {len(names)} in all")


def entries_of(pieces: Iterable[Piece], tensors: Mapping[str, torch.Tensor], dtype: torch.dtype | None) -> list[Entry]:
    """What a file is to hold of parameters.

    Args:
        pieces: the tensors of the file.
        tensors: the parameters.
        dtype: what the numbers become; as they are by default.

    Raises:
        ValueError: weights cannot be of the dtype.
    """
    if dtype is not None and dtype not in FLOATS:
        raise ValueError(f"weights cannot be of dtype {dtype}; choose one of {', '.join(map(dtype_name, FLOATS))}")
    return [Entry(piece, _dtype(tensors, piece.own) if dtype is None else dtype) for piece in pieces]


def main_dtype(entries: Iterable[Entry]) -> str:
    """The dtype of the output layer, which is called the model's even where others have others."""
    return next(dtype_name(entry.dtype) for entry in entries if entry.piece.own == OUTPUT)


def chunks_of(
    tensors: Mapping[str, torch.Tensor],
    shapes: Mapping[str, Shape],
    entries: Iterable[Entry],
    progress: Progress | None = None,
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


def _dtype(tensors: Mapping[str, torch.Tensor], name: str) -> torch.dtype:
    return tensors.dtype(name) if isinstance(tensors, Checkpoint) else tensors[name].dtype


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
