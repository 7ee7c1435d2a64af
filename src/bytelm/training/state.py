"""What a run has learned: named tensors of its network and of its optimizers, for any number of processes.

Hyper-parameters are no part of it: they follow from the configuration and the step.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

NETWORK: Final = "network."
OPTIMIZER: Final = "optimizer."


def state_of(network: nn.Module, optimizers: Sequence[Optimizer]) -> dict[str, Tensor]:
    """The tensors of a network and of its optimizers: ``network.NAME``, and ``optimizer.NAME.KEY`` for a parameter.

    They are the ones in use, not copies.
    """
    found = {NETWORK + name: parameter.detach() for name, parameter in network.named_parameters()}
    for name, parameter, optimizer in _optimized(network, optimizers):
        for key, value in optimizer.state[parameter].items():
            found[f"{OPTIMIZER}{name}.{key}"] = value
    return found


def make_room(network: nn.Module, optimizers: Sequence[Optimizer], shapes: Mapping[str, torch.Size]) -> None:
    """Give optimizers that made no step yet the tensors that a saved state has (mutates); they are zero.

    Args:
        network: whose parameters they train.
        optimizers: without a state.
        shapes: of the whole tensors of the saved state, by their names.
    """
    for name, parameter, optimizer in _optimized(network, optimizers):
        prefix = f"{OPTIMIZER}{name}."
        for full in (full for full in shapes if full.startswith(prefix)):
            shape = shapes[full]
            like = shape == parameter.shape
            optimizer.state[parameter][full.removeprefix(prefix)] = (
                torch.zeros_like(parameter, requires_grad=False) if like else _scalar(parameter, optimizer, shape)
            )


def _scalar(parameter: Tensor, optimizer: Optimizer, shape: torch.Size) -> Tensor:
    """A number of steps, where the optimizer's kernel looks for it."""
    fused = any(group.get("fused") for group in optimizer.param_groups)
    return torch.zeros(shape, device=parameter.device if fused else "cpu")


def _optimized(network: nn.Module, optimizers: Sequence[Optimizer]) -> Iterator[tuple[str, nn.Parameter, Optimizer]]:
    names = {parameter: name for name, parameter in network.named_parameters()}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                yield names[parameter], parameter, optimizer
