"""``bytelm byteify``: a byte model made of a subword model, for training by distillation."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bytelm.cli.outputs import write_json, write_line
from bytelm.cli.progress import ProgressLine

if TYPE_CHECKING:
    from bytelm.byteified.converting import Summary

NAME = "byteify"
SUMMARY = "make a byte model of a subword model, to be trained by distillation"
EXAMPLE = """\
The byte model has the source's body, and embeddings of bytes copied from its tokens. Before it is trained it predicts
bytes badly. By default every byte also sees the source's embedding of the longest token that ends there.

example:
  bytelm byteify Qwen/Qwen3-0.6B-Base --out qwen3-bytes
"""

TOKENIZERS = ("bytes", "tokenkit")
DTYPES = ("float32", "bfloat16", "float16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("source", metavar="MODEL", help="model directory, hub id, or bundled:NAME")
    parser.add_argument("--out", metavar="DIRECTORY", required=True, help="where to write; not there yet, or empty")
    parser.add_argument("--no-suffixes", action="store_true", help="leave out the embeddings of the source's tokens")
    parser.add_argument(
        "--tokenizer",
        choices=TOKENIZERS,
        default="bytes",
        help="bytes and special tokens (default), or the layout of the published byte checkpoints",
    )
    parser.add_argument("--dtype", choices=DTYPES, help="what the numbers become (default: as they are)")
    parser.add_argument("--overwrite", action="store_true", help="replace a byte model that is in DIRECTORY")
    parser.add_argument("--json", action="store_true", help="say what was written as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="say nothing")


def run(arguments: argparse.Namespace) -> None:
    """Make it, and say what there is now."""
    from bytelm.byteified.converting import byteify
    from bytelm.loading import resolve

    source, out = resolve(arguments.source), Path(arguments.out)
    with ProgressLine(sys.stderr, enabled=sys.stderr.isatty() and not arguments.quiet) as line:
        made = byteify(
            source,
            out,
            suffixes=not arguments.no_suffixes,
            tokenizer=arguments.tokenizer,
            dtype=arguments.dtype,
            overwrite=arguments.overwrite,
            progress=line.update,
        )
    if arguments.quiet:
        return
    if arguments.json:
        write_json({"out": str(out), **asdict(made)})
        return
    for text in summary_lines(out, made):
        write_line(text)


def summary_lines(out: Path, made: "Summary") -> Iterator[str]:
    """What was made, for people."""
    yield f"{out}: {made.model_type}, {made.parameters:,} parameters"
    if made.suffix_parameters:
        yield f"of these, embeddings of tokens:  {made.suffix_parameters:,}"
    yield f"vocabulary:  {made.vocabulary_after:,} (before: {made.vocabulary_before:,})"
    yield f"special tokens:  {' '.join(made.special_tokens) or 'none'}"
    if made.lacking:
        shown = " ".join(f"{byte:02x}" for byte in made.lacking[:8]) + (" …" if len(made.lacking) > 8 else "")
        yield f"bytes without a token of their own:  {len(made.lacking)} ({shown})"
