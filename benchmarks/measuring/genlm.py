"""genlm-bytes, measured anew in an environment of its own, on the models and prompts of the same run."""

import json
import subprocess
import sys
import venv
from pathlib import Path

from bytelm.loading import tokenizer
from measuring.rounds import Json, Say, summary
from measuring.subjects import Subject, pieces
from measuring.surroundings import ROOT
from measuring.workload import Workload

AUTO = "auto"
"""Stands for an environment that is made for the run and thrown away."""

SCRIPT = ROOT / "benchmarks" / "rivals" / "genlm_speed.py"
REQUIREMENTS = SCRIPT.with_name("genlm_requirements.txt")

PATIENCE = 1800
"""How long one model may take, seconds."""


class GenlmError(Exception):
    """genlm-bytes did not run; the message says why in one line."""


def interpreter(wanted: str | None, scratch: Path) -> Path:
    """The Python that has genlm-bytes.

    Args:
        wanted: its path, ``AUTO``, or ``None``.
        scratch: the folder that ``AUTO`` makes the environment in.

    Raises:
        GenlmError: there is none.
    """
    if wanted is None:
        raise GenlmError(f"not asked for; --genlm PYTHON or --genlm {AUTO}, see benchmarks/rivals/{REQUIREMENTS.name}")
    python = Path(wanted) if wanted != AUTO else _environment(scratch / "genlm")
    # Not resolved: the interpreter of an environment is a link, and only the link knows the environment.
    if not python.is_file():
        raise GenlmError(f"--genlm {wanted}: no such file")
    return python.absolute()


def measure(python: Path, subject: Subject, work: Workload, beside: float | None, say: Say) -> Json:
    """Greedy generation and the reading of a prompt, with each setting.

    Args:
        python: the interpreter of its environment.
        subject: the model.
        work: how much.
        beside: transformers' bytes per second in this run, where measured.
        say: progress.

    Raises:
        GenlmError: it does not run on this model.
    """
    say("genlm-bytes")
    warm, *prompts = pieces(subject.corpus, 1 + work.rival_rounds, work.prefill_bytes)
    # genlm-bytes knows nothing of the space that such tokenizers put before a text: it is given as a part of it.
    prefix = tokenizer(subject.path).prefix
    request = {
        "model": str(subject.path),
        "prompts": [(prefix + prompt).hex() for prompt in prompts],
        "warm_up": (prefix + warm[:8]).hex(),
        "new_bytes": work.rival_bytes,
        "threads": 1,
    }
    answer = _asked(python, request)
    result: Json = {"versions": answer["versions"], "bytes": work.rival_bytes, "rounds": work.rival_rounds, "rows": {}}
    for name, found in answer["settings"].items():
        rates = [len(bytes.fromhex(one["made"])) / one["generation_seconds"] for one in found]
        reading = [len(text) / one["reading_seconds"] for text, one in zip(prompts, found, strict=True)]
        row: Json = {"bytes_per_second": summary(rates), "reading_bytes_per_second": summary(reading)}
        if beside is not None:
            row["ratio"] = float(f"{row['bytes_per_second']['median'] / beside:.3g}")
        result["rows"][name] = row
    return result


def _asked(python: Path, request: Json) -> Json:
    command = [str(python), str(SCRIPT)]
    try:
        done = subprocess.run(
            command, input=json.dumps(request), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GenlmError(str(error)) from error
    if done.returncode != 0:
        raise GenlmError((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    answer: Json = json.loads(done.stdout[done.stdout.index('{"versions"') :])
    return answer


def _environment(folder: Path) -> Path:
    """An environment with genlm-bytes; torch comes first, and by itself, or others bring CUDA with them."""
    print("genlm-bytes: making its environment, some minutes", file=sys.stderr, flush=True)
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    torch = next(line for line in REQUIREMENTS.read_text("utf-8").splitlines() if line.startswith("torch=="))
    for what in ([torch], ["-r", str(REQUIREMENTS)]):
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise GenlmError((done.stderr.strip().splitlines() or ["pip failed"])[-1])
    return python
