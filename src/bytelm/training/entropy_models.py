"""Trained entropy models, from the directories that hold one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from bytelm.blt.config import StackConfig
from bytelm.blt.entropy import EntropyModel
from bytelm.blt.model import Blt
from bytelm.blt.weights.plain import open_transformer
from bytelm.blt.weights.plain_config import plain_kind
from bytelm.blt.weights.reading import open_checkpoint
from bytelm.blt.weights.shapes import ENTROPY_PREFIX
from bytelm.training.spreading import fill

_EMBEDDING = "embed_tokens.weight"


def open_entropy_model(directory: Path) -> tuple[EntropyModel, str]:
    """The entropy model in a directory, to compute with.

    Args:
        directory: of a model that was trained as kind ``"entropy"``; or of a Byte Latent Transformer in any form.

    Returns:
        the model in float32 on the CPU, in evaluation mode and without gradients; and the SHA-256 of its shape and of
        its weights as float32, in hexadecimal digits. It is the same for the same model in whatever directory.

    Raises:
        FileNotFoundError: there is no such directory, or no model in it, or a file is missing.
        ValueError: a file is damaged, or there is no entropy model in that model.
    """
    config, tensors = _opened(directory)
    with torch.device("meta"):
        network = EntropyModel(config, len(tensors[_EMBEDDING]))
    network.to_empty(device="cpu").requires_grad_(False)
    network.load_state_dict(tensors)
    return network.eval(), _checksum(config, network.state_dict())


def take_entropy_model(network: Blt, directory: Path) -> None:
    """Give a network the trained entropy model of another one (mutates).

    Args:
        network: has an entropy model; it may be spread over processes.
        directory: as for `open_entropy_model`.

    Raises:
        FileNotFoundError: there is no such directory, or no model in it, or a file is missing.
        ValueError: a file is damaged, or the entropy model has another shape, or there is none.
    """
    config, tensors = _opened(directory)
    assert network.patcher is not None
    if config != network.config.entropy:
        raise ValueError(
            f"the entropy model in {directory} is {config}, and the configuration has {network.config.entropy}; "
            f"set model.entropy to that"
        )
    size = len(tensors[_EMBEDDING])
    if size != network.config.size:
        raise ValueError(
            f"the entropy model in {directory} is over {size} ids, and the configuration has {network.config.size}; "
            f"set model.size to that"
        )
    for name, parameter in network.patcher.named_parameters():
        fill(parameter, tensors[name])


def _opened(directory: Path) -> tuple[StackConfig, dict[str, Tensor]]:
    """The shape of the entropy model in a directory, and its parameters by the names of `EntropyModel`."""
    kind = plain_kind(directory)
    if kind == "entropy":
        config, tensors = open_transformer(directory)
        return config, dict(tensors)
    if kind is not None:
        raise ValueError(
            f"{directory} holds a model of kind {kind!r}, and no entropy model; name one of kind 'entropy', "
            f"or a Byte Latent Transformer"
        )
    checkpoint = open_checkpoint(directory)
    if checkpoint.config.entropy is None:
        raise ValueError(
            f"{directory} cuts patches by {checkpoint.config.patching.mode!r} and has no entropy model; "
            f"name a model that has one"
        )
    names = [name for name in checkpoint.names if name.startswith(ENTROPY_PREFIX)]
    return checkpoint.config.entropy, {name.removeprefix(ENTROPY_PREFIX): checkpoint[name] for name in names}


def _checksum(config: StackConfig, tensors: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256(json.dumps(asdict(config), sort_keys=True).encode("ascii"))
    for name, tensor in sorted(tensors.items()):
        found.update(f"\n{name} {list(tensor.shape)}\n".encode("ascii"))
        found.update(tensor.numpy().astype("<f4", copy=False).data.cast("B"))
    return found.hexdigest()
