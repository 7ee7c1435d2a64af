"""``bytelm train --launch``: the run is handed to Slurm, or to processes of this machine."""

import argparse
from typing import TYPE_CHECKING

from bytelm.cli.outputs import write_json, write_line

if TYPE_CHECKING:
    from bytelm.training.launching.options import LocalOptions, SlurmOptions
    from bytelm.training.launching.submitting import Submitted
    from bytelm.training.run_config import RunConfig

BOTH = ("processes_per_node", "gpus_per_node", "time", "notice")
"""Options that either launcher takes."""

SLURM = (
    "nodes",
    "cpus_per_task",
    "memory",
    "partition",
    "account",
    "qos",
    "constraint",
    "requeues",
    "slurm",
    "dry_run",
)
"""Options that Slurm alone takes."""


def add_launch_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a run that other processes make."""
    group = parser.add_argument_group("launching", "the run goes to Slurm, or to processes of this machine")
    add = group.add_argument
    add("--launch", choices=("slurm", "local"), help="who runs it; this command returns at once")
    add("--nodes", type=int, metavar="N", help="machines (default: 1)")
    add("--processes-per-node", type=int, metavar="N", help="on each machine (default: one for each GPU, or 1)")
    add("--gpus-per-node", type=int, metavar="N", help="GPUs of each machine (default: none)")
    add("--cpus-per-task", type=int, metavar="N", help="of each process (default: as the cluster has it)")
    add("--memory", metavar="SIZE", help="of each machine, such as 64G (default: as the cluster has it)")
    add("--time", metavar="TIME", help="minutes, HH:MM:SS or DAYS-HH:MM:SS, until it is requeued; slurm needs it")
    add("--partition", metavar="NAME", help="of the cluster")
    add("--account", metavar="NAME", help="that pays")
    add("--qos", metavar="NAME", help="quality of service")
    add("--constraint", metavar="TEXT", help="features of the machines")
    add("--notice", type=int, metavar="SECONDS", help="before the time is up, to save in (default: 120)")
    add("--requeues", type=int, metavar="N", help="how often, when time is up, it is started again (default: 100)")
    add("--slurm", action="append", metavar="KEY=VALUE", help="any other option of sbatch; may be given often")
    add("--dry-run", action="store_true", default=None, help="print what sbatch would be given, and leave")


def launch(arguments: argparse.Namespace, config: "RunConfig") -> bool:
    """Hand a run over where that was asked for, and say so; whether it was.

    Raises:
        ValueError: the options do not go together, or the run could not be made.
    """
    given = [name for name in (*BOTH, *SLURM) if getattr(arguments, name) is not None]
    if arguments.launch is None:
        if given:
            raise ValueError(f"{_flag(given[0])} is for a run that is launched; add --launch slurm or --launch local")
        return False
    if arguments.launch == "local":
        _refuse_slurms(given)
        _run_here(arguments, config)
    else:
        _submit(arguments, config)
    return True


def _submit(arguments: argparse.Namespace, config: "RunConfig") -> None:
    from bytelm.training.launching.submitting import check_launchable, sbatch_text

    options = _slurm_options(arguments)
    check_launchable(config, options.processes)
    if arguments.dry_run:
        write_line(sbatch_text(config, options).rstrip("\n"))
        return
    from bytelm.cli.train_here import train_here
    from bytelm.training.launching.job import TrainingJob
    from bytelm.training.launching.submitting import submit_to_slurm

    job = TrainingJob(config, arguments.device, arguments.quiet, train_here)
    done = submit_to_slurm(job, options)
    _say(arguments, config, done, f"scancel {done.job}", f"squeue -j {done.job}")


def _run_here(arguments: argparse.Namespace, config: "RunConfig") -> None:
    from bytelm.training.launching.submitting import check_launchable, start_here

    options = _local_options(arguments)
    check_launchable(config, options.processes)
    from bytelm.cli.train_here import train_here
    from bytelm.training.launching.job import TrainingJob

    done = start_here(TrainingJob(config, arguments.device, arguments.quiet, train_here), options)
    _say(arguments, config, done, f"kill {done.job}")


def _slurm_options(arguments: argparse.Namespace) -> "SlurmOptions":
    from bytelm.training.launching.options import NOTICE, REQUEUES, SlurmOptions, minutes_of, other_option

    if arguments.time is None:
        raise ValueError("--launch slurm needs --time, such as --time 24:00:00; the run is requeued until it is done")
    gpus = arguments.gpus_per_node
    return SlurmOptions(
        minutes=minutes_of(arguments.time),
        nodes=_or(arguments.nodes, 1),
        processes_per_node=_or(arguments.processes_per_node, gpus or 1),
        gpus_per_node=gpus,
        cpus_per_task=arguments.cpus_per_task,
        memory=arguments.memory,
        partition=arguments.partition,
        account=arguments.account,
        qos=arguments.qos,
        constraint=arguments.constraint,
        notice=_or(arguments.notice, NOTICE),
        requeues=_or(arguments.requeues, REQUEUES),
        more=tuple(other_option(text) for text in arguments.slurm or ()),
    )


def _local_options(arguments: argparse.Namespace) -> "LocalOptions":
    from bytelm.training.launching.options import NOTICE, LocalOptions, minutes_of

    gpus = _or(arguments.gpus_per_node, 0)
    return LocalOptions(
        processes=_or(arguments.processes_per_node, gpus or 1),
        gpus=gpus,
        minutes=None if arguments.time is None else minutes_of(arguments.time),
        notice=_or(arguments.notice, NOTICE),
    )


def _refuse_slurms(given: list[str]) -> None:
    for name in given:
        if name in SLURM:
            raise ValueError(f"{_flag(name)} is for --launch slurm; leave it out, or add that")


def _say(
    arguments: argparse.Namespace, config: "RunConfig", done: "Submitted", cancel: str, look: str | None = None
) -> None:
    """Tell where a job is, how to look at it, and how to end it."""
    if arguments.json:
        write_json({"job": done.job, "out": config.out, "log": str(done.log), "cancel": cancel})
        return
    write_line(f"{config.out}: job {done.job} trains it; the same command goes on where it ends")
    write_line(f"log:    tail -F {done.log}")
    if look is not None:
        write_line(f"queue:  {look}")
    write_line(f"cancel: {cancel}")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
