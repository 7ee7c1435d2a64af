"""``bytelm data inspect``: what a prepared directory holds."""

import argparse
import sys
from functools import partial

from bytelm.cli.data_tables import (
    beginning,
    input_lines,
    size_lines,
    sizes_json,
    split_lines,
    spread,
    trouble_lines,
)
from bytelm.cli.outputs import text_fields, write_json, write_line
from bytelm.cli.progress import ProgressLine
from bytelm.training.data.manifest import Manifest, read_manifest
from bytelm.training.data.shards import Shards

NAME = "inspect"
SUMMARY = "what a prepared directory holds: documents, their sizes, what was left out"
EXAMPLE = """\
With --json: one object, that of DIR/data.json with directory; verified; sizes, of each split (mean, smallest, median,
ninety_percent, ninety_nine_percent, largest; bytes, null where there is no document); and shown, the documents
(split, document, bytes, text: as much of it as is shown).

example:
  bytelm data inspect prepared
  bytelm data inspect prepared --verify --show 0
"""

_WIDTH = 88
"""Characters that are shown of a document."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("directory", metavar="DIR", help="that bytelm data prepare made")
    parser.add_argument("--verify", action="store_true", help="read all files and compare their checksums")
    parser.add_argument(
        "--show", type=int, default=3, metavar="N", help="how many documents of each split to show (default: 3)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    parser.add_argument("--progress", action="store_true", help="show progress even if not on a terminal")


def run(arguments: argparse.Namespace) -> None:
    """Open all splits, look at them, say what there is."""
    if arguments.show < 0:
        raise ValueError(f"--show is {arguments.show}; expected a number of documents, at least 0")
    manifest = read_manifest(arguments.directory)
    splits = {name: Shards(arguments.directory, name) for name in manifest.splits}
    if arguments.verify:
        _verify(list(splits.values()), arguments.progress)
    if arguments.json:
        write_json(_as_json(manifest, splits, arguments))
        return
    write_line("\n".join([*split_lines(manifest), "", *input_lines(manifest), *trouble_lines(manifest.troubles)]))
    for name, shards in splits.items():
        _show(name, shards, arguments.show)
    if arguments.verify:
        write_line("\nall files are as they were written")


def _verify(splits: list[Shards], always: bool) -> None:
    total = sum(shards.bytes for shards in splits)
    before = 0
    with ProgressLine(sys.stderr, enabled=always or sys.stderr.isatty()) as line:
        for shards in splits:
            shards.verify(partial(_told, line, before, total))
            before += shards.bytes


def _told(line: ProgressLine, before: int, total: int, done: int, _: int) -> None:
    line.update(before + done, total)


def _show(name: str, shards: Shards, count: int) -> None:
    if not shards.documents:
        return
    write_line("\n".join(["", f"{name}: {shards.documents:,} documents", *size_lines(shards.sizes)]))
    for index in spread(shards.documents, count):
        document = shards.document(index)
        data = bytes(document[: 4 * _WIDTH])
        write_line(f"{index:13,}  {beginning(data, len(data) == len(document), _WIDTH)}")


def _as_json(manifest: Manifest, splits: dict[str, Shards], arguments: argparse.Namespace) -> dict[str, object]:
    return {
        "directory": arguments.directory,
        **manifest.as_json(),
        "verified": True if arguments.verify else None,
        "sizes": {name: sizes_json(shards.sizes) for name, shards in splits.items()},
        "shown": [
            {
                "split": name,
                "document": index,
                "bytes": int(shards.sizes[index]),
                **text_fields("text", bytes(shards.document(index)[:_WIDTH])),
            }
            for name, shards in splits.items()
            for index in spread(shards.documents, arguments.show)
        ],
    }
