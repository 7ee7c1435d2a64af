"""Some processes that train together, by gloo on this machine."""

import multiprocessing
import os
import socket
from pathlib import Path

from bytelm.training.inputs import open_data
from bytelm.training.loop import train
from bytelm.training.world import joined
from training.runs import Watching, configured


def together(count: int, folder: Path, name: str, changes: tuple[str, ...] = (), stop: int | None = None) -> None:
    """Train a tiny run in fresh processes, to its end or until it stops behind a step; see `runs.configured`."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    own = [context.Process(target=_one, args=(rank, count, port, folder, name, changes, stop)) for rank in range(count)]
    for process in own:
        process.start()
    for process in own:
        process.join()
    assert [process.exitcode for process in own] == [0] * count


def _one(rank: int, count: int, port: int, folder: Path, name: str, changes: tuple[str, ...], stop: int | None) -> None:
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_PORT": port}
    os.environ |= {key: str(value) for key, value in numbers.items()} | {"MASTER_ADDR": "127.0.0.1"}
    config = configured(folder, name, *changes)
    with joined("cpu", config.tensor_parallel, group=config.dtype != "float32") as world:
        # All processes watch, and the last one alone says when to stop.
        train(config, open_data(config), world, Stopping(stop if rank == count - 1 else None))


class Stopping(Watching):
    """A watcher that is not told of steps, and counts how often it is asked."""

    asked = 0

    def stopped(self) -> bool:
        self.asked += 1
        return self.stop is not None and self.asked >= self.stop
