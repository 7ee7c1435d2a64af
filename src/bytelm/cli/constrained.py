"""The options that constrain what is generated."""

import argparse
from typing import Any

from bytelm.cli.inputs import read_file
from bytelm.prompts import Prompt

KINDS = ("regex", "choice", "json_schema", "grammar")


def add_constraint_arguments(parser: argparse.ArgumentParser) -> None:
    """One of ``--regex``, ``--choice``, ``--json-schema`` and ``--grammar``; they take llguidance."""
    group = parser.add_argument_group("constraints", "what comes out obeys; pip install 'bytelm[constraints]'")
    one = group.add_mutually_exclusive_group()
    one.add_argument("--regex", metavar="R", help="a regular expression that the whole output matches")
    one.add_argument("--choice", action="append", metavar="TEXT", help="a text that the output may be; repeat")
    one.add_argument("--json-schema", metavar="FILE", help="a JSON schema that the output satisfies")
    one.add_argument("--grammar", metavar="FILE", help="a grammar in Lark's form, whose start is the output")


def constrained(model: Any, prompt: bytes | Prompt, arguments: argparse.Namespace) -> tuple[Any, bytes | Prompt]:
    """The model under the constraint that the options say, and what it continues: the prompt is its context."""
    if all(getattr(arguments, kind) is None for kind in KINDS):
        return model, prompt
    from bytelm.constraints.building import constrain

    constraint = constrain(
        model,
        regex=arguments.regex,
        choices=arguments.choice,
        json_schema=None if arguments.json_schema is None else _text(arguments.json_schema),
        grammar=None if arguments.grammar is None else _text(arguments.grammar),
        after=prompt,
    )
    return constraint, b""


def _text(file: str) -> str:
    try:
        return read_file(file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file!r} is not valid UTF-8: {error.reason} at byte {error.start}") from error
