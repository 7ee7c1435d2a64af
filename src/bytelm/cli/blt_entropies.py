"""``bytelm blt entropies``: how uncertain an entropy model is behind each byte of prepared data, for training."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bytelm.cli.data_prepare import DataProgress
from bytelm.cli.outputs import write_json, write_line

if TYPE_CHECKING:
    from bytelm.training.data.uncertainty_files import Measured

NAME = "entropies"
SUMMARY = "compute the entropies that patches are cut by, of prepared data, once for all training"
EXAMPLE = """\
PREPARED is a directory that bytelm data prepare made. Every document is read by the entropy model of a Byte Latent
Transformer as if it stood alone; training then takes the entropies of the same bytes from the files, with
entropy_model=DIR entropies=FOLDER, and the entropy model does not run. They are kept as float16, two bytes for each
byte: a patch starts elsewhere only where the entropy is within a 2048th part of the threshold. The same command goes
on where it was cut off, and the result is the same, byte for byte, whatever the number of processes; where all is
there, it compares the checksums.
With --json: one object, that of FOLDER/entropies.json with directory.

example:
  bytelm blt entropies prepared --model run --processes 8
  bytelm train cpu-tiny data=prepared out=other entropy_model=run entropies=prepared/entropies
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    add = parser.add_argument
    add("prepared", metavar="PREPARED", help="that bytelm data prepare made")
    add("--model", required=True, metavar="DIR", help="directory or hub id of a model with an entropy model")
    add("--out", metavar="FOLDER", help="the folder to make (default: PREPARED/entropies)")
    add("--processes", type=int, default=1, metavar="N", help="that compute, on one thread each (default: 1)")
    add("--batch", type=int, metavar="N", help="bytes that go through the model together (default: 16384)")
    add("--device", help="where the model runs: cpu, cuda, … (default: cuda where there is one)")
    add("--json", action="store_true", help="one JSON object at the end")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--progress", action="store_true", help="show progress even if not on a terminal")
    shown.add_argument("--quiet", action="store_true", help="no progress")


def run(arguments: argparse.Namespace) -> None:
    """Compute, and say what there is."""
    folder = arguments.out or str(Path(arguments.prepared) / NAME)
    measured = _measure(arguments, folder)
    if arguments.json:
        write_json({"directory": folder, **measured.as_json()})
        return
    write_line(f"{folder}: {measured.documents:,} documents, {measured.bytes:,} bytes, {measured.values:,} entropies")


def _measure(arguments: argparse.Namespace, folder: str) -> "Measured":
    from bytelm.loading import device_named, resolve
    from bytelm.training.data.measuring import measure
    from bytelm.training.data.measuring_work import POSITIONS

    if arguments.batch is not None and arguments.batch < 1:
        raise ValueError(f"--batch is {arguments.batch}; expected a number of bytes, at least 1")
    model, device = resolve(arguments.model), device_named(arguments.device)
    enabled = arguments.progress or (sys.stderr.isatty() and not arguments.quiet)
    with DataProgress(sys.stderr, enabled) as progress:
        try:
            return measure(
                arguments.prepared,
                model,
                folder,
                processes=arguments.processes,
                positions=arguments.batch or POSITIONS,
                device=str(device),
                progress=progress.update,
            )
        except KeyboardInterrupt:
            progress.clear()
            print(f"note: interrupted{_kept(folder) or '; nothing was begun'}", file=sys.stderr)
            raise
        except (OSError, MemoryError) as error:
            raise ValueError(f"{str(error) or type(error).__name__}{_kept(folder)}") from error


def _kept(folder: str) -> str:
    """What a note or an error goes on with, where something was begun."""
    from bytelm.training.data.measuring_bench import MeasuringBench

    if not MeasuringBench(Path(folder)).root.exists():
        return ""
    return f"; what is finished is kept in {folder!r}: the same command goes on from there"
