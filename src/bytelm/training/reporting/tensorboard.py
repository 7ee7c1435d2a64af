"""TensorBoard: curves and texts in event files under OUT/tensorboard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from torch.utils.tensorboard import SummaryWriter

from bytelm.training.metrics import StepReport
from bytelm.training.reporting.points import points_of

FOLDER: Final = "tensorboard"

_SECONDS: Final = 10
"""How long points stay in memory at most."""


class TensorBoard:
    """Event files of a run (mutable).

    A run that goes on adds a file, which says from which step on those before it do not count.

    Args:
        out: the directory of the run.
        step: that it goes on from.
    """

    def __init__(self, out: Path, step: int) -> None:
        self._writer: Any = SummaryWriter(str(out / FOLDER), purge_step=step + 1, flush_secs=_SECONDS)

    def write(self, kind: str, values: Mapping[str, Any] | StepReport) -> None:
        """Add points, and texts as they are, line by line."""
        points = points_of(kind, values)
        for name, value in points.scalars.items():
            self._writer.add_scalar(name, value, points.step)
        for name, text in points.texts.items():
            # TensorBoard reads Markdown, where an indented block is left alone.
            self._writer.add_text(name, "".join(f"    {line}\n" for line in text.split("\n")), points.step)

    def flush(self) -> None:
        """Write what is in memory."""
        self._writer.flush()

    def close(self) -> None:
        """Write what is in memory, and end."""
        self._writer.close()
