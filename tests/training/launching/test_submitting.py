"""What sbatch is given, and runs that are not submitted."""

import sys
from pathlib import Path

import pytest

from bytelm.training.launching.options import SlurmOptions
from bytelm.training.launching.submitting import check_launchable, name_of, sbatch_text
from training.runs import configured

LEAST = """\
#!/bin/bash

# Parameters
#SBATCH --dependency=singleton
#SBATCH --job-name=NAME
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --open-mode=append
#SBATCH --output=OUT/launch/%j_0_log.out
#SBATCH --requeue
#SBATCH --signal=USR2@120
#SBATCH --time=60

# command
export SUBMITIT_EXECUTOR=slurm
srun --unbuffered --output OUT/launch/%j_%t_log.out --kill-on-bad-exit=1 PYTHON -u -m submitit.core._submit OUT/launch
"""

MUCH = """\
#!/bin/bash

# Parameters
#SBATCH --account=lab
#SBATCH --constraint='h100|h200'
#SBATCH --cpus-per-task=8
#SBATCH --dependency=afterok:12
#SBATCH --exclusive
#SBATCH --gpus-per-node=8
#SBATCH --job-name=NAME
#SBATCH --mail-type=FAIL
#SBATCH --mem=500G
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --open-mode=append
#SBATCH --output=OUT/launch/%j_0_log.out
#SBATCH --partition=gpu
#SBATCH --qos=high
#SBATCH --requeue
#SBATCH --signal=USR2@300
#SBATCH --time=1440

# command
export SUBMITIT_EXECUTOR=slurm
srun --unbuffered --output OUT/launch/%j_%t_log.out --kill-on-bad-exit=1 --cpus-per-task=8 \
PYTHON -u -m submitit.core._submit OUT/launch
"""


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (SlurmOptions(60), LEAST),
        (
            SlurmOptions(
                minutes=1440,
                nodes=2,
                processes_per_node=8,
                gpus_per_node=8,
                cpus_per_task=8,
                memory="500G",
                partition="gpu",
                account="lab",
                qos="high",
                constraint="h100|h200",
                notice=300,
                more=(("exclusive", None), ("mail-type", "FAIL"), ("dependency", "afterok:12")),
            ),
            MUCH,
        ),
    ],
)
def test_the_file_for_sbatch(options: SlurmOptions, wanted: str, tmp_path: Path) -> None:
    config = configured(tmp_path, "run")
    text = sbatch_text(config, options)
    for said, place in (("PYTHON", sys.executable), ("OUT", config.out), ("NAME", name_of(config))):
        text = text.replace(place, said)
    assert text == wanted
    assert not (tmp_path / "run").exists()


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run has one name, wherever it is submitted from; runs in other directories have others."""
    config = configured(tmp_path, "run")
    monkeypatch.chdir(tmp_path)
    assert name_of(config) == name_of(configured(Path(), "run"))
    assert name_of(config).startswith("bytelm-run-")
    assert name_of(config) != name_of(configured(tmp_path, "other/run"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("data=",), "a run needs data"),
        (("out=",), "a run needs a place to write to"),
        (("data=nope",), "there is no data 'nope'; name what all machines of the job see"),
        (("entropy_model=nope", "entropy_share=0"), "there is no entropy model 'nope'"),
        (("rows=6",), "the 6 rows of a batch cannot be shared by 4 replicas in 1 equal parts each; make rows a mult"),
        (("tensor_parallel=3",), "tensor_parallel=3 does not divide the 4 processes of the job"),
    ],
)
def test_what_lacks_is_said_before(changes: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        check_launchable(configured(tmp_path, "run", *changes), 4)
    assert not (tmp_path / "run").exists()


def test_nowhere_to_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"out=.*/file/run cannot be written, as .*/file is no directory to write to"):
        check_launchable(configured(tmp_path, "file/run"), 1)


def test_without_submitit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ValueError, match=r"launching runs needs submitit: pip install 'bytelm\[slurm\]'"):
        check_launchable(configured(tmp_path, "run"), 1)
