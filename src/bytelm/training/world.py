"""The processes of a run: which of them this one is, and what they tell each other.

They stand in a grid: those of a row share the matrices of the global transformer among them (tensor parallelism), and
the rows of the grid are replicas, which learn from different rows of the data.
"""

import contextlib
import gc
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from bytelm.loading import device_named

DATA: Final = "data"
TENSOR: Final = "tensor"
"""The dimensions of the grid."""

_PATIENCE: Final = timedelta(hours=2)
"""How long processes wait for one that prepares data or writes a checkpoint."""


@dataclass(frozen=True)
class World:
    """The processes of a run, as one of them sees them; by default it is alone.

    Attributes:
        device: where this process computes.
        rank: its number; the first one, 0, writes and speaks.
        size: how many there are.
        tensor_parallel: how many of them are one replica.
        mesh: the grid, replicas times ``tensor_parallel``; ``None`` for one process that needs no group.
    """

    device: torch.device
    rank: int = 0
    size: int = 1
    tensor_parallel: int = 1
    mesh: DeviceMesh | None = None

    @property
    def replicas(self) -> int:
        """How many replicas there are."""
        return self.size // self.tensor_parallel

    @property
    def replica(self) -> int:
        """The number of the replica that this process belongs to."""
        return self.rank // self.tensor_parallel

    @property
    def speaks(self) -> bool:
        """Whether this is the process that writes files and shows how the run goes."""
        return self.rank == 0

    def sum(self, *values: float) -> list[float]:
        """The sums of some numbers over all replicas."""
        if self.mesh is None or self.replicas == 1:
            return list(values)
        added = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(added, group=self.mesh.get_group(DATA))
        found: list[float] = added.tolist()
        return found

    def any(self, flag: bool) -> bool:
        """Whether it is so for any process."""
        if self.size == 1:
            return flag
        found = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(found, op=dist.ReduceOp.MAX)
        return bool(found)

    def merged(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What all processes give, together."""
        if self.size == 1:
            return dict(values)
        found: list[dict[str, Any]] = [{} for _ in range(self.size)]
        dist.all_gather_object(found, dict(values))
        return {key: value for part in found for key, value in part.items()}

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            self.merged({})


def processes() -> int:
    """How many processes were started for this run, as torchrun and Slurm launches say; 1 where nobody says so."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextlib.contextmanager
def joined(device: str | None, tensor_parallel: int = 1, group: bool = False) -> Iterator[World]:
    """The processes that were started together, as long as they work together.

    They are found by the variables that torchrun sets: WORLD_SIZE, RANK, LOCAL_RANK, MASTER_ADDR and MASTER_PORT.
    CUDA devices talk by NCCL, others by gloo.

    Args:
        device: "cpu", "cuda", …; by default CUDA where there is one. Each process of a machine takes a CUDA device of
            its own.
        tensor_parallel: how many processes are one replica.
        group: whether a process that is alone is made a group too, which sharding and its mixed precision need.

    Raises:
        ValueError: the processes cannot be grouped so, or there is no such device.
    """
    size, rank = processes(), int(os.environ.get("RANK", "0"))
    if size % tensor_parallel:
        raise ValueError(
            f"tensor_parallel={tensor_parallel} does not divide the {size} process{'es' * (size > 1)} of this run; "
            f"start a multiple of it: torchrun --nproc-per-node {tensor_parallel} -m bytelm train …"
        )
    place = _device_of_process(device)
    if size == 1 and not group:
        yield World(place)
        return
    if not dist.is_available():
        raise ValueError("this torch was built without torch.distributed; train in float32 on one process")
    backend = "cpu:gloo,cuda:nccl" if place.type == "cuda" else "gloo"
    alone = dist.HashStore() if size == 1 else None  # type: ignore[attr-defined]
    dist.init_process_group(backend, store=alone, rank=rank, world_size=size, timeout=_PATIENCE)
    # PyTorch tells that a matrix shared both ways is gathered in two steps, which happens once in a run.
    logging.getLogger("torch.distributed.tensor._redistribute").setLevel(logging.ERROR)
    try:
        shape = (size // tensor_parallel, tensor_parallel)
        mesh = init_device_mesh(place.type, shape, mesh_dim_names=(DATA, TENSOR))
        world = World(place, rank, size, tensor_parallel, mesh)
        yield world
        world.wait()
    finally:
        # Sharded networks hold groups in cycles; a group that is still held when Python ends can abort the process.
        gc.collect()
        dist.destroy_process_group()


def _device_of_process(name: str | None) -> torch.device:
    """The device of this process; of several CUDA devices the one of its number on the machine."""
    place = device_named(name)
    if place.type != "cuda" or ":" in (name or ""):
        return place
    number, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if number >= there:
        raise ValueError(
            f"process {number} of this machine has no CUDA device of its own, there are {there}; "
            f"start as many processes as there are devices"
        )
    place = torch.device("cuda", number)
    torch.cuda.set_device(place)
    return place
