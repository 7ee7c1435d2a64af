"""Files that `torch.load` reads, written tensor by tensor: `torch.save` wants all of them in memory.

Such a file is a zip archive of stored members: ``data.pkl``, a pickle in which tensors refer to their numbers by keys,
and ``data/KEY`` with the numbers. Numbers begin at multiples of 64 bytes, so that they can be mapped into memory.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch._utils import _rebuild_tensor_v2

from bytelm.blt.weights.directories import lasting_file
from bytelm.blt.weights.entries import Chunks, Entry

_STORAGES: Final = {
    torch.float64: torch.DoubleStorage,
    torch.float32: torch.FloatStorage,
    torch.float16: torch.HalfStorage,
    torch.bfloat16: torch.BFloat16Storage,
}

_ROOT: Final = "consolidated"
_ALIGNMENT: Final = 64
_LOCAL_HEADER: Final = 30
"""The bytes of a member's header in a zip archive, without the name and the extra fields."""

_ZIP64: Final = 20
"""The bytes of the extra field with the long sizes."""

_PADDING: Final = b"FB"
"""What torch calls the extra field that moves the numbers to their place."""

_TIME: Final = (1980, 1, 1, 0, 0, 0)


def write_pickled(path: Path, entries: Iterable[Entry], chunks: Chunks) -> None:
    """Write tensors into a file of the form ``{"model": {name: tensor}}``."""
    listed = list(entries)
    with lasting_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in (("data.pkl", _pickled(listed)), ("byteorder", b"little"), ("version", b"3\n")):
            archive.writestr(zipfile.ZipInfo(f"{_ROOT}/{name}", _TIME), content)
        for key, entry in enumerate(listed):
            member = zipfile.ZipInfo(f"{_ROOT}/data/{key}", _TIME)
            member.extra = _padding(file.tell() + _LOCAL_HEADER + len(member.filename) + _ZIP64)
            with archive.open(member, "w", force_zip64=True) as target:
                for chunk in chunks(entry):
                    target.write(chunk)


def _padding(end: int) -> bytes:
    """An extra field with which a header that would end at ``end`` ends at a multiple of the alignment."""
    length = -(end + 4) % _ALIGNMENT
    return _PADDING + length.to_bytes(2, "little") + b"Z" * length


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a tensor, which the pickle refers to."""

    key: str
    entry: Entry


class _Tensor:
    """What is pickled as a contiguous tensor."""

    def __init__(self, numbers: _Numbers) -> None:
        self._numbers = numbers

    def __reduce__(self) -> tuple[object, ...]:
        shape = self._numbers.entry.piece.shape
        strides, step = [], 1
        for length in reversed(shape):
            strides.append(step)
            step *= length
        hooks: OrderedDict[str, object] = OrderedDict()
        return _rebuild_tensor_v2, (self._numbers, 0, shape, tuple(reversed(strides)), False, hooks)


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: object) -> object:
        if not isinstance(value, _Numbers):
            return None
        count = value.entry.size // value.entry.dtype.itemsize
        return ("storage", _STORAGES[value.entry.dtype], value.key, "cpu", count)


def _pickled(entries: Iterable[Entry]) -> bytes:
    tensors = {entry.piece.stored: _Tensor(_Numbers(str(key), entry)) for key, entry in enumerate(entries)}
    content = io.BytesIO()
    _Pickler(content, protocol=2).dump({"model": tensors})
    return content.getvalue()
