"""How a training run goes, on standard error."""

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bytelm.cli.corpus_progress import duration
from bytelm.cli.progress import ProgressLine

if TYPE_CHECKING:
    from bytelm.training.metrics import StepReport
    from bytelm.training.run_config import RunConfig
    from bytelm.training.stopping import StopSign


class Showing:
    """Shows how a run goes, and stops it at a sign (mutable)."""

    def __init__(self, config: "RunConfig", line: ProgressLine, quiet: bool, sign: "StopSign") -> None:
        self._config = config
        self._line = line
        self._quiet = quiet
        self._sign = sign
        self._begun = time.monotonic()
        self._first: int | None = None
        self._mean = 0.0

    def step(self, report: "StepReport") -> None:
        self._mean = report.bits_per_byte if self._first is None else 0.95 * self._mean + 0.05 * report.bits_per_byte
        if self._first is None:
            self._first = report.step - 1
            if self._first:
                self._say(f"goes on behind step {self._first:,}")
        self._line.show(lambda now: self._text(report))

    def validation(self, step: int, found: Mapping[str, float]) -> None:
        others = "".join(f", {name} {value:.4f}" for name, value in found.items() if name != "bits_per_byte")
        self._say(f"step {step:,}: {found['bits_per_byte']:.4f} bits/byte{others} on held-out texts")

    def sample(self, step: int, text: bytes) -> None:
        self._say(f"step {step:,} writes: {text.decode('utf-8', 'replace')!r}")

    def stopped(self) -> bool:
        return self._sign.asked

    def _text(self, report: "StepReport") -> str:
        steps, seconds = self._config.steps, time.monotonic() - self._begun
        left = (steps - report.step) * seconds / max(1, report.step - (self._first or 0))
        what = " (entropy model)" if report.stage == "entropy" else ""
        speed = self._config.rows * self._config.length / report.seconds
        return (
            f"step {report.step:,} of {steps:,}{what}, {self._mean:.3f} bits/byte, {speed:,.0f} bytes/s, "
            f"{duration(left)} left, {_memory()}"
        )

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._line.clear()
            print(text, file=sys.stderr, flush=True)


def _memory() -> str:
    """The most memory that was held so far."""
    try:
        import resource
    except ImportError:  # Windows
        return ""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return f"{held / 2**20:,.0f} MiB"
