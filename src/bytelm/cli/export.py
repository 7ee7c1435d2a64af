"""``bytelm export``: a byte model that transformers loads where bytelm is not installed."""

import argparse
import sys
from pathlib import Path

from bytelm.cli.outputs import write_json, write_line
from bytelm.cli.progress import ProgressLine

NAME = "export"
SUMMARY = "write a byte model so that transformers loads it without bytelm"
EXAMPLE = """\
Models with embeddings of suffixes get their code in two files beside the weights, which transformers runs with
trust_remote_code=True; all others load without any.

example:
  bytelm export qwen3-bytes --out qwen3-bytes-hub --dtype bfloat16
"""

DTYPES = ("float32", "bfloat16", "float16")
LOADING = {
    "suffixes": "AutoModelForCausalLM.from_pretrained(..., trust_remote_code=True)",
    "ordinary": "AutoModelForCausalLM.from_pretrained(...)",
    "blt": "BltForCausalLM.from_pretrained(...)",
}
"""How transformers loads each kind."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("source", metavar="MODEL", help="directory or hub id of a byte model")
    parser.add_argument("--out", metavar="DIRECTORY", required=True, help="where to write; not there yet, or empty")
    parser.add_argument("--dtype", choices=DTYPES, help="what the numbers become (default: as they are)")
    parser.add_argument("--overwrite", action="store_true", help="replace a byte model that is in DIRECTORY")
    parser.add_argument("--json", action="store_true", help="say what was written as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="say nothing")


def run(arguments: argparse.Namespace) -> None:
    """Write it, and say how it is loaded."""
    from bytelm.byteified.exporting import export
    from bytelm.loading import resolve

    source, out = resolve(arguments.source), Path(arguments.out)
    with ProgressLine(sys.stderr, enabled=sys.stderr.isatty() and not arguments.quiet) as line:
        written = export(source, out, dtype=arguments.dtype, overwrite=arguments.overwrite, progress=line.update)
    if arguments.quiet:
        return
    if arguments.json:
        write_json({"out": str(out), "kind": written.kind, "parameters": written.parameters})
        return
    write_line(f"{out}: {written.parameters:,} parameters; in transformers: {LOADING[written.kind]}")
