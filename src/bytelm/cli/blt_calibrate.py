"""``bytelm blt calibrate``: the threshold that gives patches of a wanted size."""

import argparse
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.statistics import PatchSizes
from bytelm.blt.vocabulary import document
from bytelm.cli.blt_files import Source, add_files_argument, find_sources
from bytelm.cli.blt_model import (
    add_blt_arguments,
    add_patching_arguments,
    chosen_patching,
    described,
    open_blt,
    with_patching,
)
from bytelm.cli.blt_tables import HEADING, patching_json, sizes_json, sizes_line
from bytelm.cli.outputs import write_json, write_line
from bytelm.cli.progress import ProgressLine

if TYPE_CHECKING:
    from bytelm.blt.cutting import Cut
    from bytelm.blt.lm import BltLM

NAME = "calibrate"
SUMMARY = "find the threshold that gives patches of a wanted mean size, on a sample of texts"
EXAMPLE = """\
The sample is pieces of the files, drawn at random until they have --bytes; each is cut as a text of its own. A model
that was trained with other patches predicts worse with these. With --json: one object with threshold (nats), sample
(files, pieces, bytes), before and after (patching, bytes, patches, mean, median, ninety_percent, longest, histogram),
and written, the file or null.

example:
  bytelm blt calibrate src docs --model PATH --mean-patch 6
  bytelm blt calibrate src --model PATH --mean-patch 4.5 --patching monotonic --write
"""

PIECE = 2**13
"""How long the pieces of a sample are, bytes."""

SAMPLE = 2**18


class Piece(NamedTuple):
    """A part of a text: from which byte on, and how many."""

    source: Source
    begin: int
    size: int


class Outcome(NamedTuple):
    """What was found.

    Attributes:
        pieces: the sample.
        before, after: how the model cuts, and how it would.
        sizes_before, sizes_after: of the patches of the sample.
    """

    pieces: Sequence[Piece]
    before: Patching
    sizes_before: PatchSizes
    after: Patching
    sizes_after: PatchSizes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    add_files_argument(parser)
    parser.add_argument("--mean-patch", type=float, required=True, metavar="X", help="bytes a patch, on the average")
    parser.add_argument("--write", action="store_true", help="let the model cut so from now on: change its config.json")
    parser.add_argument(
        "--bytes", type=int, default=SAMPLE, metavar="N", help=f"how large the sample is at most (default: {SAMPLE})"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="fixes what is drawn (default: 0)")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    parser.add_argument("--progress", action="store_true", help="show progress even if not on a terminal")
    add_patching_arguments(parser, threshold=False)
    add_blt_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Draw the sample, find the threshold, say what it changes, and write it."""
    if arguments.bytes < 1:
        raise ValueError(f"--bytes is {arguments.bytes}; a sample has at least 1 byte")
    if arguments.write and not (arguments.model and Path(arguments.model).is_dir()):
        raise ValueError("--write changes the configuration in the directory of a model; give --model that directory")
    pieces = sample(find_sources(arguments.files), arguments.bytes, arguments.seed)
    found = calibrated(open_blt(arguments), pieces, arguments)
    written = None
    if arguments.write:
        from bytelm.blt.weights.repatching import write_patching

        written = write_patching(Path(arguments.model), found.after)
    if arguments.json:
        write_json(_as_json(found, written))
        return
    write_line("sample: {files:,} files, {pieces:,} pieces, {bytes:,} bytes".format(**_sample_json(pieces)))
    write_line(HEADING)
    write_line(f"{sizes_line(found.sizes_before)}  before: {described(found.before)}")
    write_line(f"{sizes_line(found.sizes_after)}  after:  {described(found.after)}")
    write_line(f"\nthreshold {found.after.threshold!r} nats" + ("" if written is None else f", written to {written}"))


def sample(sources: Sequence[Source], limit: int, seed: int) -> list[Piece]:
    """Pieces of texts, drawn at random, in the order of the texts.

    Args:
        sources: the texts.
        limit: how many bytes all pieces have at most.
        seed: fixes what is drawn.
    """
    pieces = [
        Piece(source, begin, min(PIECE, source.size - begin))
        for source in sources
        for begin in range(0, source.size, PIECE)
    ]
    order = list(range(len(pieces)))
    random.Random(seed).shuffle(order)
    taken: dict[int, Piece] = {}
    left = limit
    for index in order:
        if left <= 0:
            break
        taken[index] = pieces[index]._replace(size=min(pieces[index].size, left))
        left -= taken[index].size
    return [taken[index] for index in sorted(taken)]


def calibrated(model: "BltLM", pieces: Sequence[Piece], arguments: argparse.Namespace) -> Outcome:
    """The patching that the options ask for, with the threshold that gives the mean.

    Raises:
        ValueError: the patching has no threshold, or no threshold gives the mean.
    """
    from bytelm.blt.cutting import cut_by, entropies_behind
    from bytelm.blt.patching.calibrating import calibrate

    before = model.config.patching
    wanted = chosen_patching(before, arguments)
    if not wanted.needs_entropies:
        raise ValueError(f"patching by {wanted.mode!r} has no threshold; give --patching entropy, monotonic or both")
    texts = [piece.source.read(piece.begin, piece.size) for piece in pieces]
    reading = with_patching(model, wanted)
    uncertain = []
    with ProgressLine(sys.stderr, enabled=arguments.progress or sys.stderr.isatty()) as line:
        for text in texts:
            uncertain.append(entropies_behind(reading, document(text)))
            line.update(sum(map(len, uncertain)) - len(uncertain), sum(map(len, texts)))
    pairs = [(document(text), entropies) for text, entropies in zip(texts, uncertain, strict=True)]
    after = calibrate(wanted, pairs, arguments.mean_patch)
    cuts = [cut_by(after, text, entropies) for text, entropies in zip(texts, uncertain, strict=True)]
    return Outcome(pieces, before, _sizes_before(model, wanted, cuts), after, _sum(cuts))


def _sizes_before(model: "BltLM", wanted: Patching, cuts: Sequence["Cut"]) -> PatchSizes:
    """The sizes that the patches had; nothing is computed anew where the same entropies decided."""
    from bytelm.blt.cutting import cut, cut_by

    own = model.config.patching
    if own.needs_entropies and own.resets_at_newlines == wanted.resets_at_newlines:
        return _sum(cut_by(own, one.text, one.entropies) for one in cuts if one.entropies is not None)
    return _sum(cut(model, one.text) for one in cuts)


def _sum(cuts: Iterable["Cut"]) -> PatchSizes:
    return sum((one.sizes for one in cuts), PatchSizes())


def _sample_json(pieces: Sequence[Piece]) -> dict[str, int]:
    files = {piece.source.name for piece in pieces}
    return {"files": len(files), "pieces": len(pieces), "bytes": sum(piece.size for piece in pieces)}


def _as_json(found: Outcome, written: Path | None) -> dict[str, object]:
    return {
        "threshold": found.after.threshold,
        "sample": _sample_json(found.pieces),
        "before": {"patching": patching_json(found.before), **sizes_json(found.sizes_before)},
        "after": {"patching": patching_json(found.after), **sizes_json(found.sizes_after)},
        "written": None if written is None else str(written),
    }
