"""Signals that end a run behind the step that is being made."""

import contextlib
import signal
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what machines send before they take a process away."""

APART: Final = 3.0
"""Seconds within which signals are one."""


class StopSign:
    """Whether a run was asked to stop (mutable)."""

    def __init__(self) -> None:
        self._since: float | None = None

    @property
    def asked(self) -> bool:
        """Whether it was."""
        return self._since is not None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take a signal; one that comes later than the first ends the program.

        Ctrl-C reaches the processes of torchrun twice: from the terminal, and from torchrun.
        """
        now = time.monotonic()
        if self._since is not None and now - self._since > APART:
            raise KeyboardInterrupt
        self._since = now if self._since is None else self._since


@contextlib.contextmanager
def stop_sign(signals: Sequence[signal.Signals] = SIGNALS) -> Iterator[StopSign]:
    """A sign that some signals set, as long as the context lasts; only in the main thread."""
    sign = StopSign()
    before = {number: signal.signal(number, sign.handle) for number in signals}
    try:
        yield sign
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
