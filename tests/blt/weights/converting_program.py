"""Converts a model, and says by how much the memory of the process grew: ``program SOURCE TARGET FORM DTYPE``."""

import resource
import sys
from pathlib import Path

import torch

from bytelm.blt.weights import reading
from bytelm.blt.weights.converting import convert


def peak() -> int:
    """The most memory that this process has had, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    source, target, form, dtype = sys.argv[1:]
    torch.set_num_threads(1)
    reading.BLOCK = 2**22
    torch.zeros(2**20).bfloat16().float()
    before = peak()
    convert(Path(source), Path(target), form, getattr(torch, dtype))  # type: ignore[arg-type]
    print(peak() - before)
