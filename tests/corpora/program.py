"""The program ``bytelm`` with a model that is ready at once, for tests that kill it; workers come through here too.

Each byte scores a figure that depends on it, on its place and on how many documents are scored with it. So a
document that is scored in another chunk is seen. ``BYTELM_TEST_SECONDS`` is how long a chunk takes.
"""

import os
import signal
import sys
import time
from types import ModuleType

import numpy as np

from bytelm.model import Progress
from bytelm.protocol import FloatArray


class Model:
    """The model; 0xff is impossible."""

    def score(self, texts: list[bytes], *, progress: Progress | None = None) -> list[FloatArray]:
        time.sleep(float(os.environ.get("BYTELM_TEST_SECONDS", "0")))
        if b"die" in texts:
            os.abort()
        if b"fail" in texts:
            raise RuntimeError("a defect of the model")
        return [self._score(np.frombuffer(text, np.uint8), len(texts)) for text in texts]

    def _score(self, text: np.ndarray, together: int) -> FloatArray:
        scores: FloatArray = -np.log1p(text.astype(np.float64) + np.arange(len(text)) / 7) - together / 1000
        scores[text == 0xFF] = -np.inf
        return scores


def open_model(local: int) -> Model:
    """An ``Opener``."""
    return Model()


class Loading(ModuleType):
    """The module ``bytelm.loading``."""

    def load(self, *_: object, **__: object) -> Model:
        return Model()


if __name__ in ("__main__", "__mp_main__"):
    sys.modules["bytelm.loading"] = Loading("bytelm.loading")

if __name__ == "__main__":
    # A shell starts what runs in the background with SIGINT ignored; tests that send it may be run so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from bytelm.cli.main import main

    sys.exit(main())
