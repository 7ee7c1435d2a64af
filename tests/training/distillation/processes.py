"""Processes that distil together, by gloo on this machine."""

import multiprocessing
import os
import socket
from pathlib import Path

from bytelm.training.world import joined
from training.distillation.distilling import configured, distilled


def together(count: int, folder: Path, out: Path, *changes: str) -> None:
    """Distil in fresh processes what `distilling.made` made."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    own = [context.Process(target=_one, args=(rank, count, port, folder, out, changes)) for rank in range(count)]
    for process in own:
        process.start()
    for process in own:
        process.join()
    assert [process.exitcode for process in own] == [0] * count


def _one(rank: int, count: int, port: int, folder: Path, out: Path, changes: tuple[str, ...]) -> None:
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_PORT": port}
    os.environ |= {key: str(value) for key, value in numbers.items()} | {"MASTER_ADDR": "127.0.0.1"}
    with joined("cpu") as world:
        distilled(configured(folder, out, *changes), world=world)
