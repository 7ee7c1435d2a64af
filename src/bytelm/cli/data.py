"""``bytelm data``: texts made ready for training."""

from bytelm.cli import data_inspect, data_prepare
from bytelm.cli.commands import Commands, add_command, add_parser

NAME = "data"
SUMMARY = "texts made ready for training models over bytes"
EXAMPLE = """\
example:
  bytelm data prepare corpus.jsonl.gz src --out prepared
  bytelm data inspect prepared
"""


def add_commands(commands: Commands) -> None:
    """The group with its commands."""
    group = add_parser(commands, NAME, SUMMARY, EXAMPLE)
    within = group.add_subparsers(metavar="COMMAND", required=True, title="commands")
    for command in (data_prepare, data_inspect):
        add_command(within, command)
