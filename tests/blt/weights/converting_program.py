"""Converts a model, or holds all of it, and says by how many bytes the memory of the process grew.

``program convert SOURCE TARGET FORM DTYPE`` or ``program hold SOURCE``.
"""

import sys
from pathlib import Path

import torch

from bytelm.blt.weights import reading
from bytelm.blt.weights.converting import convert
from bytelm.blt.weights.reading import open_checkpoint

STATUS = Path("/proc/self/status")
"""Where Linux says how much memory a process has had; what getrusage says begins with that of the parent process."""


def peak() -> int:
    """The most memory that this process has had, bytes."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def main(task: str, source: str, *rest: str) -> None:
    torch.set_num_threads(1)
    reading.BLOCK = 2**22
    torch.zeros(2**20).bfloat16().float()
    before = peak()
    if task == "hold":
        held = dict(open_checkpoint(source))
        assert sum(tensor.sum() for tensor in held.values()) != 0
    else:
        target, form, dtype = rest
        convert(Path(source), Path(target), form, getattr(torch, dtype))  # type: ignore[arg-type]
    print(peak() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
