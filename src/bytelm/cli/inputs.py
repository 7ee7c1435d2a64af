"""Where prompts and texts come from: the command line, files, standard input. Always bytes, never decoded."""

import argparse
import os
import sys
from pathlib import Path

STDIN = "-"


def add_prompt_arguments(parser: argparse.ArgumentParser) -> None:
    """``PROMPT`` or ``--file F``; ``-``, or neither with input piped in, is standard input."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("prompt", nargs="?", metavar="PROMPT", help="the text; - reads standard input")
    group.add_argument("--file", metavar="F", help="read the text from a file, every byte of it")


def read_prompt(arguments: argparse.Namespace) -> bytes:
    """The prompt's bytes, a final newline included; those of an argument exactly as the shell passed them.

    Raises:
        ValueError: there is none, or its file cannot be read.
    """
    if arguments.file is not None:
        return read_file(arguments.file)
    if arguments.prompt is None and sys.stdin.isatty():
        raise ValueError("no prompt; give one as an argument, with --file, or on standard input")
    if arguments.prompt is None or arguments.prompt == STDIN:
        return sys.stdin.buffer.read()
    return os.fsencode(arguments.prompt)


def read_file(path: str) -> bytes:
    """The bytes of a file; ``-`` is standard input.

    Raises:
        ValueError: it cannot be read.
    """
    if path == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(
            f"cannot read {path!r}: {error.strerror}; give a file that can be read, or - for standard input"
        ) from error
