"""Options as submitit's executors take them."""

from pathlib import Path
from typing import Any

from submitit import LocalExecutor, SlurmExecutor

from bytelm.training.launching.options import LocalOptions, SlurmOptions

_ENDLESS = 10**6
"""Minutes: two years."""


class SlurmAnywhere(SlurmExecutor):
    """Slurm's executor where there is no Slurm: to see what would be submitted."""

    @classmethod
    def affinity(cls) -> int:
        """How well it suits this machine; submitit refuses what is not above 0."""
        return 1

    def text(self) -> str:
        """The file that sbatch would be given."""
        return self._make_submission_file_text(self._submitit_command_str, "")


def prepare_slurm(executor: SlurmExecutor, name: str, options: SlurmOptions) -> None:
    """Tell an executor what to ask Slurm for (mutates).

    Jobs of one name and user run one after the other (``singleton``), as two at once would write the same files.
    """
    parameters: dict[str, Any] = {
        "job_name": name,
        "dependency": "singleton",
        "wckey": None,
        "time": options.minutes,
        "nodes": options.nodes,
        "ntasks_per_node": options.processes_per_node,
        "gpus_per_node": options.gpus_per_node,
        "cpus_per_task": options.cpus_per_task,
        "mem": options.memory,
        "partition": options.partition,
        "account": options.account,
        "qos": options.qos,
        "constraint": options.constraint,
        "signal_delay_s": options.notice,
        "stderr_to_stdout": True,
        "srun_args": _srun_arguments(options),
        # sbatch's options with underscores, which replace those above.
        "additional_parameters": {
            "requeue": True,
            **{key.replace("-", "_"): True if value is None else value for key, value in options.more},
        },
    }
    executor.update_parameters(**parameters)


def local_executor(folder: Path, options: LocalOptions) -> LocalExecutor:
    """An executor that starts processes on this machine."""
    executor = LocalExecutor(folder)
    executor.update_parameters(
        timeout_min=_ENDLESS if options.minutes is None else options.minutes,
        tasks_per_node=options.processes,
        gpus_per_node=options.gpus,
        signal_delay_s=options.notice,
        stderr_to_stdout=True,
    )
    return executor


def _srun_arguments(options: SlurmOptions) -> list[str]:
    # Without the first, processes wait for one that died; and since Slurm 22.05 srun does not take over the second.
    own = ["--kill-on-bad-exit=1"]
    return own if options.cpus_per_task is None else [*own, f"--cpus-per-task={options.cpus_per_task}"]
