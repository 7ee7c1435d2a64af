"""One line on standard error that says how far long work has come."""

import time
from collections.abc import Callable
from typing import TextIO

SECONDS_BETWEEN = 0.25


class ProgressLine:
    """Shows what is done, at most four times a second. Mutable; a context that leaves no trace on a terminal.

    On a terminal the line is rewritten in place and removed at the end; elsewhere each update is a line.
    """

    def __init__(
        self,
        stream: TextIO,
        enabled: bool,
        clock: Callable[[], float] = time.monotonic,
        between: float | None = None,
    ) -> None:
        """Nothing at all is written unless ``enabled``. ``clock`` gives seconds; so many pass ``between`` two lines."""
        self._stream = stream
        self._enabled = enabled
        self._clock = clock
        self._begun = self._shown = clock()
        self._unit = ""
        self._between = SECONDS_BETWEEN if between is None else between
        self._in_place = stream.isatty()

    def update(self, done: int, total: int, unit: str = "bytes") -> None:
        """Say that ``done`` of ``total`` of a unit are done; the first of another unit starts the time anew."""
        if self._unit and unit != self._unit:
            self._begun = self._shown
        self._unit = unit
        self.show(lambda now: progress_text(done, total, now - self._begun, unit))

    def show(self, line: Callable[[float], str]) -> None:
        """Show the line of text that ``line`` makes of the time now, unless another one was shown just now."""
        now = self._clock()
        if not self._enabled or now - self._shown < self._between:
            return
        self._shown = now
        self._stream.write(f"\r\x1b[K{line(now)}" if self._in_place else line(now) + "\n")
        self._stream.flush()

    def clear(self) -> None:
        """Leave no trace on a terminal."""
        if self._enabled and self._in_place:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()


def progress_text(done: int, total: int, seconds: float, unit: str = "bytes") -> str:
    """``done`` of ``total`` bytes after ``seconds``, with the speed and the time left."""
    speed = done / seconds if seconds > 0 else 0.0
    left = f", {(total - done) / speed:.0f} s left" if speed > 0 else ""
    share = 100 * done / total if total else 100.0
    digits = 0 if speed >= 10 or not speed else 1
    return f"{done:,} of {total:,} {unit} ({share:.0f} %), {speed:,.{digits}f} {unit}/s{left}"
