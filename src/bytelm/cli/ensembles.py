"""Several models on one command line, as one: the options, and how they are opened."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bytelm.cli.inputs import read_file
from bytelm.ensembles.building import HOW, ensemble

COUNTED = "ngram:"
"""How the name of a model begins that counts the bytes of a file."""


class Names(argparse.Action):
    """``--model``, once for a model, several times for an ensemble: a string, or a list of them."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, values if before is None else [*as_list(before), values])


def add_ensemble_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say how several models become one."""
    group = parser.add_argument_group("ensembles", "give --model several times; ngram:FILE counts the bytes of a file")
    group.add_argument("--how", choices=HOW, metavar="WAY", help=f"{', '.join(HOW)} (default: mixture)")
    group.add_argument(
        "--weight", type=float, action="append", metavar="W", help="weight of a model; one for each --model, in order"
    )
    group.add_argument("--switch", type=float, metavar="X", help="mixture: how often another model becomes the better")
    group.add_argument("--strength", type=float, metavar="S", help="contrast, proxy: how far the expert is moved")


def as_list(models: str | list[str] | None) -> list[str | None]:
    """What ``--model`` gave as a list of names; ``None`` is the bundled model."""
    return list(models) if isinstance(models, list) else [models]


def is_ensemble(arguments: argparse.Namespace) -> bool:
    """Whether the options ask for an ensemble.

    Raises:
        ValueError: there are options of ensembles, and one model.
    """
    several = len(as_list(arguments.model)) > 1
    given = [name for name in ("how", "weight", "switch", "strength") if getattr(arguments, name, None) is not None]
    if given and not several:
        raise ValueError(f"--{given[0]} is for ensembles; give --model several times, once for each model")
    return several


def open_ensemble(arguments: argparse.Namespace, open_one: Callable[[str | None], Any]) -> Any:
    """The ensemble that the options ask for, of models that ``open_one`` opens by name."""
    names = [name or "bundled" for name in as_list(arguments.model)]
    members = [open_member(name, open_one) for name in names]
    return ensemble(
        members,
        "mixture" if arguments.how is None else arguments.how,
        arguments.weight,
        switch=arguments.switch,
        strength=arguments.strength,
        names=names,
    )


def open_member(name: str, open_one: Callable[[str | None], Any]) -> Any:
    """A model by its name, or one that counts a file."""
    if not name.startswith(COUNTED):
        return open_one(name)
    from bytelm.native.ngram import ngram

    file = name.removeprefix(COUNTED)
    return ngram(read_file(file) if file else ())


def tokenizers_of(model: Any) -> Iterator[Any]:
    """The tokenizers of a model, or of the members of an ensemble, as far as they have one."""
    for member in getattr(model, "members", [model]):
        if hasattr(member, "members"):
            yield from tokenizers_of(member)
        elif hasattr(member, "tokenizer"):
            yield member.tokenizer
