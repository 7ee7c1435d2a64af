"""A program that prepares data slowly, for tests that kill it; its worker processes come through here too."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bytelm.training.data import preparing
from bytelm.training.data.items import Item, To
from bytelm.training.data.pieces import Piece

read_piece = preparing.read_piece


def read_slowly(piece: Piece, field: str, keep_binary: bool, scratch: Path, to: To) -> Iterator[Item]:
    """Take a while for each piece; die where a document says so."""
    time.sleep(float(os.environ.get("BYTELM_TEST_SECONDS", "0")))
    for item in read_piece(piece, field, keep_binary, scratch, to):
        if item == b"die":
            os.abort()
        if item == b"fail":
            raise RuntimeError("a defect")
        if item == b"full":
            raise OSError(28, "No space left on device")
        yield item


preparing.read_piece = read_slowly

if __name__ == "__main__":
    # A shell starts what runs in the background with SIGINT ignored; tests that send it may be run so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from training.data.making import SMALL

    source, target, processes = sys.argv[1:]
    try:
        preparing.prepare([source], target, SMALL, processes=int(processes))
    except ValueError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
