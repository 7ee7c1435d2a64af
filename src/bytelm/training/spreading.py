"""The network of a run, made ready to learn: recomputed, compiled, and spread over processes.

The numbers of a fresh network follow from the seed alone: each process draws every parameter whole, one at a time, and
keeps its own part. So any number of processes begins with the same network, and nobody holds all of it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, ParallelStyle, RowwiseParallel, parallelize_module
from torch.utils.checkpoint import checkpoint

from bytelm.blt.layers import Block, draw
from bytelm.blt.model import Blt
from bytelm.training.config import TrainConfig
from bytelm.training.networks import ByteTransformer, skeleton
from bytelm.training.run_config import RunConfig
from bytelm.training.world import DATA, TENSOR, World

_COLUMNS: Final = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj")
_ROWS: Final = ("self_attn.o_proj", "mlp.down_proj")
"""The matrices of a block: those whose outputs are shared among processes, and those that add up what these find."""


def build(config: TrainConfig, world: World) -> Blt | ByteTransformer:
    """The network of a run with its first weights, float32, on the device of this process.

    With ``bfloat16``, weights are rounded for each pass and gradients are added up in float32, as FSDP2 does it.

    Raises:
        ValueError: the network cannot be shared among so many processes.
    """
    network = skeleton(config)
    blocks = [part for part in network.modules() if isinstance(part, Block)]
    ready(blocks, config)
    if world.mesh is not None:
        if world.tensor_parallel > 1:
            _share_matrices(network, world.mesh[TENSOR])
        shard(network, blocks, world, config)
    network.to_empty(device=world.device)
    _draw_all(network, config.seed)
    return network


def ready(blocks: Sequence[nn.Module], config: RunConfig) -> None:
    """Let blocks be compiled, and computed again in the backward pass, as a run asks for it (mutates)."""
    for block in blocks:
        if config.checkpoint_activations:
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)
        if config.compile:
            block.compile()


def shard(network: nn.Module, blocks: Sequence[nn.Module], world: World, config: RunConfig) -> None:
    """Shard the parameters over replicas (FSDP2), block by block; the rest is one group (mutates).

    Raises:
        ValueError: this torch is too old for it.
    """
    try:
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
    except ImportError as error:
        raise ValueError(
            f"several processes, and bfloat16, need torch 2.6 or newer, this is {torch.__version__}"
        ) from error
    assert world.mesh is not None, "a process that is alone shards nothing"
    mesh, policy = world.mesh[DATA], MixedPrecisionPolicy()
    if config.dtype == "bfloat16":
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for block in blocks:
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(network, mesh=mesh, mp_policy=policy)
    if isinstance(network, Blt):
        register_fsdp_forward_method(network, "entropy_logits")


def release(network: nn.Module) -> None:
    """Give back what passes without a backward one gathered of a network that is sharded (mutates)."""
    reshard = getattr(network, "reshard", None)
    if reshard is not None:
        reshard()


def whole(tensor: Tensor) -> Tensor:
    """All of a parameter, of which this process may hold a part; every process must ask."""
    full: Tensor = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return full.detach()


def _share_matrices(network: Blt | ByteTransformer, mesh: DeviceMesh) -> None:
    """Share the heads and the hidden widths of the global transformer, or of the only one, among processes."""
    stack = network.global_transformer if isinstance(network, Blt) else network
    many, own = mesh.size(), stack.config
    if own.key_value_heads % many or own.hidden % many:
        raise ValueError(
            f"tensor_parallel={many} must divide the {own.key_value_heads} heads of keys and values and the hidden "
            f"width {own.hidden} of the {'global transformer' if isinstance(network, Blt) else 'model'}"
        )
    plan: dict[str, ParallelStyle] = {name: ColwiseParallel() for name in _COLUMNS}
    plan |= {name: RowwiseParallel() for name in _ROWS}
    for block in stack.layers:
        parallelize_module(block, mesh, plan)


def _draw_all(network: nn.Module, seed: int) -> None:
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(seed)
        for part in network.modules():
            weight: Any = part._parameters.get("weight")
            if isinstance(weight, Tensor):
                full = torch.empty(weight.shape)
                draw(part, full)
                fill(weight, full)


@torch.no_grad()
def fill(parameter: Tensor, full: Tensor) -> None:
    """Give a parameter its numbers; a process that holds a part of it takes that part (mutates)."""
    full = full.to(parameter.device, parameter.dtype)
    if isinstance(parameter, DTensor):
        full = distribute_tensor(full, parameter.device_mesh, parameter.placements, src_data_rank=None)
    parameter.copy_(full)
