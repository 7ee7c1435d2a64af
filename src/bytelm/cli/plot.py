"""``bytelm plot``: how surprising each part of a text is."""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from bytelm.cli.inputs import STDIN, read_file
from bytelm.cli.loaded import add_model_arguments, open_model
from bytelm.cli.outputs import write_line
from bytelm.cli.progress import ProgressLine
from bytelm.cli.seen import note_unseen

NAME = "plot"
SUMMARY = "how surprising each part of a text is: a table, a page or a picture"
EXAMPLE = """\
A picture takes matplotlib: pip install 'bytelm[plot]'. Without --out, a table goes to standard output.

example:
  bytelm plot app.py --out heatmap.png
  bytelm plot essay.txt --by word --ended --out words.csv
"""

PICTURES = (".html", ".png")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("file", nargs="?", metavar="FILE", default=STDIN, help="- is standard input (default)")
    parser.add_argument("--out", metavar="F", help="write a page (.html), a picture (.png) or a table (.csv)")
    parser.add_argument(
        "--by",
        metavar="PARTS",
        help="byte, character, word, spaced, line, or /regular expression/ (default: byte; a table's: word)",
    )
    parser.add_argument("--ended", action="store_true", help="words as events: this word, and then it ends")
    parser.add_argument("--title", default="", help="of the page or picture")
    add_model_arguments(parser, ensembles=True)


def run(arguments: argparse.Namespace) -> None:
    """Measure the text and show it."""
    from bytelm.spans.heatmap import heatmap_of

    target = None if arguments.out is None else Path(arguments.out)
    if target is not None and target.suffix not in (*PICTURES, ".csv"):
        raise ValueError(f"--out {arguments.out!r} ends in none of .html, .png and .csv, so its form is not known")
    drawn = target is not None and target.suffix in PICTURES
    by = parts(arguments.by or ("byte" if drawn and not arguments.ended else "word"), arguments.ended)
    text = read_file(arguments.file)
    if not text:
        raise ValueError("there is nothing to measure: 0 bytes; give a file that is not empty")
    model = open_model(arguments)
    note_unseen(model, text, "standard input" if arguments.file == STDIN else arguments.file, arguments)
    table = measured(model, text, by, arguments.ended)
    if target is None:
        write_line(repr(table))
    elif drawn:
        heatmap_of(table, text, title=arguments.title).save(target)
    else:
        table.csv(target)
    if target is not None:
        write_line(f"{table.caption}: {table.surprisal:,.1f} bits, {table.bits_per_byte:.4f} bits per byte: {target}")


def measured(model: Any, text: bytes, by: Any, ended: bool) -> Any:
    """The table of spans, with progress on standard error."""
    from bytelm.spans.measuring import surprisal, word_surprisal

    with ProgressLine(sys.stderr, enabled=sys.stderr.isatty()) as line:
        if ended:
            return word_surprisal(model, text, spaced=by == "spaced", progress=line.update)
        return surprisal(model, text, by, progress=line.update)


def parts(by: str, ended: bool) -> str | re.Pattern[bytes]:
    """How the text is cut.

    Raises:
        ValueError: words as events are asked for, and other parts; or the expression is none.
    """
    if ended and by not in ("word", "spaced"):
        raise ValueError(f"--ended is about words: --by word or --by spaced, not {by!r}")
    if len(by) < 2 or not (by.startswith("/") and by.endswith("/")):
        return by
    try:
        return re.compile(by[1:-1].encode())
    except re.error as error:
        raise ValueError(f"--by {by} is no regular expression: {error}") from error
