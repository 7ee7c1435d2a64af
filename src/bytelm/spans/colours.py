"""From bits to colours: pale for what was expected, red for what was not; the same for pages and pictures.

Colours are laid over the background, whatever it is, so that text is legible on light and dark ones.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Colour(NamedTuple):
    """Red, green and blue, 0 to 255, and how opaque, 0 to 1."""

    red: int
    green: int
    blue: int
    opacity: float

    def css(self) -> str:
        """As it is written in style sheets."""
        return f"rgba({self.red},{self.green},{self.blue},{self.opacity:.2f})"

    def fractions(self) -> tuple[float, float, float, float]:
        """All four from 0 to 1, as matplotlib has them."""
        return (self.red / 255, self.green / 255, self.blue / 255, self.opacity)


IMPOSSIBLE = Colour(106, 61, 174, 0.85)
"""Of what has probability zero."""

_STOPS = ((0.0, Colour(255, 214, 102, 0.0)), (0.5, Colour(250, 150, 50, 0.5)), (1.0, Colour(214, 39, 40, 0.85)))
_PERCENTILE = 99.5


def colour_of(value: float, top: float) -> Colour:
    """The colour of so many bits, where ``top`` and all above have the strongest."""
    if math.isinf(value):
        return IMPOSSIBLE
    share = min(1.0, max(0.0, value / top))
    places = [place for place, _ in _STOPS]
    red, green, blue, opacity = (float(np.interp(share, places, c)) for c in zip(*(s for _, s in _STOPS), strict=True))
    return Colour(round(red), round(green), round(blue), opacity)


def top_of(values: Iterable[float]) -> float:
    """Where the scale ends: all but the most surprising few in a thousand are below; a whole number, at least 1."""
    finite = [value for value in values if math.isfinite(value)]
    return float(max(1, math.ceil(np.percentile(finite, _PERCENTILE)))) if finite else 1.0
