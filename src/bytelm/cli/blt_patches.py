"""``bytelm blt patches``: where the patches of texts start, and how long they are."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bytelm.blt.languages import language_of
from bytelm.blt.patching.options import Patching
from bytelm.cli.blt_files import Source, add_files_argument, find_sources
from bytelm.cli.blt_model import (
    add_blt_arguments,
    add_patching_arguments,
    chosen_patching,
    described,
    open_blt,
    with_patching,
)
from bytelm.cli.blt_tables import FileSizes, by_language, histogram, patching_json, sizes_json, table, total_of
from bytelm.cli.blt_window import add_window_arguments, find_window, save_picture, show, window_json
from bytelm.cli.outputs import write_json, write_line
from bytelm.cli.progress import ProgressLine

if TYPE_CHECKING:
    from bytelm.blt.cutting import Cut
    from bytelm.blt.lm import BltLM

NAME = "patches"
SUMMARY = "where the patches of texts start, and how long they are, by file and by language"
EXAMPLE = """\
One file is shown as well, as far as --bytes says: ▏ stands before each patch; line ends are ↵, other bytes
that cannot be seen escapes. A picture takes matplotlib: pip install 'bytelm[plot]'. With --json: one object with
patching; files (file, language, bytes, patches, mean, median, ninety_percent, longest, histogram of pairs of a size
and how many patches have it); languages and total with the same figures; and of one file shown (start, bytes,
patches: start, bytes, text, entropy of the first byte in nats). null stands for what is not known.

example:
  bytelm blt patches app.py --model PATH
  bytelm blt patches src docs --model PATH --patching space
  bytelm blt patches app.py --model PATH --from 2000 --plot entropies.png
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    add_files_argument(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="cut the first N bytes of each file only")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    parser.add_argument("--progress", action="store_true", help="show progress even if not on a terminal")
    add_window_arguments(parser)
    add_patching_arguments(parser)
    add_blt_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Cut the texts, show one, count the patches."""
    if arguments.limit is not None and arguments.limit < 1:
        raise ValueError(f"--limit is {arguments.limit}; expected a number of bytes, at least 1")
    sources = find_sources(arguments.files)
    sizes = [source.size if arguments.limit is None else min(source.size, arguments.limit) for source in sources]
    window = find_window(sizes, arguments)
    model = open_blt(arguments)
    patching = chosen_patching(model.config.patching, arguments)
    files, last = _cut_all(with_patching(model, patching), sources, sizes, arguments.progress)
    drawn = None if window is None or arguments.plot is None else Path(arguments.plot)
    if window is not None and drawn is not None:
        save_picture(last, window, patching, sources[0].name, drawn)
    if arguments.json:
        shown = {} if window is None else {"shown": window_json(last, window)}
        write_json(sizes_of_all(files, patching) | shown)
        return
    if window is not None and drawn is None:
        show(last, window)
    write_line("\n".join([*table(files), "", *histogram(total_of(files)), ""]))
    write_line(f"a patch starts: {described(patching)}")
    if drawn is not None:
        write_line(f"{window}: {drawn}")


def sizes_of_all(files: list[FileSizes], patching: Patching) -> dict[str, object]:
    """What is known about the patches of all files, for ``--json``."""
    return {
        "patching": patching_json(patching),
        "files": [file.as_json() for file in files],
        "languages": {name: sizes_json(total_of(own)) for name, own in by_language(files).items()},
        "total": sizes_json(total_of(files)),
    }


def _cut_all(model: "BltLM", sources: list[Source], sizes: list[int], always: bool) -> tuple[list[FileSizes], "Cut"]:
    """The sizes of the patches of each text, and the last text as it was cut."""
    from bytelm.blt.cutting import cut

    files: list[FileSizes] = []
    with ProgressLine(sys.stderr, enabled=always or sys.stderr.isatty()) as line:
        for index, (source, size) in enumerate(zip(sources, sizes, strict=True)):
            told = partial(_told, line, sum(sizes[:index]), sum(sizes))
            found = cut(model, source.read(0, size), told)
            files.append(FileSizes(source.name, language_of(source.name), found.sizes))
            told(size, size)
    return files, found


def _told(line: ProgressLine, before: int, total: int, done: int, _: int) -> None:
    line.update(before + done, total)
