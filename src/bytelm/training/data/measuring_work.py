"""What a process does that computes entropies: open the entropy model once, and write part by part."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import torch

from bytelm.training.data.entropy_passes import EntropyPasses
from bytelm.training.data.manifest import read_manifest
from bytelm.training.data.measured_parts import MeasuredPart
from bytelm.training.data.pool import Tell
from bytelm.training.data.shards import Shards
from bytelm.training.entropy_models import open_entropy_model

POSITIONS: Final = 1 << 14
"""That go through the entropy model in a pass, by default."""


@dataclass(frozen=True)
class Measuring:
    """What is to be computed, and how.

    Attributes:
        prepared: the directory of the documents.
        model: the directory of the entropy model.
        model_sha256: of the entropy model, as `open_entropy_model` says.
        positions: that go through it in a pass.
        device: where it runs.
    """

    prepared: Path
    model: Path
    model_sha256: str
    positions: int = POSITIONS
    device: str = "cpu"

    def __call__(self, part: MeasuredPart, tell: Tell) -> None:
        """Compute and write a part; on one thread, so that the values do not depend on how many there are.

        Raises:
            ValueError: the model is another one now, or it gives no numbers, or the device has too little memory.
        """
        shards = self._shards[part.split]
        documents = [shards.document(index) for index in range(part.first, part.first + part.documents)]
        with one_thread():
            try:
                values = self._passes.values(documents, tell)
            except torch.OutOfMemoryError as error:
                raise ValueError(
                    f"{self.device} has too little memory for passes of {self.positions:,} positions; give fewer"
                ) from error
        part.write(values)

    @cached_property
    def _passes(self) -> EntropyPasses:
        """Opened where it is first asked for, which is in the process that computes."""
        network, found = open_entropy_model(self.model)
        if found != self.model_sha256:
            raise ValueError(f"the model in {str(self.model)!r} changed meanwhile; begin anew with one that stays")
        return EntropyPasses(network.to(self.device), self.positions)

    @cached_property
    def _shards(self) -> dict[str, Shards]:
        return {split: Shards(self.prepared, split) for split in read_manifest(self.prepared).splits}


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread here."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
