"""Handing a run to Slurm, or to processes of this machine."""

import importlib
import os
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bytelm.training.launching.options import LocalOptions, SlurmOptions
from bytelm.training.reporting.sinks import check_reporters
from bytelm.training.run_config import RunConfig

if TYPE_CHECKING:
    from submitit import LocalExecutor, SlurmExecutor

    from bytelm.training.launching.job import TrainingJob

LAUNCH: Final = "launch"
"""Where jobs and their logs are, in the directory of the run."""


@dataclass(frozen=True)
class Submitted:
    """A job that was handed over.

    Attributes:
        job: its number; that of the process in charge where it runs on this machine.
        log: what its first process writes; the file comes with the process.
    """

    job: str
    log: Path


def check_launchable(config: RunConfig, processes: int) -> None:
    """Check before a job waits for machines that it will have something to do on them.

    Raises:
        ValueError: something is not installed; or the run lacks something, cannot be shared among so many processes,
            or has no place to write to.
    """
    try:
        importlib.import_module("submitit")
    except ImportError as error:
        raise ValueError(f"launching runs needs submitit: pip install 'bytelm[slurm]' ({error})") from error
    config.check_runnable()
    check_reporters(config)
    for name, path in config.inputs().items():
        if path and not Path(path).exists():
            raise ValueError(f"there is no {name} {path!r}; name what all machines of the job see")
    _check_shared(config, processes)
    _check_writable(Path(config.out))


def submit_to_slurm(job: "TrainingJob", options: SlurmOptions) -> Submitted:
    """Submit a job by sbatch.

    Raises:
        ValueError: there is no Slurm here, or it refuses the job.
    """
    from submitit import SlurmExecutor

    from bytelm.training.launching.executors import prepare_slurm

    for command in ("sbatch", "srun"):
        if shutil.which(command) is None:
            raise ValueError(
                f"there is no {command} on PATH, so no Slurm; submit from a machine of the cluster, see the job by "
                f"--dry-run, or train here by --launch local"
            )
    folder = _folder(job.config)
    executor = SlurmExecutor(folder, max_num_timeout=options.requeues)
    prepare_slurm(executor, name_of(job.config), options)
    return _submit(executor, job, folder)


def start_here(job: "TrainingJob", options: LocalOptions) -> Submitted:
    """Start the processes of a job on this machine; they go on when this program ends."""
    from bytelm.training.launching.executors import local_executor

    folder = _folder(job.config)
    return _submit(local_executor(folder, options), job, folder)


def sbatch_text(config: RunConfig, options: SlurmOptions) -> str:
    """The file that sbatch would be given; nothing is written."""
    from bytelm.training.launching.executors import SlurmAnywhere, prepare_slurm

    executor = SlurmAnywhere(_folder(config))
    prepare_slurm(executor, name_of(config), options)
    return executor.text()


def name_of(config: RunConfig) -> str:
    """The name of the job of a run; runs in other directories have others."""
    out = Path(config.out).absolute()
    return f"bytelm-{out.name}-{zlib.crc32(str(out).encode()):08x}"


def _submit(executor: "SlurmExecutor | LocalExecutor", job: "TrainingJob", folder: Path) -> Submitted:
    from submitit.core.utils import FailedJobError, FailedSubmissionError
    from submitit.helpers import clean_env

    try:
        # A job that is submitted from within another one does not take over what that one was given.
        with clean_env():
            number = executor.submit(job).job_id
    except (FailedJobError, FailedSubmissionError) as error:
        raise ValueError(f"Slurm did not take the job: {error}") from error
    return Submitted(number, folder / f"{number}_0_log.out")


def _folder(config: RunConfig) -> Path:
    return Path(config.out).absolute() / LAUNCH


def _check_shared(config: RunConfig, processes: int) -> None:
    many = config.tensor_parallel
    if processes % many:
        raise ValueError(f"tensor_parallel={many} does not divide the {processes} processes of the job")
    parts = config.accumulate * (processes // many)
    if config.rows % parts:
        raise ValueError(
            f"the {config.rows} rows of a batch cannot be shared by {processes // many} replicas in "
            f"{config.accumulate} equal parts each; make rows a multiple of {parts}"
        )


def _check_writable(out: Path) -> None:
    """Check that a directory can be made or written in; it is not made."""
    place = next(place for place in (out.absolute(), *out.absolute().parents) if place.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise ValueError(f"out={out} cannot be written, as {place} is no directory to write to; name another one")
