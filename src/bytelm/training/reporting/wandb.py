"""Weights & Biases: the curves of a run on its server, or in OUT/wandb with ``WANDB_MODE=offline``."""

import html
import importlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bytelm.corpora.files import complete_file
from bytelm.training.metrics import StepReport
from bytelm.training.reporting.points import points_of
from bytelm.training.run_config import RunConfig
from bytelm.training.settings import settings_of

RUN_ID: Final = "wandb-id"
"""The file that keeps the id of a run, so that it stays one run when it goes on."""

PROJECT: Final = "bytelm"
"""Where runs go unless ``WANDB_PROJECT`` says so."""


class WeightsAndBiases:
    """A run of Weights & Biases (mutable).

    It takes no points back: those behind the checkpoint that a run goes on from are there twice, at the same steps
    and with the same values, as a run that goes on makes the same steps.

    Args:
        config: of the run, shown beside it.
        out: the directory of the run.

    Raises:
        ValueError: it cannot begin, as without a key or a network.
    """

    def __init__(self, config: RunConfig, out: Path) -> None:
        self._wandb: Any = importlib.import_module("wandb")
        try:
            self._run: Any = self._wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                name=out.absolute().name,
                id=_run_id(out / RUN_ID),
                resume="allow",
                dir=str(out),
                config=dict(settings_of(config)),
            )
        except self._wandb.Error as error:
            raise ValueError(
                f"Weights & Biases cannot begin a run ({error}); mend that, set WANDB_MODE=offline, or leave wandb out "
                f"of report_to"
            ) from error
        # Its own count of steps only grows, so the step is a metric like others, and the x axis of these.
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def write(self, kind: str, values: Mapping[str, Any] | StepReport) -> None:
        """Log points and texts."""
        points = points_of(kind, values)
        texts = {name: self._wandb.Html(f"<pre>{html.escape(text)}</pre>") for name, text in points.texts.items()}
        self._run.log({"step": points.step, **points.scalars, **texts})

    def flush(self) -> None:
        """Nothing: another process has what was logged, and outlasts this one."""

    def close(self) -> None:
        """Wait until all is where it goes."""
        self._run.finish()


def _run_id(path: Path) -> str:
    """The id of the run of a directory; a new one where there is none yet."""
    if not path.is_file():
        with complete_file(path) as file:
            file.write(secrets.token_hex(8).encode())
    return path.read_text("ascii").strip()
