"""The curves as a picture: bits per byte against floating point operations, and against seconds."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bytelm.corpora.files import complete_file
from bytelm.spans.extras import needed

from .results import Json

_INKS: Final = ("#174a7c", "#c4392d", "#4f7a28")
_GREY: Final = "#666666"
_SIZE: Final = (8.4, 3.5)
_DOTS: Final = 110
_COLOURS: Final = 32

_PANEL: Final = 190.0
"""The height of the curves, points."""

_LETTER: Final = 10.0
"""The height of a line of text, points."""


def draw(result: Json, path: Path) -> None:
    """Write the picture as a PNG.

    Raises:
        ValueError: there is no matplotlib.
    """
    figure = needed("matplotlib", "a picture", "matplotlib.figure").Figure(_SIZE, dpi=_DOTS, layout="constrained")
    with needed("matplotlib", "a picture").rc_context({"font.size": 8.5}):
        _fill(figure, result)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DOTS)
    with complete_file(path) as file:
        file.write(_small(drawn.getvalue()))


def _fill(figure: Any, result: Json) -> None:
    """Both panels."""
    left, right = figure.subplots(1, 2, sharey=True)
    _panel(left, result, lambda point: point["flops"] / 1e12, "training, 10¹² floating point operations")
    _panel(right, result, lambda point: point["seconds"], "training, seconds")
    left.set_ylabel("bits per byte of held-out files")
    _mark_entropy_model(left, result)
    right.legend(frameon=False, labelcolor="linecolor", handlelength=1.2)


def _panel(axes: Any, result: Json, place: Callable[[Json], float], label: str) -> None:
    """The curves of all models against one thing."""
    models = list(result["models"].values())
    for ink, model in zip(_INKS, models, strict=True):
        curve = model["curve"]
        bits = [point["bits_per_byte"] for point in curve]
        axes.plot([place(point) for point in curve], bits, color=ink, marker="o", markersize=3, label=model["title"])
    for ink, model, shift in zip(_INKS, models, _shifts(models), strict=True):
        last = model["curve"][-1]
        axes.annotate(
            f"{last['bits_per_byte']:.3f}",
            (place(last), last["bits_per_byte"]),
            xytext=(5, shift),
            textcoords="offset points",
            color=ink,
            va="center",
        )
    axes.set_xlabel(label)
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _shifts(models: Sequence[Json]) -> list[float]:
    """How far the last figure of each model stands from its point, in points: two that are close move apart."""
    bits = [point["bits_per_byte"] for model in models for point in model["curve"]]
    points = _PANEL / max(max(bits) - min(bits), 1e-9)
    ends = [model["bits_per_byte"] for model in models]
    shifts = []
    for end in ends:
        near = [other for other in ends if other != end and abs(other - end) * points < _LETTER]
        push = (_LETTER - abs(near[0] - end) * points) / 2 if near else 0.0
        shifts.append(push if near and end > near[0] else -push)
    return shifts


def _mark_entropy_model(axes: Any, result: Json) -> None:
    """Say what the first computation of the Byte Latent Transformer was for."""
    for ink, model in zip(_INKS, result["models"].values(), strict=True):
        if model["first_flops"]:
            axes.axvspan(0, model["first_flops"] / 1e12, color=ink, alpha=0.12, linewidth=0)
            axes.annotate(
                "entropy model",
                (model["first_flops"] / 2e12, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, -3),
                textcoords="offset points",
                rotation=90,
                ha="center",
                va="top",
                fontsize=7,
                color=_GREY,
            )


def _small(png: bytes) -> bytes:
    """The same picture with few colours, which is a third of the size."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        few = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    found = io.BytesIO()
    few.save(found, "PNG", optimize=True)
    return found.getvalue()
