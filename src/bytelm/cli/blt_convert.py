"""``bytelm blt convert``: the weights of a Byte Latent Transformer in another form."""

import argparse
import sys
from pathlib import Path

from bytelm.cli.outputs import write_line
from bytelm.cli.progress import ProgressLine

NAME = "convert"
SUMMARY = "write the weights of a Byte Latent Transformer in another form"
EXAMPLE = """\
Forms: bytelm, which is that of transformers but for models that transformers cannot compute; transformers, which
refuses these; meta (params.json, consolidated.pth); and meta-hub (config.json, model.safetensors, train_args.json).
A few hundred megabytes of memory are enough for any model.

example:
  bytelm blt convert facebook/blt-1b blt-1b --to transformers --dtype bfloat16
"""

FORMS = ("bytelm", "transformers", "meta", "meta-hub")
DTYPES = ("float32", "bfloat16", "float16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("source", metavar="MODEL", help="model directory in any form, or hub id")
    parser.add_argument("target", metavar="DIRECTORY", help="where to write; not there yet, or empty")
    parser.add_argument("--to", choices=FORMS, default="bytelm", help="the form to write (default: bytelm)")
    parser.add_argument("--dtype", choices=DTYPES, help="what the numbers become (default: as they are)")
    parser.add_argument(
        "--entropy", metavar="MODEL", help="directory or hub id of Meta's entropy model, where the model has none"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a model that is in DIRECTORY")
    parser.add_argument("--progress", action="store_true", help="show progress even if not on a terminal")


def run(arguments: argparse.Namespace) -> None:
    """Convert, and say what there is now."""
    import torch

    from bytelm.blt.weights.converting import convert
    from bytelm.loading import resolve

    source = resolve(arguments.source)
    entropy = None if arguments.entropy is None else resolve(arguments.entropy)
    dtype = None if arguments.dtype is None else getattr(torch, arguments.dtype)
    target = Path(arguments.target)
    with ProgressLine(sys.stderr, enabled=arguments.progress or sys.stderr.isatty()) as line:
        written = convert(
            source, target, arguments.to, dtype, entropy, overwrite=arguments.overwrite, progress=line.update
        )
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    write_line(f"{target}: {len(written):,} parameters, {size:,} bytes in the form {arguments.to!r}")
