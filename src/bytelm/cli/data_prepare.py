"""``bytelm data prepare``: inputs of any kind become shards of bytes."""

import argparse
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TextIO

from bytelm.cli.corpus_progress import duration
from bytelm.cli.data_tables import split_lines, trouble_lines
from bytelm.cli.outputs import write_json, write_line
from bytelm.cli.progress import ProgressLine
from bytelm.training.data.forms import FORMS
from bytelm.training.data.locations import CORPORA
from bytelm.training.data.manifest import VALIDATION, Manifest
from bytelm.training.data.options import SHARD_BYTES, Options
from bytelm.training.data.workbench import workbench_of

NAME = "prepare"
SUMMARY = "turn texts, JSON Lines, Parquet and datasets of the hub into files of bytes that training reads"
EXAMPLE = f"""\
Each record of a .jsonl (.gz, .zst), .parquet or .arrow file is a document, and so is each other file. Folders are
walked; hidden and binary files are left out. Whatever is left out or repaired is counted and shown. The same command
goes on where it was cut off, and the result is the same, byte for byte, whatever the number of processes.
With --json: one object, that of DIR/data.json with directory.

Datasets of the Hugging Face hub: hf://OWNER/NAME[@REVISION][/PATH][?split=NAME]. PATH is a configuration of the
dataset, or a folder, a file or a pattern of its repository; the split is train unless it is named. By name:
{", ".join(CORPORA)}.
Their files are downloaded one by one, by each process, and removed when they are read. The commit and the files are
those of the first time the command was given; DIR/hub.json lists them.

Documents need no shuffling here: training reads them in an order of its own in every epoch. For a fair part of a large
dataset take some of its files, which --seed draws: --files, or --bytes.

example:
  bytelm data prepare corpus-*.jsonl.gz --out prepared --processes 8
  bytelm data prepare src docs --out prepared --validation 0.05 --unique
  bytelm data prepare fineweb-edu-10bt --files 2 --out prepared --processes 2
  bytelm data prepare 'hf://allenai/c4/en?split=validation' --out prepared
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    add = parser.add_argument
    add("inputs", nargs="+", metavar="INPUT", help="a file, a folder, a dataset of the hub")
    add("--out", required=True, metavar="DIR", help="the directory to make")
    add("--format", choices=FORMS, help="what all files hold (default: as their names say)")
    add("--field", default="text", metavar="NAME", help="the field or the column of the text (default: text)")
    add(
        "--validation",
        type=float,
        default=Options.validation,
        metavar="X",
        help=f"the share of the documents that is held out (default: {Options.validation})",
    )
    add("--unique", action="store_true", help="leave out documents that were there already")
    add("--files", type=int, metavar="N", help="read so many of all files only")
    add("--bytes", type=_whole, metavar="N", help="read files only until they have so many bytes, as 2e9, or more")
    add("--seed", type=int, default=0, metavar="N", help="that draws these files (default: 0)")
    add("--keep-downloads", action="store_true", help="keep what is downloaded, in the hub's own cache")
    add("--binary", action="store_true", help="keep binary files too")
    add(
        "--shard-bytes",
        type=int,
        default=SHARD_BYTES,
        metavar="N",
        help=f"the most bytes of a shard (default: {SHARD_BYTES})",
    )
    add("--processes", type=int, default=1, metavar="N", help="that read and write (default: 1)")
    add("--json", action="store_true", help="one JSON object at the end")
    add("--progress", action="store_true", help="show progress even if not on a terminal")


def _whole(text: str) -> int:
    """A whole number, written as such or as 2e9."""
    try:
        return int(text) if text.isdecimal() else int(Decimal(text).quantize(Decimal(1)))
    except ArithmeticError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes; expected one such as 2e9") from None


def run(arguments: argparse.Namespace) -> None:
    """Prepare, and say what there is."""
    options = Options(
        field=arguments.field,
        form=arguments.format,
        validation=arguments.validation,
        unique=arguments.unique,
        binary=arguments.binary,
        shard_bytes=arguments.shard_bytes,
        files=arguments.files,
        bytes=arguments.bytes,
        seed=arguments.seed,
    )
    manifest = _prepare(arguments, options)
    if arguments.json:
        write_json({"directory": arguments.out, **manifest.as_json()})
        return
    write_line("\n".join([*split_lines(manifest), *trouble_lines(manifest.troubles)]))
    if VALIDATION in manifest.splits and not manifest.splits[VALIDATION].documents:
        share = f"{100 * options.validation:g} % of {manifest.documents:,}"
        print(f"note: no document was held out: {share} documents came to none", file=sys.stderr)


def _prepare(arguments: argparse.Namespace, options: Options) -> Manifest:
    from bytelm.training.data.hugging_face import HuggingFace
    from bytelm.training.data.preparing import prepare  # brings what --help is not to wait for

    enabled = arguments.progress or sys.stderr.isatty()
    with DataProgress(sys.stderr, enabled) as progress:
        try:
            return prepare(
                arguments.inputs,
                arguments.out,
                options,
                processes=arguments.processes,
                progress=progress.update,
                hub=HuggingFace(keep=arguments.keep_downloads),
            )
        except KeyboardInterrupt:
            progress.clear()
            print(f"note: interrupted; {_resume(arguments.out)}", file=sys.stderr)
            raise
        except (OSError, MemoryError) as error:
            raise ValueError(f"{str(error) or type(error).__name__}; {_resume(arguments.out)}") from error


def _resume(out: str) -> str:
    kept = workbench_of(Path(out)).root
    if not kept.exists():
        return "nothing was finished"
    return f"what is finished is kept in {str(kept)!r}: the same command goes on from there"


class DataProgress(ProgressLine):
    """Shows how far the preparation has come. Mutable; see ``ProgressLine``."""

    def __init__(self, stream: TextIO, enabled: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds."""
        super().__init__(stream, enabled, clock)
        self._now = clock
        self._of: tuple[str, int, float] | None = None

    def update(self, done: int, total: int, unit: str = "bytes") -> None:
        """Say how far it has come; the speed is that since the first time that this unit was heard of."""
        if self._of is None or self._of[0] != unit:
            self._of = unit, done, self._now()
        _, before, begun = self._of
        self.show(lambda now: _progress_text(done, total, unit, done - before, now - begun))


def _progress_text(done: int, total: int, unit: str, lately: int, seconds: float) -> str:
    """``lately`` is what was done in these seconds."""
    share = 100 * done / total if total else 100.0
    shown = f"{done:,} of {total:,} {unit} ({share:.0f} %)"
    if not lately or seconds <= 0:
        return shown
    speed = lately / seconds
    fast = f"{speed / 1e6:,.1f} MB/s" if speed >= 1e6 else f"{speed / 1e3:,.1f} kB/s"
    return f"{shown}, {fast}, {duration((total - done) / speed)} left"
