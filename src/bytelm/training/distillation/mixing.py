"""Mixing: one loss out of several, by fixed weights or by how much each of them moves the network.

Shapes: L losses.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

EPSILON: Final = 1e-8
"""What is added to the norm of a gradient."""


class LossSum(NamedTuple):
    """A loss in the making; add up those of all parts of a batch, of all processes too, and divide once.

    Attributes:
        sum: of the terms, float64 ``()``.
        terms: how many there are, int64 ``()``.
    """

    sum: Tensor
    terms: Tensor

    @property
    def mean(self) -> Tensor:
        """The mean of the terms, float64 ``()``; 0 where there are none."""
        return self.sum / self.terms.clamp(min=1)


def mixed(losses: Sequence[Tensor], weights: Tensor | Sequence[float]) -> Tensor:
    """Σ wₖ Lₖ, ``()``, in the dtype of the losses.

    Args:
        losses: each ``()``.
        weights: one for each loss; `gradient_weights` gives such.

    Raises:
        ValueError: there are more or fewer weights than losses.
    """
    if len(losses) != len(weights) or not losses:
        raise ValueError(f"each loss needs a weight: got {len(losses)} losses and {len(weights)} weights")
    stacked = torch.stack(list(losses))
    return torch.dot(torch.as_tensor(weights, dtype=stacked.dtype, device=stacked.device), stacked)


def gradient_weights(
    losses: Sequence[Tensor],
    parameters: Sequence[Tensor],
    over_processes: Callable[[Tensor], Tensor] | None = None,
    counted: Sequence[bool] | None = None,
) -> Tensor:
    """What each loss weighs so that all of them move the last block alike; the weights add up to one.

    wₖ = 1/(‖∇ of loss k‖ + 1e-8), divided by their sum: approx_gradmag_preserve_mag of tokenkit. So the gradient of the
    mean of all losses keeps about the length of a single one, and a loss that alone does not depend on the parameters
    takes nearly all the weight: say by ``counted`` which losses have terms.

    Cost: for each loss a backward pass through the output layer and the block that has the parameters, not further
    down. The graph is kept for the backward pass of the mixture, and with it the activations.

    Args:
        losses: each ``()``, with their graph.
        parameters: of the last block. Parameters that FSDP2 shards are not those that the graph knows: take what
            `parameters_used` saw. Of other `DTensor`s all parts count.
        over_processes: makes the squares of the norms, float64 ``(L,)`` on the device of the losses, the same on all
            processes, where these compute losses of different rows: sums them or averages them (a constant factor of
            all norms changes nothing but the weight of 1e-8). It is called once. The squares are then those of the
            parts of the batch, not of its whole gradient; to see all of that would take as much traffic as the
            block has numbers. With ``counted``, these are summed along, ``(2 L,)``.
        counted: whether each loss has terms here; one that has none in any process weighs nothing. All by default.

    Returns:
        The weights, float64 ``(L,)``, detached.

    Raises:
        ValueError: there is no loss, or no parameter to look at, or no loss depends on any of them.
    """
    learned = [parameter for parameter in parameters if parameter.requires_grad]
    if not losses or not learned:
        raise ValueError(
            f"weights by gradients need losses and trained parameters: got {len(losses)} losses and "
            f"{len(parameters)} parameters, {len(learned)} of them trained; give parameters that require a gradient, "
            f"such as the adapters of the last block or the output layer"
        )
    squares = torch.stack([_square(loss, learned) for loss in losses])
    terms = torch.ones_like(squares) if counted is None else squares.new_tensor(list(map(float, counted)))
    if over_processes is not None and counted is None:
        squares = over_processes(squares)
    elif over_processes is not None:
        squares, terms = over_processes(torch.cat([squares, terms])).chunk(2)
    if not squares.any():
        raise ValueError(
            "no loss depends on the parameters that gradients are compared of; give those that the graph of the losses "
            "knows (parameters_used, where FSDP2 shards them)"
        )
    inverse = (1 / (squares.sqrt() + EPSILON)).where(terms > 0, 0)
    return inverse / inverse.sum()


@contextmanager
def parameters_used(block: nn.Module) -> Iterator[list[Tensor]]:
    """A list of the parameters of a block as the forward passes within the context see them (filled by them).

    They are the parameters themselves, unless FSDP2 shards them: then the whole ones, gathered for the pass, which
    the graph knows. Those without a gradient are left out.
    """
    found: list[Tensor] = []

    def note(part: nn.Module, _arguments: object, _result: object) -> None:
        seen = set(map(id, found))
        found.extend(p for p in part.parameters(recurse=False) if p.requires_grad and id(p) not in seen)

    handles = [part.register_forward_hook(note) for part in block.modules()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _square(loss: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """The square of the norm of the gradient of a loss, float64 ``()``."""
    square = torch.zeros((), dtype=torch.float64, device=loss.device)
    if not loss.requires_grad:
        return square
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    for gradient in gradients:
        if gradient is not None:
            part = torch.linalg.vector_norm(gradient, dtype=torch.promote_types(gradient.dtype, torch.float32))
            whole = part.full_tensor() if isinstance(part, DTensor) else part
            square = square + whole.to(square).square()
    return square
