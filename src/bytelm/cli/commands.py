"""What every command of the program is, and its parser."""

import argparse
from typing import NoReturn, Protocol, TypeAlias


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, like all others of this program."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see '{self.prog} --help'")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""Where commands are added: what ``add_subparsers`` gives."""


class Command(Protocol):
    """A command; modules are such."""

    NAME: str
    SUMMARY: str
    EXAMPLE: str

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """The command's own options."""
        ...

    def run(self, arguments: argparse.Namespace, /) -> int | None:
        """Do it; the exit status."""
        ...


def add_parser(commands: Commands, name: str, summary: str, example: str) -> Parser:
    """A parser for one command among others, with what ``--help`` says of it."""
    return commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_command(commands: Commands, command: Command) -> None:
    """A command among others. It leaves its function in ``run``."""
    parser = add_parser(commands, command.NAME, command.SUMMARY, command.EXAMPLE)
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)
