"""Where and with what a run was made."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from measuring.rounds import Json

ROOT = Path(__file__).resolve().parents[2]


def surroundings() -> Json:
    """The date, the commit, the machine and the versions."""
    import torch

    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "torch_threads": torch.get_num_threads(),
            "load_before": load_average(),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "transformers", "tokenizers", "numpy", "bytelm")},
        },
    }


def commit() -> str:
    """The commit that is checked out; ``uncommitted`` where there is none or the sources differ from it."""
    if _git("status", "--porcelain", "--untracked-files=all", "--", "src", "benchmarks/*.py"):
        return "uncommitted"
    return _git("rev-parse", "--short=12", "HEAD") or "uncommitted"


def processor() -> str:
    """The name of the processor."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text("utf-8", "replace").splitlines() if listing.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def load_average() -> float | None:
    """How many processes wanted a core in the last minute, this one included; above 1 the machine was not quiet."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
