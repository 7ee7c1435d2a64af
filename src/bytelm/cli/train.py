"""``bytelm train``: train a model over bytes, and go on where that was cut off."""

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

from bytelm.cli.corpus_progress import duration
from bytelm.cli.outputs import write_json, write_line
from bytelm.cli.progress import ProgressLine

if TYPE_CHECKING:
    from bytelm.training.config import TrainConfig
    from bytelm.training.metrics import StepReport

NAME = "train"
SUMMARY = "train a model over bytes"
EXAMPLE = """\
CONFIG is a preset (cpu-tiny, entropy-100m, blt-1b, blt-7b, byte-llama) or a TOML or JSON file; --print-config shows all
settings. The same command goes on where a run was cut off, with the same result to the last bit. Ctrl-C and SIGTERM
save and leave. A finished run leaves a model that bytelm loads, beside checkpoints/, metrics.jsonl and, for files
that were not prepared, data/. With --json: one object with out, step, steps, bits_per_byte and seconds.

example:
  bytelm train cpu-tiny data=src out=run steps=200
  bytelm train cpu-tiny data=src out=run model.decoder.layers=3 optimizer.rate=1e-3 --print-config
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("config", metavar="CONFIG", help="a preset, or a file")
    parser.add_argument("changes", nargs="*", metavar="KEY=VALUE", help="settings that differ")
    parser.add_argument("--print-config", action="store_true", help="print all settings as TOML, and leave")
    parser.add_argument("--device", help="where the model runs: cpu, cuda, … (default: cuda where there is one)")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    parser.add_argument("--quiet", action="store_true", help="no progress")


class Told:
    """Shows how a run goes on standard error, and stops it at a signal (mutable)."""

    def __init__(self, config: "TrainConfig", line: ProgressLine, quiet: bool) -> None:
        self._config = config
        self._line = line
        self._quiet = quiet
        self._begun = time.monotonic()
        self._first: int | None = None
        self._mean = 0.0
        self.signalled = False

    def step(self, report: "StepReport") -> None:
        self._mean = report.bits_per_byte if self._first is None else 0.95 * self._mean + 0.05 * report.bits_per_byte
        self._first = report.step - 1 if self._first is None else self._first
        self._line.show(lambda now: self._text(report))

    def validation(self, step: int, bits_per_byte: float) -> None:
        self._say(f"step {step:,}: {bits_per_byte:.4f} bits/byte on held-out texts")

    def sample(self, step: int, text: bytes) -> None:
        self._say(f"step {step:,} writes: {text.decode('utf-8', 'replace')!r}")

    def stopped(self) -> bool:
        return self.signalled

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


def run(arguments: argparse.Namespace) -> None:
    """Train, or show the configuration."""
    from bytelm.training.configuring import load_config, print_config

    config = load_config(arguments.config, arguments.changes)
    if arguments.print_config:
        write_line(print_config(config).rstrip("\n"))
        return
    from bytelm.loading import device_named
    from bytelm.training.inputs import open_data
    from bytelm.training.run import train

    device = device_named(arguments.device)
    between = 0.25 if sys.stderr.isatty() else 10.0
    begun = time.monotonic()
    with ProgressLine(sys.stderr, enabled=not arguments.quiet, between=between) as line:
        data = open_data(config, line.update)
        told = Told(config, line, arguments.quiet)
        with _signals(told):
            trained = train(config, data, device, told)
    done = {"out": config.out, "step": trained.step, "steps": config.steps, "bits_per_byte": trained.bits_per_byte}
    if arguments.json:
        write_json({**done, "seconds": round(time.monotonic() - begun, 3)})
    elif trained.step < config.steps:
        write_line(f"{config.out}: stopped behind step {trained.step:,}; the same command goes on from there")
    else:
        write_line(f"{config.out}: {config.steps:,} steps, {trained.bits_per_byte:.4f} bits/byte at the last ones")


@contextlib.contextmanager
def _signals(told: Told) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run behind the step that is being made; a second one ends the program."""

    def stop(number: int, frame: FrameType | None) -> None:
        if told.signalled:
            raise KeyboardInterrupt
        told.signalled = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _memory() -> str:
    """The most memory that was held so far."""
    try:
        import resource
    except ImportError:  # Windows
        return ""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return f"{held / 2**20:,.0f} MiB"
