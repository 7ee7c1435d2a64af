"""Adapting: which parameters of a network of transformers are trained, and its weights with adapters added."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import torch
from torch import Tensor, nn

How = Literal["full", "embeddings", "lora"]
"""All parameters; the embedding of bytes and the output layer; adapters of low rank (Hu et al. 2021)."""

SUFFIX_TABLE: Final = "expand_embed_tokens.weight"
"""How the name of the table of suffix embeddings ends."""

_ADAPTER: Final = "default"
_BASE: Final = "base_layer"
"""What peft calls adapters, and the layers that they are added to."""


@dataclass(frozen=True)
class LoraConfig:
    """Adapters: a matrix W becomes W + (alpha/rank) B A, of which A and B are trained.

    Attributes:
        rank: of B A.
        alpha: how much the adapters weigh.
        targets: the last parts of the names of the layers that get adapters, such as ``q_proj``; by default all linear
            layers but the output layer.
        embeddings: whether the embedding of bytes and the output layer are trained too, whole.

    Raises:
        ValueError: a number is out of its range.
    """

    rank: int = 64
    alpha: int = 64
    targets: tuple[str, ...] | None = None
    embeddings: bool = True

    def __post_init__(self) -> None:
        if self.rank < 1 or self.alpha < 1:
            raise ValueError(f"rank and alpha of adapters must be above 0, got {self.rank} and {self.alpha}")


def adapted(
    network: nn.Module,
    how: How,
    lora: LoraConfig | None = None,
    *,
    suffix_table: bool = False,
    generator: torch.Generator | None = None,
) -> list[tuple[str, nn.Parameter]]:
    """Make a network ready (mutates): the parameters that are to be trained ask for gradients, no others.

    The network computes the same as before: adapters begin at zero.

    Args:
        network: a causal language model of transformers, without adapters.
        how: "full", "embeddings" or "lora".
        lora: the settings of adapters; the defaults by default.
        suffix_table: whether the table of suffix embeddings is trained as well, where there is one; it is frozen by
            default, whatever ``how``.
        generator: of the CPU, which adapters are drawn with; by default one of seed 0.

    Returns:
        Names and parameters that are trained, in the order of the network.

    Raises:
        ValueError: there is no such way, peft is not installed, no layer has such a name, or there are adapters
            already.
    """
    if how not in get_args(How):
        raise ValueError(f"how must be one of {', '.join(get_args(How))}, got {how!r}")
    lora = LoraConfig() if lora is None else lora
    if how == "lora":
        _add_adapters(network, lora, torch.Generator().manual_seed(0) if generator is None else generator)
    whole = _embeddings(network) if how == "embeddings" or (how == "lora" and lora.embeddings) else []
    trained = []
    for name, parameter in network.named_parameters():
        if name.endswith(SUFFIX_TABLE):
            chosen = suffix_table
        else:
            chosen = how == "full" or any(parameter is one for one in whole) or (how == "lora" and _is_adapter(name))
        parameter.requires_grad_(chosen)
        if chosen:
            trained.append((name, parameter))
    return trained


def merged(network: nn.Module, state: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The weights of a network with its adapters added to them, under the names that it had without.

    The sum is taken in float32 and rounded to the dtype of the weight. The network stays as it is. A network without
    adapters gives its own tensors.

    Args:
        network: as `adapted` left it.
        state: its weights where the network does not hold them whole, under the names of its own ``state_dict()``,
            which is taken by default.
    """
    state = network.state_dict() if state is None else state
    found = {name: tensor for name, tensor in state.items() if not _is_adapter(name)}
    for name, layer in _adapted_layers(network):
        a, b = (state[f"{name}.lora_{side}.{_ADAPTER}.weight"].detach().float() for side in "AB")
        weight = found[f"{name}.{_BASE}.weight"].detach()
        found[f"{name}.{_BASE}.weight"] = (weight.float() + layer.scaling[_ADAPTER] * (b @ a)).to(weight.dtype)
    return {name.replace(f".{_BASE}.", "."): tensor for name, tensor in found.items()}


def _is_adapter(name: str) -> bool:
    return ".lora_A." in name or ".lora_B." in name


def _embeddings(network: Any) -> list[nn.Parameter]:
    return [network.get_input_embeddings().weight, network.get_output_embeddings().weight]


def _adapted_layers(network: nn.Module) -> list[tuple[str, Any]]:
    if sys.modules.get("peft") is None:
        return []
    from peft.tuners.lora import LoraLayer

    return [(name, part) for name, part in network.named_modules() if isinstance(part, LoraLayer)]


def _add_adapters(network: Any, config: LoraConfig, generator: torch.Generator) -> None:
    try:
        import peft
    except ImportError as error:
        raise ValueError(f"training by adapters (lora) needs peft: pip install 'bytelm[lora]' ({error})") from error
    if _adapted_layers(network):
        raise ValueError("the network has adapters already; load it anew, or with its adapters merged")
    names = _targets(network, config.targets)
    with torch.random.fork_rng(devices=()):
        settings = peft.LoraConfig(r=config.rank, lora_alpha=config.alpha, lora_dropout=0.0, target_modules=names)
        peft.inject_adapter_in_model(settings, network, _ADAPTER)
    for _, layer in _adapted_layers(network):
        weight = layer.lora_A[_ADAPTER].weight
        drawn = torch.empty(weight.shape)
        nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)
        with torch.no_grad():
            weight.copy_(drawn)


def _targets(network: Any, targets: tuple[str, ...] | None) -> list[str]:
    """The names of the layers that get adapters."""
    output = network.get_output_embeddings()
    linear = [name for name, part in network.named_modules() if isinstance(part, nn.Linear) and part is not output]
    found = linear if targets is None else [name for name in linear if name.rpartition(".")[2] in targets]
    lacking = sorted(set(targets or ()) - {name.rpartition(".")[2] for name in linear})
    if lacking or not found:
        kinds = sorted({name.rpartition(".")[2] for name in linear})
        raise ValueError(
            f"no linear layer is called {', '.join(lacking) or 'so'}; adapters can be added to {', '.join(kinds)}"
        )
    return found
