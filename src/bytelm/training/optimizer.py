"""Optimizers: AdamW, or Muon for the matrices within a model and AdamW for the rest."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor
from torch.optim import AdamW, Optimizer

from bytelm.training.run_config import OptimizerConfig

Role = Literal["hidden", "output", "tables", "norms"]
"""What a parameter is: a matrix between states; the matrix to the logits; an embedding or a table of n-grams; or the
factors of a norm."""

Group = dict[str, Any]

_FUSED: Final = ("cpu", "cuda")
"""Devices with one kernel for all of AdamW: on a CPU, it is four times as fast."""


def roles(network: nn.Module, trained: Collection[nn.Parameter] | None = None) -> dict[Role, list[nn.Parameter]]:
    """The parameters that are to be trained, by what they are: those of ``trained``, or all; no frozen ones."""
    chosen = None if trained is None else set(trained)
    found: dict[Role, list[nn.Parameter]] = {"hidden": [], "output": [], "tables": [], "norms": []}
    for role, parameter in _roles(network):
        if parameter.requires_grad and (chosen is None or parameter in chosen):
            found[role].append(parameter)
    return found


def make_optimizers(
    network: nn.Module, config: OptimizerConfig, trained: Collection[nn.Parameter] | None = None
) -> list[Optimizer]:
    """The optimizers that together train a network, or some of its parameters, each of which is in one of them.

    Matrices decay; norms, embeddings and tables of n-grams do not. All groups have one learning rate: Muon's steps
    are scaled to the size of AdamW's (Liu et al. 2025, "Muon is Scalable for LLM Training", section 2.2).

    Raises:
        ValueError: nothing is to be trained, or this torch has no Muon.
    """
    own = roles(network, trained)
    if not any(own.values()):
        raise ValueError("the network has no parameters to train: all of them are frozen")
    if config.name == "adamw":
        return [_adamw([*own["hidden"], *own["output"]], [*own["tables"], *own["norms"]], config)]
    rest = _adamw(own["output"], [*own["tables"], *own["norms"]], config)
    return [_muon(own["hidden"], config), rest]


def set_rate(optimizers: Sequence[Optimizer], rate: float) -> None:
    """Set the learning rate of all parameters."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def _roles(network: nn.Module) -> Iterator[tuple[Role, nn.Parameter]]:
    for name, part in network.named_modules():
        for parameter in part.parameters(recurse=False):
            if isinstance(part, nn.Embedding):
                yield "tables", parameter
            elif isinstance(part, nn.Linear):
                yield ("output" if name.endswith("lm_head") else "hidden"), parameter
            else:
                yield "norms", parameter


def _adamw(decayed: list[nn.Parameter], kept: list[nn.Parameter], config: OptimizerConfig) -> Optimizer:
    groups = _groups(decayed, config.decay) + _groups(kept, 0.0)
    fused = all(parameter.device.type in _FUSED for parameter in (*decayed, *kept))
    return AdamW(groups, lr=config.rate, betas=config.betas, eps=config.epsilon, fused=fused)


def _muon(parameters: list[nn.Parameter], config: OptimizerConfig) -> Optimizer:
    if not hasattr(torch.optim, "Muon"):
        raise ValueError(f"optimizer.name muon needs torch 2.9 or newer, this is {torch.__version__}; take adamw")
    return torch.optim.Muon(
        _groups(parameters, config.decay),
        lr=config.rate,
        momentum=config.momentum,
        adjust_lr_fn="match_rms_adamw",
    )


def _groups(parameters: list[nn.Parameter], decay: float) -> list[Group]:
    """Groups of parameters; each is spread over one grid of processes, as kernels for many parameters ask for."""
    found: dict[DeviceMesh | None, list[nn.Parameter]] = {}
    for parameter in parameters:
        found.setdefault(mesh_of(parameter), []).append(parameter)
    return [{"params": some, "weight_decay": decay} for some in found.values()]


def mesh_of(parameter: Tensor) -> DeviceMesh | None:
    """The processes that a parameter is spread over; ``None`` where each has all of it."""
    return parameter.device_mesh if isinstance(parameter, DTensor) else None
