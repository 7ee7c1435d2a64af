"""Clipping: a gradient that is too long is shortened, all of it by one factor."""

import math
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from bytelm.training.optimizer import mesh_of


def clip(parameters: Iterable[nn.Parameter], most: float | None) -> float:
    """Shorten the gradient to a norm of at most ``most`` (mutates); the norm that it had.

    Args:
        parameters: with their gradients, which may be spread over processes; those without one are passed over.
        most: ``None`` for no limit.
    """
    groups: dict[object, list[nn.Parameter]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            groups.setdefault(mesh_of(parameter), []).append(parameter)
    norms = [_norm(group) for group in groups.values()]
    if not norms:
        return 0.0
    norm = norms[0] if len(norms) == 1 else torch.stack(norms).norm()
    for group in groups.values():
        torch.nn.utils.clip_grads_with_norm_(group, math.inf if most is None else most, norm)
    return float(norm)


def _norm(parameters: list[nn.Parameter]) -> Tensor:
    """The norm of the gradients of parameters that are spread over one grid of processes."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    spread = [gradient for gradient in gradients if isinstance(gradient, DTensor)]
    if not spread:
        return torch.nn.utils.get_total_norm(gradients)
    square = torch.nn.utils.get_total_norm([gradient.to_local() for gradient in spread]).square()
    for group in spread[0].device_mesh.get_all_groups():
        dist.all_reduce(square, group=group)
    return square.sqrt()
