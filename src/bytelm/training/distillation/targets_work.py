"""What a process does that computes targets: open the teacher once, and write part by part."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from bytelm.covers.model import TokenizedLM
from bytelm.loading import load_with_network
from bytelm.protocol import FloatArray
from bytelm.training.data.measuring_work import one_thread
from bytelm.training.data.pool import Tell
from bytelm.training.data.shards import Shards
from bytelm.training.data.uncertainty_files import file_checksum
from bytelm.training.distillation.pieces import Pieces
from bytelm.training.distillation.symbols import keep
from bytelm.training.distillation.target_files import TargetPart, TargetSettings, record

TOGETHER: Final = 1 << 15
"""Bytes of pieces whose distributions are in memory at a time, 2 kB for each."""

_DECISIVE: Final = {".json", ".safetensors", ".bin", ".pth", ".model", ".txt", ".jinja", ".tiktoken"}
"""How the names of the files end that decide what a model says."""


def teacher_checksum(directory: Path) -> str:
    """The SHA-256 of the names and contents of a model's files: configuration, tokenizer and weights; hexadecimal.

    All weights are read, since two models that were trained from the same one differ in nothing else.

    Raises:
        FileNotFoundError: there is no model in Hugging Face form.
    """
    if not (directory / "config.json").is_file():
        raise FileNotFoundError(f"no config.json in {directory}: that is no model directory in Hugging Face form")
    files = sorted(path for path in directory.iterdir() if path.suffix in _DECISIVE and path.is_file())
    lines = [f"{file_checksum(path)} {path.name}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Teaching:
    """What is to be computed, and how.

    Attributes:
        prepared: the directory of the documents.
        teacher: the directory of the teacher.
        settings: of the targets.
        device: where the teacher runs.
    """

    prepared: Path
    teacher: Path
    settings: TargetSettings
    device: str = "cpu"

    def __call__(self, part: TargetPart, tell: Tell) -> None:
        """Compute and write a part; on one thread, so that the values do not depend on how many there are.

        Raises:
            ValueError: the teacher cannot be used, or finds a piece impossible, or the device has too little memory.
        """
        pieces = self._pieces(part.split)
        numbers = range(part.first, part.first + part.pieces)
        texts = [pieces.piece(number).data.tobytes() for number in numbers]
        records = np.empty(part.places, record(self.settings.keep))
        filled = 0
        with one_thread():
            for some in _together([len(text) for text in texts]):
                for logs in self._distributions(part, texts, some):
                    _fill(records[filled : filled + len(logs)], logs)
                    filled += len(logs)
                tell(sum(len(texts[one]) for one in some))
        assert filled == part.places
        part.write(records)

    @cached_property
    def lm(self) -> TokenizedLM:
        """The teacher, opened where it is first asked for, which is in the process that computes.

        Raises:
            ValueError: there is no token model that can be used.
        """
        dtype = None if self.settings.dtype == "auto" else self.settings.dtype
        tolerance = self.settings.tolerance or 0.0
        return load_with_network(self.teacher, tolerance=tolerance, dtype=dtype, device=self.device)[0]

    def _distributions(self, part: TargetPart, texts: Sequence[bytes], some: range) -> list[FloatArray]:
        """The distributions of some texts of a part, float64 ``(len + 1, 257)`` each."""
        given = [texts[one] for one in some]
        try:
            return self.lm.path_distributions(given) if self.settings.kind == "path" else self.lm.distributions(given)
        except FloatingPointError as error:
            raise ValueError(
                f"of the pieces {part.first + some.start} to {part.first + some.stop - 1} of {part.split!r} the "
                f"teacher finds one impossible ({error}); prepare the data without it, or give another teacher"
            ) from error
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"{self.device} has too little memory for the teacher; use fewer processes or a shorter --length"
            ) from error

    def _pieces(self, split: str) -> Pieces:
        if split not in self._opened:
            self._opened[split] = Pieces(Shards(self.prepared, split), self.settings.length)
        return self._opened[split]

    @cached_property
    def _opened(self) -> dict[str, Pieces]:
        return {}


def _together(sizes: Sequence[int]) -> Iterator[range]:
    """Ranges of texts, in order, each of about ``TOGETHER`` bytes at most."""
    begin, total = 0, 0
    for one, size in enumerate(sizes):
        if total and total + size > TOGETHER:
            yield range(begin, one)
            begin, total = one, 0
        total += size
    yield range(begin, len(sizes))


def _fill(records: NDArray[np.void], logs: FloatArray) -> None:
    """Write what is kept of distributions ``(N, 257)`` into as many records (mutates)."""
    kept = keep(torch.from_numpy(logs), records.dtype["log"].shape[0])
    records["log"], records["symbols"], records["rest"] = (tensor.numpy() for tensor in kept)
