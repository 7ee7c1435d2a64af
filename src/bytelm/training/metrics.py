"""What a run writes down as it goes: a line of JSON for each step that is told."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bytelm.corpora.files import complete_file

METRICS: Final = "metrics.jsonl"


@dataclass(frozen=True)
class StepReport:
    """A step.

    Attributes:
        step: how many steps were made, this one included.
        stage: what it trained.
        bits_per_byte: of the targets of its batch, bits.
        rate: the learning rate.
        norm: of the gradient, before it was clipped.
        targets: how many bytes and ends of texts were predicted.
        seconds: the step took.
        losses: what was made less besides, by name, nats or as their names say; a mean over the targets.
    """

    step: int
    stage: str
    bits_per_byte: float
    rate: float
    norm: float
    targets: int
    seconds: float
    losses: Mapping[str, float] = field(default_factory=dict)


def _fields(values: Mapping[str, Any] | StepReport) -> dict[str, Any]:
    if not isinstance(values, StepReport):
        return dict(values)
    found = asdict(values)
    return found if found["losses"] else {name: value for name, value in found.items() if name != "losses"}


class Metrics:
    """The file of metrics; lines behind the step that a run goes on from are left out (mutable).

    Args:
        path: of the file.
        step: that the run goes on from.
    """

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        kept = [line for line in self._lines() if json.loads(line).get("step", 0) <= step]
        with complete_file(path) as file:
            file.write("".join(f"{line}\n" for line in kept).encode())

    def write(self, kind: str, values: Mapping[str, Any] | StepReport) -> None:
        """One line more."""
        fields = _fields(values)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, **fields}) + "\n")

    def flush(self) -> None:
        """Nothing: each line is written at once."""

    def close(self) -> None:
        """Nothing: the file is open for a line only."""

    def _lines(self) -> list[str]:
        if not self._path.is_file():
            return []
        lines = self._path.read_text("utf-8").split("\n")
        return [line for line in lines if line.endswith("}")]
