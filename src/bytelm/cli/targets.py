"""``bytelm targets``: what a teacher says of prepared data, computed once for all distillations from it."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bytelm.cli.data_prepare import DataProgress
from bytelm.cli.outputs import write_json, write_line

if TYPE_CHECKING:
    from bytelm.training.distillation.target_files import Targets

NAME = "targets"
SUMMARY = "compute what a teacher says of prepared data, once for all distillations"
EXAMPLE = """\
DATA is a directory that bytelm data prepare made. Its documents are cut into pieces that fit the rows of training;
at each place of each piece the teacher's next-byte distribution is computed, and of that the most probable symbols
(bytes, or the end of the text) and what the others have together are kept, as float16: 66 bytes of disk for each byte
of data with --keep 16. bytelm distill with targets=DIR then learns from the files, and the teacher does not run; its
length must be the same. The same command goes on where it was cut off, and the result is the same, byte for byte,
whatever the number of processes; where all is there, it compares the checksums.
With --json: one object, that of DIR/targets.json with directory.

example:
  bytelm targets prepared --teacher models/teacher --out targets --processes 8
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    add = parser.add_argument
    add("data", metavar="DATA", help="that bytelm data prepare made")
    add("--teacher", required=True, metavar="DIR", help="directory or hub id of a token model")
    add("--out", required=True, metavar="DIR", help="the folder to make")
    add(
        "--kind",
        choices=("exact", "path"),
        default="exact",
        help="distributions given the bytes alone, or, in one pass, those given where the teacher's tokens end as well "
        "(default: exact)",
    )
    add("--length", type=int, default=2048, metavar="N", help="ids in a row of training (default: 2048)")
    add(
        "--tolerance",
        type=float,
        default=0.01,
        metavar="X",
        help="part of an exact distribution that may stay unknown (default: 0.01)",
    )
    add("--keep", type=int, default=16, metavar="N", help="symbols that are kept of each distribution (default: 16)")
    add("--dtype", default="auto", help="float32, bfloat16, float16 or auto (default: auto, float32 on a CPU)")
    add("--processes", type=int, default=1, metavar="N", help="that compute, on one thread each (default: 1)")
    add("--device", help="where the teacher runs: cpu, cuda, … (default: cuda where there is one)")
    add("--json", action="store_true", help="one JSON object at the end")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--progress", action="store_true", help="show progress even if not on a terminal")
    shown.add_argument("--quiet", action="store_true", help="no progress")


def run(arguments: argparse.Namespace) -> None:
    """Compute, and say what there is."""
    targets = _compute(arguments)
    if arguments.json:
        write_json({"directory": arguments.out, **targets.as_json()})
        return
    kept = targets.settings.keep
    write_line(f"{arguments.out}: {targets.pieces:,} pieces, {targets.places:,} places, {kept} symbols of each")


def _compute(arguments: argparse.Namespace) -> "Targets":
    from bytelm.loading import device_named
    from bytelm.training.distillation.computing_targets import compute_targets

    device = device_named(arguments.device)
    enabled = arguments.progress or (sys.stderr.isatty() and not arguments.quiet)
    with DataProgress(sys.stderr, enabled) as progress:
        try:
            return compute_targets(
                arguments.data,
                arguments.teacher,
                arguments.out,
                kind=arguments.kind,
                length=arguments.length,
                tolerance=arguments.tolerance,
                keep=arguments.keep,
                dtype=arguments.dtype,
                processes=arguments.processes,
                device=str(device),
                progress=progress.update,
            )
        except KeyboardInterrupt:
            progress.clear()
            print(f"note: interrupted{_kept(arguments.out) or '; nothing was finished'}", file=sys.stderr)
            raise
        except FileNotFoundError:
            raise
        except (OSError, MemoryError) as error:
            raise ValueError(f"{str(error) or type(error).__name__}{_kept(arguments.out)}") from error


def _kept(folder: str) -> str:
    """What a note or an error goes on with, where something was finished."""
    from bytelm.training.distillation.target_files import NAME as MANIFEST

    if not (Path(folder) / MANIFEST).exists():
        return ""
    return f"; what is finished is kept in {folder!r}: the same command goes on from there"
