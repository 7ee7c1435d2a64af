"""``bytelm infill``: fill a gap in a text."""

import argparse
import os
import sys
import time

from bytelm.cli.inputs import add_prompt_arguments, read_file, read_prompt
from bytelm.cli.loaded import add_model_arguments, open_model
from bytelm.cli.outputs import text_fields, write_bytes, write_json
from bytelm.cli.sampled import add_sampling_arguments, sampled
from bytelm.decoding.checks import check_whole

NAME = "infill"
SUMMARY = "fill a gap between two texts, which may be cut anywhere"
EXAMPLE = """\
The gap is at a mark in the text, at --at BYTE of it, or between --prefix FILE and --suffix FILE. A model with special
tokens for filling gaps reads both sides, and says itself where the filling ends; any other continues what stands before
the gap until it meets what stands behind. The filling goes to standard output; with --whole, the whole text.

example:
  bytelm infill 'def area(r): ret<GAP>pi * r ** 2'
  bytelm infill --file app.py --at 1042 --end suffix --whole
"""

MARK = "<GAP>"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    add_prompt_arguments(parser)
    group = parser.add_argument_group("gap")
    group.add_argument(
        "--mark", default=MARK, metavar="M", help=f"what stands for the gap in the text (default: {MARK})"
    )
    group.add_argument("--at", type=int, metavar="BYTE", help="the gap is before this byte of the text, from 0")
    group.add_argument("--prefix", metavar="FILE", help="the text before the gap")
    group.add_argument("--suffix", metavar="FILE", help="the text behind the gap")
    group.add_argument("--end", choices=("mark", "suffix"), help="what ends the filling (default: the mark, if any)")
    group.add_argument("--match", type=int, metavar="N", help="bytes of the suffix that the filling must meet")
    group.add_argument("--order", choices=("psm", "spm"), help="prefix and suffix as they stood in training")
    group.add_argument("--tokens", nargs=3, metavar=("PRE", "SUF", "MID"), help="the model's tokens for filling gaps")
    add_sampling_arguments(parser)
    add_model_arguments(parser, ensembles=True)
    group = parser.add_argument_group("output")
    group.add_argument("--whole", action="store_true", help="print the text with the gap filled")
    group.add_argument("--json", action="store_true", help="one JSON object: prefix, text, suffix, bytes, seconds")


def run(arguments: argparse.Namespace) -> None:
    """Fill the gap."""
    prefix, suffix = read_gap(arguments)
    model = open_model(arguments)
    begun = time.perf_counter()
    filling = model.infill(
        prefix,
        suffix,
        **sampled(arguments),
        end=arguments.end,
        match=arguments.match,
        order=arguments.order,
        tokens=arguments.tokens,
    )
    assert isinstance(filling, bytes)
    if arguments.json:
        sides = text_fields("prefix", prefix) | text_fields("text", filling) | text_fields("suffix", suffix)
        write_json({**sides, "bytes": len(filling), "seconds": round(time.perf_counter() - begun, 6)})
        return
    write_bytes(prefix + filling + suffix if arguments.whole else filling)
    if sys.stdout.isatty():
        write_bytes(b"\n")


def read_gap(arguments: argparse.Namespace) -> tuple[bytes, bytes]:
    """The texts before and behind the gap.

    Raises:
        ValueError: there is no gap, there are several, or it is said in two ways.
    """
    if arguments.prefix is not None or arguments.suffix is not None:
        if arguments.prompt is not None or arguments.file is not None or arguments.at is not None:
            raise ValueError("--prefix and --suffix stand in the place of a text with a gap; give one or the other")
        return _side(arguments.prefix), _side(arguments.suffix)
    text = read_prompt(arguments)
    if arguments.at is not None:
        check_whole("--at", arguments.at, "the byte before which the gap is")
        if arguments.at > len(text):
            raise ValueError(f"--at is {arguments.at}, but the text has {len(text)} bytes")
        return text[: arguments.at], text[arguments.at :]
    mark = os.fsencode(arguments.mark)
    if not mark or text.count(mark) != 1:
        found = text.count(mark) if mark else 0
        raise ValueError(
            f"the text has {found} places with {arguments.mark!r}; mark one gap, or say --at BYTE, or --prefix and "
            "--suffix"
        )
    before, _, behind = text.partition(mark)
    return before, behind


def _side(file: str | None) -> bytes:
    return b"" if file is None else read_file(file)
