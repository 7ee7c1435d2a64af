"""How far the scoring of a corpus has come, and what it adds up to."""

import time
from collections.abc import Callable
from typing import TextIO

from bytelm.cli.progress import SECONDS_BETWEEN, ProgressLine
from bytelm.corpora.rows import Totals, add_up
from bytelm.corpora.working import Scored

_SECONDS_IN_A_LOG = 10.0
"""Where each line stays, as in the log of a job that takes days, there are fewer."""

_MOST_NOTES = 10
"""Records that are named one by one when they are left out; the others are counted."""


class CorpusProgress:
    """Shows what is scored, as ``ProgressLine`` does. Mutable."""

    def __init__(self, stream: TextIO, enabled: bool, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        """``size`` is the bytes of all inputs, 0 where they are not known; ``clock`` gives seconds."""
        self._stream = stream
        self._size = size
        self._begun = clock()
        self._line = ProgressLine(stream, enabled, clock, SECONDS_BETWEEN if stream.isatty() else _SECONDS_IN_A_LOG)
        self._totals = Totals()
        self._first: int | None = None
        self._read = 0

    def update(self, scored: Scored) -> None:
        """Count a chunk that was scored just now."""
        named = self._totals.skipped
        self._totals = add_up((self._totals, scored.totals))
        for message in scored.wrong[: max(0, _MOST_NOTES - named)]:
            self.note(f"left out: {message}")
        self._read = max(self._read, scored.read)
        if self._first is None:
            self._first = scored.read
        self._line.show(lambda now: self._text(now - self._begun))

    def within(self, done: int, total: int) -> None:
        """Say that ``done`` of the ``total`` bytes of the next chunk are scored."""
        self._line.show(lambda _: f"{totals_text(self._totals)}, then {done:,} of {total:,} bytes")

    def note(self, text: str) -> None:
        """Say something that stays."""
        self._line.clear()
        print(f"note: {text}", file=self._stream)

    def __enter__(self) -> "CorpusProgress":
        self._line.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._line.__exit__()

    def _text(self, seconds: float) -> str:
        share = f" ({100 * self._read / self._size:.1f} % of the input)" if self._size else ""
        speed = f", {self._totals.bytes / seconds:,.0f} bytes/s" if seconds > 0 else ""
        return f"{totals_text(self._totals)}{share}{speed}{self._left(seconds)}"

    def _left(self, seconds: float) -> str:
        """The time left, judged from what was scored since the first chunk: before it lies what was finished before."""
        if not self._size or self._first is None or self._read <= self._first:
            return ""
        left = seconds * (self._size - self._read) / (self._read - self._first)
        return f", {duration(left)} left"


def totals_text(totals: Totals) -> str:
    """Documents, bytes, bits per byte, and what is odd about them."""
    bits = totals.bits_per_byte
    shown = "" if bits is None else f", {bits:.4f} bits per byte"
    if totals.impossible:
        shown += f" without the {totals.impossible:,} bytes that no text of the tokenizer has"
    if totals.skipped:
        shown += f", {totals.skipped:,} records left out"
    return f"{totals.documents:,} documents, {totals.bytes:,} bytes{shown}"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whatever says it best."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"
