"""The part of a text that ``bytelm blt patches`` shows: its options; on a terminal, as a picture, as JSON."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bytelm.blt.patching.options import Patching
from bytelm.cli.blt_model import described
from bytelm.cli.blt_showing import patches_text
from bytelm.cli.outputs import text_fields, wants_colour, write_line

if TYPE_CHECKING:
    from bytelm.blt.cutting import Cut

SHOWN, DRAWN = 1000, 120
"""How many bytes are shown and drawn by default."""

PICTURES = (".png", ".svg", ".pdf")


class Window(NamedTuple):
    """The bytes from ``begin`` to before ``end``."""

    begin: int
    end: int

    def __str__(self) -> str:
        return f"bytes {self.begin:,} to {self.end:,}"


def add_window_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say what is shown, and how."""
    group = parser.add_argument_group("what is shown of one file")
    group.add_argument("--from", type=int, dest="begin", metavar="N", help="begin N bytes into the file (default: 0)")
    group.add_argument(
        "--bytes", type=int, metavar="N", help=f"how many bytes (default: {SHOWN}; of a picture: {DRAWN})"
    )
    group.add_argument("--whole", action="store_true", help="all of it")
    group.add_argument(
        "--plot", metavar="F", help="draw the entropies with the borders instead: a .png, .svg or .pdf file"
    )


def find_window(sizes: list[int], arguments: argparse.Namespace) -> Window | None:
    """What is shown; ``None`` where there are several texts.

    Args:
        sizes: of the texts, bytes.
        arguments: the options.

    Raises:
        ValueError: an option out of its range; or one that is for one text, where there are several; or a picture
            that cannot be drawn.
    """
    _check_options(arguments)
    if len(sizes) > 1:
        _check_several(arguments, len(sizes))
        return None
    (size,), begin = sizes, arguments.begin or 0
    if begin >= size:
        raise ValueError(f"--from is {begin:,}, but the text has {size:,} bytes; begin further in front")
    count = (SHOWN if arguments.plot is None else DRAWN) if arguments.bytes is None else arguments.bytes
    window = Window(begin, size if arguments.whole else min(begin + count, size))
    if arguments.plot is not None:
        _check_picture(Path(arguments.plot), window)
    return window


def show(found: "Cut", window: Window) -> None:
    """Write the patches of the window to standard output."""
    part = found.stretch(*window)
    shown = patches_text(part.patches, wants_colour(sys.stdout), begun=not part.starts[0])
    write_line(shown.rstrip("\n"))
    if window != (0, len(found.text)):
        write_line(f"… {window} of {len(found.text):,}; --from, --bytes and --whole show others")
    write_line()


def save_picture(found: "Cut", window: Window, patching: Patching, name: str, target: Path) -> None:
    """Draw the window.

    Args:
        found: the whole text.
        window: what is drawn.
        patching: how it was cut.
        name: of the text.
        target: the file, whose ending says the form.
    """
    from bytelm.blt.picture import image

    part = found.stretch(*window)
    of_level = patching.mode in ("entropy", "both")
    data = image(
        part.text,
        part.starts[:-1],
        None if part.entropies is None else part.entropies[:-1],
        threshold=patching.threshold if of_level else None,
        rise={"monotonic": patching.threshold, "both": patching.rise}.get(patching.mode),
        title=f"{Path(name).name}, {window}: {described(patching)}",
        first=window.begin,
        form=target.suffix[1:],
    )
    target.write_bytes(data)


def window_json(found: "Cut", window: Window) -> dict[str, object]:
    """The patches of the window for ``--json``."""
    place, patches = window.begin, []
    for patch in found.stretch(*window).patches:
        entropy = None if found.entropies is None else float(found.entropies[place])
        patches.append({"start": place, "bytes": len(patch), **text_fields("text", patch), "entropy": entropy})
        place += len(patch)
    return {"start": window.begin, "bytes": window.end - window.begin, "patches": patches}


def _check_options(arguments: argparse.Namespace) -> None:
    for option, value, least in (("--from", arguments.begin, 0), ("--bytes", arguments.bytes, 1)):
        if value is not None and value < least:
            raise ValueError(f"{option} is {value}; expected a number of bytes, at least {least}")
    if arguments.whole and arguments.bytes is not None:
        raise ValueError("--whole is all bytes, --bytes some of them; give one of them")


def _check_several(arguments: argparse.Namespace, count: int) -> None:
    """Refuse the options for one text where there are several."""
    given = {"from": arguments.begin, "bytes": arguments.bytes, "whole": arguments.whole or None}
    for option, value in (given | {"plot": arguments.plot}).items():
        if value is not None:
            raise ValueError(f"--{option} is for one file, and there are {count:,}; give one of them")


def _check_picture(target: Path, window: Window) -> None:
    """Refuse a picture that cannot be drawn, before there is any work."""
    from bytelm.blt.picture import MOST_BYTES
    from bytelm.spans.extras import needed

    if target.suffix not in PICTURES:
        raise ValueError(f"--plot {str(target)!r} ends in none of {', '.join(PICTURES)}, so its form is not known")
    if window.end - window.begin > MOST_BYTES:
        raise ValueError(f"a picture shows at most {MOST_BYTES:,} bytes, and {window} are more; give a lower --bytes")
    needed("matplotlib", "a picture", "matplotlib.figure")
