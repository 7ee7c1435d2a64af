"""``bytelm blt``: the commands that are about Byte Latent Transformers alone."""

from bytelm.cli import blt_calibrate, blt_convert, blt_demo, blt_entropies, blt_patches
from bytelm.cli.commands import Commands, add_command, add_parser

NAME = "blt"
SUMMARY = "Byte Latent Transformers: how they cut texts into patches, and what that is good for"
EXAMPLE = """\
example:
  bytelm blt demo
  bytelm blt patches src --model PATH
"""


def add_commands(commands: Commands) -> None:
    """The group with its commands."""
    group = add_parser(commands, NAME, SUMMARY, EXAMPLE)
    within = group.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for command in (blt_patches, blt_calibrate, blt_demo, blt_convert, blt_entropies):
        add_command(within, command)
