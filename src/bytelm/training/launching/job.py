"""What each process of a job calls: it learns which process it is, trains, and requeues where it was interrupted."""

import os
import re
import signal
import subprocess
import zlib
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from submitit import JobEnvironment
from submitit.helpers import DelayedSubmission

from bytelm.training.launching.sign import JobSign, listening
from bytelm.training.run_config import RunConfig
from bytelm.training.stopping import SIGNALS

_SECONDS: Final = 60
"""How long Slurm may take to answer."""


class Outcome(Protocol):
    """How far a run came."""

    @property
    def step(self) -> int:
        """After how many steps it ended."""
        ...


class Program(Protocol):
    """Trains in this process, one of those that torchrun's variables tell of."""

    def __call__(self, config: RunConfig, device: str | None, quiet: bool, sign: JobSign, /) -> Outcome:
        """Train until the end, or until the sign of any process asks to stop, and then save."""
        ...


@dataclass(frozen=True)
class TrainingJob:
    """A run as submitit calls it, on each process.

    Attributes:
        config: what is trained.
        device: where; ``None`` for the program's own choice.
        quiet: whether no progress is written to the logs.
        program: trains; a function of a module, as it is pickled by its name.
    """

    config: RunConfig
    device: str | None
    quiet: bool
    program: Program

    def __call__(self) -> int:
        """Train; after how many steps it ended. Does not return where the job is started again."""
        place = JobEnvironment()
        os.environ.update(process_variables(place))
        number = getattr(signal, f"SIG{JobEnvironment.USR_SIG}")
        submitits = signal.getsignal(number)
        assert callable(submitits), "submitit handles its signal before it calls a job"
        sign = JobSign(place.global_rank == 0, partial(_goes_on, place), partial(submitits, number, None))
        with listening(sign, (*SIGNALS, number)):
            step = self.program(self.config, self.device, self.quiet, sign).step
            if step < self.config.steps:
                sign.leave()
        return step

    def checkpoint(self) -> DelayedSubmission:
        """What submitit runs when the job is started again: the same, which goes on from the newest checkpoint."""
        return DelayedSubmission(self)


def process_variables(place: JobEnvironment) -> dict[str, str]:
    """The variables by which torchrun, and so this process, says which of several processes it is."""
    return {
        "RANK": str(place.global_rank),
        "LOCAL_RANK": str(place.local_rank),
        "WORLD_SIZE": str(place.num_tasks),
        "LOCAL_WORLD_SIZE": str(place.num_tasks // place.num_nodes),
        # The name of a machine need not be known on that machine itself.
        "MASTER_ADDR": "127.0.0.1" if place.num_nodes == 1 else place.hostnames[0],
        # The same for all processes without talk, and below the ports that systems hand out.
        "MASTER_PORT": str(20000 + zlib.crc32(place.job_id.encode()) % 9000),
    }


def _goes_on(place: JobEnvironment, signals: frozenset[int]) -> bool:
    """Whether an interrupted job is to be started again.

    Slurm sends SIGTERM to jobs that are preempted, and to those that are cancelled; these it does not call running.
    """
    if place.cluster == "slurm":
        return _state(place.job_id) in (None, "RUNNING")
    return signal.SIGTERM not in signals


def _state(job: str) -> str | None:
    """What Slurm calls the state of a job; ``None`` where it does not answer."""
    command = ["scontrol", "show", "job", job, "--oneliner"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\bJobState=(\w+)", shown)
    return None if found is None else found[1]
