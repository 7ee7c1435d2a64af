"""The curves as a picture: bits per byte and divergence against steps, and against seconds."""

import io
from pathlib import Path
from typing import Any, Final

from bytelm.corpora.files import complete_file
from bytelm.spans.extras import needed

from .results import Json

_INKS: Final = ("#c4392d", "#174a7c", "#4f7a28", "#8a6d1d")
_GREY: Final = "#666666"
_SIZE: Final = (8.4, 5.6)
_DOTS: Final = 100
_COLOURS: Final = 32

_FIGURES: Final = (("bits_per_byte", "bits per byte of held-out files"), ("kl", "KL(teacher ‖ student), nats"))


def draw(result: Json, path: Path) -> None:
    """Write the picture as a PNG.

    Raises:
        ValueError: there is no matplotlib.
    """
    figure = needed("matplotlib", "a picture", "matplotlib.figure").Figure(_SIZE, dpi=_DOTS, layout="constrained")
    with needed("matplotlib", "a picture").rc_context({"font.size": 8.5}):
        grid = figure.subplots(2, 2, sharex="col", sharey="row")
        for row, (what, label) in zip(grid, _FIGURES, strict=True):
            for axes, place in zip(row, ("step", "seconds"), strict=True):
                _panel(axes, result, place, what)
            row[0].set_ylabel(label)
        grid[1][0].set_xlabel("steps of training")
        grid[1][1].set_xlabel(f"seconds of training, threads: {result['machine']['torch_threads']}")
        grid[0][1].legend(frameon=False, labelcolor="linecolor", handlelength=1.2)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DOTS)
    with complete_file(path) as file:
        file.write(_small(drawn.getvalue()))


def _panel(axes: Any, result: Json, place: str, what: str) -> None:
    """A figure of all losses against one thing, a line for each seed."""
    for ink, (name, loss) in zip(_INKS, result["losses"].items(), strict=True):
        for number, run in enumerate(loss["seeds"].values()):
            curve = run["curve"]
            values = [point[what] for point in curve]
            shown = {"label": name} if number == 0 else {}
            axes.plot([point[place] for point in curve], values, color=ink, marker="o", markersize=2, lw=1, **shown)
    ends = {"step": result["steps"], "seconds": result["seconds"]}[place]
    axes.axvline(ends, color=_GREY, lw=0.6, ls=":")
    if what == "bits_per_byte":
        teacher = result["teacher"][what]
        axes.axhline(teacher, color=_GREY, lw=0.8, ls="--")
        axes.annotate("the teacher", (0, teacher), (3, 3), textcoords="offset points", color=_GREY, fontsize=7)
    axes.set_xlim(left=0)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _small(png: bytes) -> bytes:
    """The same picture with few colours, which is a third of the size."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        few = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    found = io.BytesIO()
    few.save(found, "PNG", optimize=True)
    return found.getvalue()
