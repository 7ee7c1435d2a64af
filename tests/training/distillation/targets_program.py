"""A program that computes targets slowly, for tests that kill it; its worker processes come through here too."""

import os
import sys
import time
from typing import Any

from bytelm.training.distillation.computing_targets import compute_targets
from bytelm.training.distillation.target_files import TargetPart

write = TargetPart.write


def write_slowly(part: TargetPart, records: Any) -> None:
    """Take a while for each part."""
    time.sleep(float(os.environ.get("BYTELM_TEST_SECONDS", "0")))
    write(part, records)


TargetPart.write = write_slowly  # type: ignore[method-assign]

if __name__ == "__main__":
    prepared, folder, processes, length, part_pieces = sys.argv[1:]
    numbers = {"processes": int(processes), "length": int(length), "part_pieces": int(part_pieces)}
    compute_targets(prepared, "bundled:code", folder, **numbers)  # type: ignore[arg-type]
