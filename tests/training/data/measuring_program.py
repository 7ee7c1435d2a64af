"""A program that computes entropies slowly, for tests that kill it; its worker processes come through here too."""

import os
import sys
import time
from collections.abc import Sequence

from bytelm.training.data.entropy_passes import Bytes, EntropyPasses, Values
from bytelm.training.data.measuring import measure
from bytelm.training.data.pool import Tell

values = EntropyPasses.values


def compute_slowly(passes: EntropyPasses, documents: Sequence[Bytes], tell: Tell) -> Values:
    """Take a while for each part."""
    time.sleep(float(os.environ.get("BYTELM_TEST_SECONDS", "0")))
    return values(passes, documents, tell)


EntropyPasses.values = compute_slowly  # type: ignore[method-assign]

if __name__ == "__main__":
    prepared, model, folder, processes, part_bytes = sys.argv[1:]
    measure(prepared, model, folder, processes=int(processes), part_bytes=int(part_bytes))
