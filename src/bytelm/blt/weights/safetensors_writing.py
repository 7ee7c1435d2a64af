"""Safetensors files written tensor by tensor: the format's own library wants all of a file in memory.

A file is the length of a header (8 bytes, little-endian), the header in JSON, filled up with spaces to a multiple of 8
bytes, and the numbers of one tensor after the other.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bytelm.blt.weights.directories import lasting_file, write_json
from bytelm.blt.weights.entries import Chunks, Entry
from bytelm.blt.weights.safetensors_files import DTYPES, INDEX, SINGLE
from bytelm.blt.weights.tensor_files import dtype_name

SHARD: Final = 5 * 10**9
"""Bytes of tensors in a file, unless one tensor has more."""

_CODES: Final = {name: code for code, name in DTYPES.items()}

_ALIGNMENT: Final = 8


def write_safetensors(folder: Path, entries: Iterable[Entry], chunks: Chunks, shard: int = SHARD) -> None:
    """Write tensors into ``model.safetensors``, or into several files with an index if there are too many bytes."""
    shards = _shards(entries, shard)
    if len(shards) == 1:
        _write_file(folder / SINGLE, shards[0], chunks)
        return
    names = [f"model-{number:05}-of-{len(shards):05}.safetensors" for number in range(1, len(shards) + 1)]
    for name, part in zip(names, shards, strict=True):
        _write_file(folder / name, part, chunks)
    places = {entry.piece.stored: name for name, part in zip(names, shards, strict=True) for entry in part}
    total = sum(entry.size for part in shards for entry in part)
    write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": places})


def _write_file(path: Path, entries: Sequence[Entry], chunks: Chunks) -> None:
    # Those of wide numbers stand first, so that every number is aligned.
    ordered = sorted(entries, key=lambda entry: -entry.dtype.itemsize)
    header = _header(ordered)
    with lasting_file(path) as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for entry in ordered:
            for chunk in chunks(entry):
                file.write(chunk)


def _header(entries: Iterable[Entry]) -> bytes:
    fields: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for entry in entries:
        begin, end = end, end + entry.size
        code = _CODES[dtype_name(entry.dtype)]
        fields[entry.piece.stored] = {"dtype": code, "shape": entry.piece.shape, "data_offsets": (begin, end)}
    encoded = json.dumps(fields, separators=(",", ":")).encode("ascii")
    return encoded + b" " * (-len(encoded) % _ALIGNMENT)


def _shards(entries: Iterable[Entry], limit: int) -> list[list[Entry]]:
    """Entries in their order, cut where the bytes of a file would be more than the limit."""
    shards: list[list[Entry]] = [[]]
    size = 0
    for entry in entries:
        if shards[-1] and size + entry.size > limit:
            shards.append([])
            size = 0
        shards[-1].append(entry)
        size += entry.size
    return shards
