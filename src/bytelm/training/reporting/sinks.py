"""The places that a run tells how it goes."""

import contextlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from bytelm.training.metrics import METRICS, Metrics, StepReport
from bytelm.training.run_config import RunConfig

_NEEDED: Final = {"tensorboard": "torch.utils.tensorboard", "wandb": "wandb"}
"""The module that a reporter is made of."""


class Sink(Protocol):
    """Takes what is told of a run."""

    def write(self, kind: str, values: Mapping[str, Any] | StepReport, /) -> None:
        """Take one thing: a ``"step"``, or what was found behind one, such as ``"validation"`` or ``"sample"``."""
        ...

    def flush(self) -> None:
        """Put what was taken where it outlasts this process; before a checkpoint, which the run then goes on from."""
        ...

    def close(self) -> None:
        """Take no more."""
        ...


class Sinks:
    """Several sinks as one.

    Args:
        sinks: are told one after the other.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks

    def write(self, kind: str, values: Mapping[str, Any] | StepReport) -> None:
        """Tell all of them."""
        for sink in self._sinks:
            sink.write(kind, values)

    def flush(self) -> None:
        """Flush all of them."""
        for sink in self._sinks:
            sink.flush()


def check_reporters(config: RunConfig) -> None:
    """Check that what a run reports to is installed.

    Raises:
        ValueError: it is not.
    """
    for name in config.report_to:
        try:
            importlib.import_module(_NEEDED[name])
        except ImportError as error:
            raise ValueError(f"report_to={name} needs {name}: pip install 'bytelm[{name}]' ({error})") from error


@contextlib.contextmanager
def open_sinks(config: RunConfig, out: Path, step: int) -> Iterator[Sinks]:
    """All that a run tells how it goes, as long as the context lasts; for its first process.

    Args:
        config: of the run; ``report_to`` names what there is besides metrics.jsonl.
        out: its directory.
        step: that it goes on from; what was told behind it is taken back.

    Raises:
        ValueError: something is not installed.
    """
    check_reporters(config)
    with contextlib.ExitStack() as stack:
        sinks: list[Sink] = [Metrics(out / METRICS, step)]
        for name in config.report_to:
            sinks.append(_open(name, config, out, step))
            stack.callback(sinks[-1].close)
        yield Sinks(sinks)


def _open(name: str, config: RunConfig, out: Path, step: int) -> Sink:
    if name == "tensorboard":
        from bytelm.training.reporting.tensorboard import TensorBoard

        return TensorBoard(out, step)
    from bytelm.training.reporting.wandb import WeightsAndBiases

    return WeightsAndBiases(config, out)
