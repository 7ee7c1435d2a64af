"""``bytelm audit``: how a text is segmented, and what other segmentations of it weigh."""

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bytelm.cli.inputs import add_prompt_arguments, read_prompt
from bytelm.cli.loaded import add_network_arguments
from bytelm.cli.next_byte import cover_json
from bytelm.cli.outputs import finite, text_fields, wants_colour, write_json, write_line
from bytelm.cli.progress import ProgressLine
from bytelm.rendering import WIDTH, columns, cover_table, last_columns, pieces, visible

if TYPE_CHECKING:
    from bytelm.checking.audit import Audit, CutAudit, Segmentation
    from bytelm.tokens.tokenizer import Tokenizer

NAME = "audit"
SUMMARY = "the tokens of a text, the probability of its other segmentations, and the tokens that straddle a cut"
EXAMPLE = """\
A directory without a model, or a tokenizer.json, gives the tokens alone. With --json: one object with text, tokens,
pieces, and of a model own, spelled, total (nats), others, beyond, dropped, cuts (cut, logprob, straddling, covers).

example:
  bytelm audit 'import numpy as n' --cut 9
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    add_prompt_arguments(parser)
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--cut",
        type=int,
        action="append",
        metavar="N",
        help="show the covers of the first N bytes; repeat for several (default: the whole text)",
    )
    group.add_argument("--every-cut", action="store_true", help="a line for each place in the text")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=1e-4,
        metavar="X",
        help="give up segmentations of less posterior probability (default: 1e-4)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_network_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Show the tokens, and the weights if there is a model."""
    text = read_prompt(arguments)
    from bytelm.checking.audit import audit, segment
    from bytelm.covers.model import TokenizedLM
    from bytelm.loading import load, resolve, tokenizer

    directory = resolve(arguments.model)
    if not _has_model(directory):
        viewed = tokenizer(directory)
        own = segment(viewed, text)
        if arguments.json:
            write_json(segmentation_json(own))
        else:
            write_line("\n".join([*segmentation_lines(own, viewed), "no config.json there, so the tokens alone"]))
        return
    model = load(arguments.model, begin=arguments.begin, dtype=arguments.dtype, device=arguments.device)
    if not isinstance(model, TokenizedLM):
        raise ValueError(f"{directory} holds a model over bytes: it has no tokens to look at")
    cuts = range(len(model.tokenizer.normalize(text)) + 1) if arguments.every_cut else arguments.cut
    with ProgressLine(sys.stderr, enabled=sys.stderr.isatty()) as line:
        found = audit(model, text, cuts=cuts, tolerance=arguments.tolerance, progress=line.update)
    if arguments.json:
        write_json(audit_json(found, model.tokenizer))
    else:
        write_line("\n".join(audit_lines(found, model.tokenizer, arguments.every_cut, wants_colour(sys.stdout))))


def segmentation_lines(own: "Segmentation", tokenizer: "Tokenizer") -> Iterator[str]:
    """The tokenizer's own tokens with their borders, on as many lines as they take."""
    yield f"{len(own.tokens):,} tokens, {len(own.text):,} bytes: the tokenizer's own"
    line = ""
    for name in pieces(own.tokens, b"", tokenizer.token_bytes)[:-1]:
        if line and columns(f"  {line}|{name}") > WIDTH:
            yield f"  {line}|"
            line = name
        else:
            line = f"{line}|{name}" if line else name
    yield f"  {line}"


def audit_lines(found: "Audit", tokenizer: "Tokenizer", every_cut: bool, colour: bool) -> Iterator[str]:
    """The whole audit for people."""
    yield from segmentation_lines(found.segmentation, tokenizer)
    yield ""
    yield f"{'log P, nats':<46}{'part of all':>12}"
    yield f"  {'these tokens':<28}{found.own:16.4f}{_percent(_part(found.own, found.total)):>12}"
    others = _part(found.spelled, found.total) - _part(found.own, found.total)
    yield f"  {'other tokens that end there':<44}{_percent(others):>12}"
    yield f"  {'tokens that go on behind it':<44}{_percent(found.beyond):>12}"
    yield f"  {'all segmentations, at least':<28}{found.total:16.4f}   dropped {found.dropped:.2g}"
    yield ""
    if every_cut:
        yield f"{'cut':>6}  {'covers':>6}  {'straddling':>10}  {'log P':>10}  heaviest cover, and the bytes after it"
        yield from (_cut_line(cut, tokenizer) for cut in found.cuts)
        return
    for cut in found.cuts:
        text = found.segmentation.text
        shown = last_columns([visible(text[: cut.cut]) + "▏" + visible(text[cut.cut :])], "", WIDTH - 40)
        yield f"cut at byte {cut.cut}: {shown}   {_percent(cut.straddling)} in tokens that straddle it"
        yield from cover_table(cut.covers, tokenizer.token_bytes, colour)


def segmentation_json(own: "Segmentation") -> dict[str, object]:
    """The tokens for programs."""
    shown = [piece.decode("utf-8", "backslashreplace") for piece in own.pieces]
    return {**text_fields("text", own.text), "tokens": list(own.tokens), "pieces": shown}


def audit_json(found: "Audit", tokenizer: "Tokenizer") -> dict[str, object]:
    """The whole audit for programs."""
    weights = {name: finite(getattr(found, name)) for name in ("own", "spelled", "total", "others", "beyond")}
    cuts = [
        {
            "cut": cut.cut,
            "logprob": finite(cut.logprob),
            "straddling": cut.straddling,
            "covers": [cover_json(tokenizer, cover) for cover in cut.covers],
        }
        for cut in found.cuts
    ]
    return {**segmentation_json(found.segmentation), **weights, "dropped": found.dropped, "cuts": cuts}


def _cut_line(cut: "CutAudit", tokenizer: "Tokenizer") -> str:
    label = f"{cut.cut:>6}  {len(cut.covers):>6}  {_percent(cut.straddling):>10}  {cut.logprob:10.4f}  "
    best = cut.covers[0]
    return label + last_columns(pieces(best.tokens[-WIDTH:], best.rest, tokenizer.token_bytes), "|", WIDTH - len(label))


def _has_model(directory: Path) -> bool:
    return directory.is_dir() and (directory / "config.json").is_file()


def _part(part: float, whole: float) -> float:
    return math.exp(part - whole)


def _percent(share: float) -> str:
    return "< 0.01 %" if 0 < share < 5e-5 else f"{100 * share:.2f} %"
