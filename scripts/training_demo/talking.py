"""What the demonstration says as it goes, on standard output."""

import sys

from bytelm.cli.outputs import wants_colour, write_line

from .following import Point
from .library import Excerpt
from .results import bits_of

_WIDTH = 32
_MOST = 5.0
"""Bits per byte that a bar of the whole width stands for."""


class Talk:
    """Says what is going on (mutable: it counts the parts).

    Args:
        parts: how many there are.
        quiet: whether nothing is said.

    Attributes:
        colour: whether it may be coloured.
    """

    def __init__(self, parts: int, quiet: bool) -> None:
        self.quiet = quiet
        self._parts = parts
        self._part = 0
        self.colour = wants_colour(sys.stdout)

    def part(self, title: str) -> None:
        """The next part begins."""
        self._part += 1
        self.line(f"\n{self.bold(f'{self._part}/{self._parts}  {title}')}")

    def line(self, text: str) -> None:
        """One line, or several."""
        if not self.quiet:
            write_line(text)

    def point(self, share: float, point: Point, held_out: list[Excerpt]) -> None:
        """How good a model is, as a figure and as a bar."""
        bits = bits_of(point.nats, held_out)
        bar = "█" * round(_WIDTH * min(bits, _MOST) / _MOST)
        self.line(f"  {share:>4.0%} of the FLOPs, {point.seconds:>4.0f} s: {bits:.3f} bits/byte held out  {bar}")

    def code(self, title: str, prompt: str, text: bytes) -> None:
        """What a model writes behind a prompt."""
        shown = text.decode("utf-8", "replace").replace("\r", "")
        self.line(f"\n{self.bold(title)}\n{self._styled(prompt, '2')}{shown}")

    def bold(self, text: str) -> str:
        return self._styled(text, "1")

    def _styled(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text
