"""What a launched run is given: machines, processes, time."""

import math
import re
from dataclasses import dataclass, fields
from typing import Final

NOTICE: Final = 120
"""Seconds before the end of a job's time at which it is told to save."""

REQUEUES: Final = 100
"""How often a job is started again when its time is up."""

_TIME: Final = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d{1,2}))?(?::(\d{1,2}))?")

_KEY: Final = re.compile(r"[a-z][a-z0-9-]*")

_TAKEN: Final = {
    "nodes": "use --nodes",
    "ntasks": "use --processes-per-node",
    "ntasks-per-node": "use --processes-per-node",
    "gpus-per-node": "use --gpus-per-node",
    "cpus-per-task": "use --cpus-per-task",
    "time": "use --time",
    "mem": "use --memory",
    "partition": "use --partition",
    "account": "use --account",
    "qos": "use --qos",
    "constraint": "use --constraint",
    "signal": "use --notice SECONDS",
    **dict.fromkeys(("output", "error", "open-mode"), "logs are in OUT/launch"),
    **dict.fromkeys(("requeue", "no-requeue"), "a job is requeued until the run has finished"),
    **dict.fromkeys(("array", "wrap", "test-only", "parsable", "wait"), "a run is one job"),
    "chdir": "a run goes on in the folder that it was submitted from",
}
"""Options of sbatch that cannot be given as they are, and why."""


@dataclass(frozen=True)
class SlurmOptions:
    """A job of Slurm.

    Attributes:
        minutes: the job may run before it is requeued.
        nodes: machines.
        processes_per_node: processes on each.
        gpus_per_node: on each machine; ``None`` to ask for none.
        cpus_per_task: of each process; ``None`` for what the cluster gives.
        memory: of each machine, as sbatch has it, such as ``"64G"``; ``None`` for what the cluster gives.
        partition, account, qos, constraint: as sbatch has them; ``None`` for the cluster's own.
        notice: seconds before the time is up at which the run is told to save: longer than a step and a checkpoint.
        requeues: how often the job is started again when its time was up.
        more: other options of sbatch, by their long names; ``None`` for those that take no value.
    """

    minutes: int
    nodes: int = 1
    processes_per_node: int = 1
    gpus_per_node: int | None = None
    cpus_per_task: int | None = None
    memory: str | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    notice: int = NOTICE
    requeues: int = REQUEUES
    more: tuple[tuple[str, str | None], ...] = ()

    def __post_init__(self) -> None:
        _check_counts(self, ("minutes", "nodes", "processes_per_node", "gpus_per_node", "cpus_per_task", "notice"))
        if self.requeues < 0:
            raise ValueError(f"requeues must be at least 0, got {self.requeues}")
        _check_gpus(self.processes_per_node, self.gpus_per_node)
        _check_notice(self.minutes, self.notice)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str):
                _check_text(field.name, value)
        for key, said in self.more:
            _check_other(key, said)

    @property
    def processes(self) -> int:
        """All processes."""
        return self.nodes * self.processes_per_node


@dataclass(frozen=True)
class LocalOptions:
    """Processes of this machine, in the background.

    Attributes:
        processes: how many.
        gpus: how many of the machine's GPUs they see.
        minutes: they may run before they are started again; ``None`` without an end.
        notice: seconds before that at which they are told to save.
    """

    processes: int = 1
    gpus: int = 0
    minutes: int | None = None
    notice: int = NOTICE

    def __post_init__(self) -> None:
        _check_counts(self, ("processes", "minutes", "notice"))
        if self.gpus < 0:
            raise ValueError(f"gpus must be at least 0, got {self.gpus}")
        _check_gpus(self.processes, self.gpus or None)
        if self.minutes is not None:
            _check_notice(self.minutes, self.notice)


def minutes_of(text: str) -> int:
    """A time as Slurm has it, in whole minutes, rounded up: ``MINUTES``, ``H:MM:SS``, ``D-H``, ``D-H:MM:SS``.

    Raises:
        ValueError: it is no such time, or none at all.
    """
    found = _TIME.fullmatch(text)
    if found is None or (found[1] is None and found[3] is not None and found[4] is None):
        # Slurm reads 10:00 as ten minutes, and people mean ten hours.
        raise ValueError(f"a time must be MINUTES, HH:MM:SS or DAYS-HH:MM:SS, such as 90 or 1-12:00:00, got {text!r}")
    days, first, second, third = (int(part or 0) for part in found.groups())
    whole = first if found[1] is None and found[3] is None else 60 * (24 * days + first) + second
    minutes = whole + math.ceil(third / 60)
    if not minutes:
        raise ValueError(f"a time must be at least one minute, got {text!r}")
    return minutes


def other_option(text: str) -> tuple[str, str | None]:
    """An option of sbatch from ``KEY=VALUE``, or from ``KEY`` for one that takes no value."""
    key, equals, value = text.partition("=")
    return key.removeprefix("--"), value if equals else None


def _check_counts(options: SlurmOptions | LocalOptions, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")


def _check_gpus(processes: int, gpus: int | None) -> None:
    if gpus is not None and processes > gpus:
        raise ValueError(
            f"{processes} processes cannot have a GPU each where a machine gives {gpus}; start at most as many "
            f"processes on a machine as there are GPUs"
        )


def _check_notice(minutes: int, notice: int) -> None:
    if notice >= 60 * minutes:
        raise ValueError(
            f"a job of {minutes} min cannot be told to save {notice} s before that is over; give it more time, or less "
            f"notice"
        )


def _check_text(name: str, value: str) -> None:
    if not value.strip() or not value.isprintable():
        raise ValueError(f"{name} must be a text in one line, got {value!r}")


def _check_other(key: str, value: str | None) -> None:
    if _KEY.fullmatch(key) is None:
        raise ValueError(f"an option of sbatch must be KEY=VALUE or KEY, such as nodelist=node[1-4], got {key!r}")
    if key in _TAKEN:
        raise ValueError(f"{key} cannot be given to sbatch as it is: {_TAKEN[key]}")
    if value is not None:
        _check_text(key, value)
