"""``bytelm check``: a tokenizer's byte view, proved against the tokenizer itself."""

import argparse
import sys

from bytelm.cli.inputs import read_file
from bytelm.cli.outputs import write_json, write_line
from bytelm.cli.progress import ProgressLine

NAME = "check"
SUMMARY = "prove the byte view of a tokenizer against the tokenizer itself"
EXAMPLE = """\
The model's weights are not needed. Exit status: 0 if all agrees, 1 with a counterexample, 2 for an error. With
--json: one object with tokenizer, kind, size, prefix, normalization, counts, seconds, holds, counterexamples.

example:
  bytelm check bundled:code-sp --cuts 500 --contexts 4
"""

COUNTEREXAMPLE = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="model directory, hub id, bundled:NAME, or a tokenizer.json (default: the bundled model)",
    )
    parser.add_argument("--cuts", type=int, default=2000, metavar="N", help="cuts of texts to try (default: 2000)")
    parser.add_argument(
        "--contexts",
        type=int,
        default=20,
        metavar="N",
        help="contexts after which every token of the vocabulary is tried (default: 20)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="fixes what is tried (default: 0)")
    parser.add_argument(
        "--text",
        action="append",
        default=[],
        metavar="FILE",
        help="take half of the pieces from this text; - is standard input; repeat for several",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--progress", action="store_true", help="show progress even if not on a terminal")


def run(arguments: argparse.Namespace) -> int:
    """Prove, report; the exit status."""
    texts = [_text(file) for file in arguments.text]
    from bytelm.checking.proof import prove
    from bytelm.checking.report import as_json, report
    from bytelm.loading import BUNDLED, tokenizer

    viewed = tokenizer(arguments.model)
    with ProgressLine(sys.stderr, enabled=arguments.progress or sys.stderr.isatty()) as line:
        proof = prove(
            viewed,
            texts,
            cuts=arguments.cuts,
            contexts=arguments.contexts,
            seed=arguments.seed,
            progress=lambda what, done, total: line.update(done, total, what),
        )
    name = arguments.model or f"bundled:{BUNDLED[0]}"
    if arguments.json:
        write_json(as_json(proof, viewed, name))
    else:
        write_line(report(proof, viewed, name))
    return 0 if proof.holds else COUNTEREXAMPLE


def _text(file: str) -> str:
    """A file as text.

    Raises:
        ValueError: it cannot be read, is empty, or is not valid UTF-8.
    """
    data = read_file(file)
    if not data:
        raise ValueError(f"there is nothing in {file!r} to take pieces from; give a text that is not empty")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file!r} is not valid UTF-8 at byte {error.start}; tokenizers take text only, so convert it first"
        ) from error
