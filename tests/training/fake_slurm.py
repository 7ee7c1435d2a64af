"""Commands that do what Slurm's do, for one job on one machine: sbatch, srun, scontrol."""

import os
import signal
import time
from pathlib import Path

_SBATCH = """\
#!/bin/sh
# Takes a job, and runs it in the background, again where it was requeued.
grep -q 'partition=full' "$1" && { echo 'sbatch: error: invalid partition specified: full' >&2; exit 1; }
cp "$1" "$FAKE/script"
echo RUNNING > "$FAKE/state"
export SLURM_JOB_ID=7 SLURM_JOB_NUM_NODES=1 SLURM_JOB_NODELIST=node1
(
    while :; do
        rm -f "$FAKE/requeued" "$FAKE/pids"
        sh "$FAKE/script"
        echo run >> "$FAKE/runs"
        [ -e "$FAKE/requeued" ] || break
    done
    touch "$FAKE/done"
) </dev/null >"$FAKE/log" 2>&1 &
echo 'Submitted batch job 7'
"""

_SRUN = """\
#!/bin/sh
# Runs a command once for each process, with a log for each.
echo "$@" >> "$FAKE/srun"
while [ "${1#-}" != "$1" ]; do
    [ "$1" = --output ] && { log=$2; shift; }
    shift
done
export SLURM_NTASKS=$(sed -n 's/.*ntasks-per-node=//p' "$FAKE/script")
rank=0
while [ $rank -lt $SLURM_NTASKS ]; do
    export SLURM_PROCID=$rank SLURM_LOCALID=$rank
    "$@" >> "$(echo "$log" | sed "s/%j/7/; s/%t/$rank/")" 2>&1 &
    echo $! >> "$FAKE/pids"
    rank=$((rank + 1))
done
wait
"""

_SCONTROL = """\
#!/bin/sh
echo "$@" >> "$FAKE/scontrol"
case $1 in
    show) [ -e "$FAKE/state" ] && echo "JobId=$3 JobName=run JobState=$(cat "$FAKE/state") Reason=None" ;;
    requeue) touch "$FAKE/requeued" ;;
esac
"""


class FakeSlurm:
    """A cluster of one machine (mutable): its commands, and what became of its job.

    Args:
        folder: for its files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.commands = folder / "bin"
        self.commands.mkdir(parents=True)
        for name, script in (("sbatch", _SBATCH), ("srun", _SRUN), ("scontrol", _SCONTROL)):
            path = self.commands / name
            path.write_text(script)
            path.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the commands are found, and by which they find this folder."""
        return {"PATH": f"{self.commands}{os.pathsep}{os.environ['PATH']}", "FAKE": str(self.folder)}

    def state(self, state: str) -> None:
        """What ``scontrol show job`` says of the job from now on."""
        (self.folder / "state").write_text(state)

    def calls(self, command: str) -> list[str]:
        """What ``srun`` or ``scontrol`` was given."""
        path = self.folder / command
        return path.read_text().splitlines() if path.is_file() else []

    @property
    def processes(self) -> list[int]:
        """The processes of the job."""
        return [int(process) for process in (self.folder / "pids").read_text().split()]

    def wait(self, seconds: float = 200) -> int:
        """Wait until the job has ended; how often it ran."""
        until = time.monotonic() + seconds
        while not (self.folder / "done").exists():
            if time.monotonic() > until:
                for process in self.processes:
                    os.kill(process, signal.SIGKILL)
                raise TimeoutError(f"the job did not end within {seconds:g} s: {(self.folder / 'log').read_text()}")
            time.sleep(0.05)
        return len((self.folder / "runs").read_text().split())
