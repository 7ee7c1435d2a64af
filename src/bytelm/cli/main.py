"""The program ``bytelm``: its commands, and what becomes of errors.

Exit status: 0, or 1 where ``check`` found a counterexample, 2 for a mistake in what was asked (one line on
standard error says how to mend it), 130 after Ctrl-C, 141 when the reader of the output went away.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from bytelm.cli import (
    audit,
    blt,
    byteify,
    check,
    data,
    demo,
    distill,
    evaluate,
    export,
    generate,
    infill,
    next_byte,
    plot,
    score,
    targets,
    train,
)
from bytelm.cli.commands import Parser, add_command

MISTAKE, INTERRUPTED, BROKEN_PIPE = 2, 130, 141

DESCRIPTION = "Every language model, whatever its tokenizer, is a model over bytes."
EXAMPLE = """\
example:
  bytelm next 'import numpy as n'
"""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line. Each command leaves its function in ``run``."""
    parser = Parser(
        prog="bytelm",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for command in (
        generate,
        infill,
        score,
        next_byte,
        plot,
        demo,
        check,
        audit,
        evaluate,
        train,
        distill,
        targets,
        byteify,
        export,
    ):
        add_command(commands, command)
    blt.add_commands(commands)
    data.add_commands(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; ``argv`` is ``sys.argv[1:]`` unless given. Returns the exit status."""
    try:
        arguments = build_parser().parse_args(argv)
        status = arguments.run(arguments)
        sys.stdout.flush()
    except SystemExit as leaving:  # argparse after --help
        return int(leaving.code or 0)
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_stdout()
        return BROKEN_PIPE
    except (ValueError, OSError, MemoryError, FloatingPointError) as error:
        print(f"bytelm: error: {_one_line(error)}", file=sys.stderr)
        return MISTAKE
    return int(status or 0)


def _one_line(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "out of memory; give a shorter text or a smaller model"
    return " ".join(str(error).split()) or type(error).__name__


def _abandon_stdout() -> None:
    """Let the interpreter flush what nobody will read into nothing, instead of complaining at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
