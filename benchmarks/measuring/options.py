"""The options that every benchmark's script has: where the data is, and where the result goes."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from measuring.surroundings import ROOT


def add_places(parser: argparse.ArgumentParser) -> None:
    """``--out`` and ``--shared``, which ``BYTELM_SHARED`` gives a default to."""
    parser.add_argument("--out", type=Path, metavar="FILE", help="write everything that was measured as JSON")
    shared = Path(os.environ.get("BYTELM_SHARED") or ROOT.parent / "shared")
    parser.add_argument("--shared", type=Path, default=shared, help="the data beside the repository")


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; a result that could not be written ends the script before it measures."""
    options = parser.parse_args(arguments)
    if options.out is not None and not options.out.resolve().parent.is_dir():
        parser.error(f"--out {options.out}: there is no folder {options.out.parent}")
    return options
