"""A Byte Latent Transformer, or a plain transformer over bytes, as a student: fresh ones, or those in a directory."""

import shutil
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import torch
from torch import Tensor, nn

from bytelm.blt.layers import Stack
from bytelm.blt.model import Blt
from bytelm.blt.vocabulary import EOS, OFFSET, SIZE
from bytelm.blt.weights.forms import form_of
from bytelm.blt.weights.reading import open_checkpoint
from bytelm.loading import resolve
from bytelm.tokens.tokenizer import Tokenizer
from bytelm.training.config import TrainConfig
from bytelm.training.configuring import load_config
from bytelm.training.distillation.config import DistillConfig
from bytelm.training.distillation.students import Predictions
from bytelm.training.entropy_models import take_entropy_model
from bytelm.training.export import export
from bytelm.training.presets import PRESETS
from bytelm.training.run_config import RunConfig
from bytelm.training.spreading import build, fill
from bytelm.training.stages import starts_of, trained_parts
from bytelm.training.world import World

_BLANKS = b" \n\t"


class BltStudent:
    """A Byte Latent Transformer that learns from a teacher (mutable); or a plain transformer over bytes.

    Its patches are cut as its patching says: where a border between the teacher's tokens is certain, where an entropy
    model is uncertain, or in any other way.

    Args:
        config: of the distillation.
        world: the processes that train together.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the student cannot be made, or trained so.
    """

    def __init__(self, config: DistillConfig, world: World) -> None:
        if config.train != "full":
            raise ValueError(
                f"train={config.train} is for byteified models; a Byte Latent Transformer learns as a whole"
            )
        self.config = _train_config(config)
        self._teacher = config.teacher
        self._length = config.length
        self._device = world.device
        self.network = build(self.config, world)
        directory = None if _is_drawn(config.student) else resolve(config.student)
        if directory is not None:
            checkpoint = open_checkpoint(directory)
            for name, parameter in self.network.named_parameters():
                fill(parameter, checkpoint[name])
        if isinstance(self.network, Blt) and self.network.config.patching.needs_entropies and directory is None:
            if not config.entropy_model:
                raise ValueError(
                    "the student's patches are cut by an entropy model: add entropy_model=DIRECTORY, which bytelm "
                    'train makes; or cut them by the teacher\'s tokens, with model.patching.mode = "tokenizer" in the '
                    "student's file"
                )
            take_entropy_model(self.network, Path(config.entropy_model))
        self._tokenizer = None
        if isinstance(self.network, Blt) and self.network.config.patching.mode == "tokenizer":
            self._tokenizer = Tokenizer(resolve(config.teacher) if directory is None else directory)

    @property
    def trained(self) -> list[nn.Parameter]:
        return [parameter for part in trained_parts(self.network, "model") for parameter in part.parameters()]

    @property
    def last_block(self) -> nn.Module:
        stack = self.network.local_decoder if isinstance(self.network, Blt) else self.network
        assert isinstance(stack, Stack)
        return stack.layers[-1]

    @property
    def byte_ids(self) -> Tensor:
        return torch.arange(OFFSET, OFFSET + 256, device=self._device)

    @property
    def end_id(self) -> int:
        return EOS

    @property
    def boundary_V(self) -> Tensor:
        ids = torch.arange(SIZE, device=self._device)
        return (ids < OFFSET) | torch.isin(ids, torch.tensor([OFFSET + byte for byte in _BLANKS], device=self._device))

    def ids_of(self, ids_RN: Tensor) -> Tensor:
        return ids_RN

    def read(self, ids_RN: Tensor, first_RN: Tensor, hidden: bool) -> Predictions:
        if hidden:
            raise ValueError("latents compare hidden states of two transformers alike; leave them out for this student")
        if not isinstance(self.network, Blt):
            return Predictions(self.network(ids_RN, first_RN), None)
        starts = starts_of(self.network, ids_RN, first_RN, tokenizer=self._tokenizer)
        return Predictions(self.network(ids_RN, starts, first_RN), None)

    def export(self, weights: Mapping[str, Tensor], out: Path) -> None:
        export(self.network.config, self.config.kind, weights, out, length=self._length)
        if self._tokenizer is not None and self._tokenizer.directory is not None:
            for path in self._tokenizer.directory.glob("token*.json"):
                shutil.copyfile(path, out / path.name)


def is_blt_student(config: DistillConfig) -> bool:
    """Whether the student is a Byte Latent Transformer, or a plain transformer over bytes that is drawn anew."""
    return _is_drawn(config.student) or form_of(resolve(config.student)) is not None


def _is_drawn(student: str) -> bool:
    return student in PRESETS or (student.endswith((".toml", ".json")) and Path(student).is_file())


def _train_config(config: DistillConfig) -> TrainConfig:
    """The configuration of a training run of the student's network that is otherwise this distillation."""
    shared = {field.name: getattr(config, field.name) for field in fields(RunConfig)}
    if _is_drawn(config.student):
        drawn = load_config(config.student)
        return TrainConfig(kind=drawn.kind, model=drawn.model, **shared)
    return TrainConfig(kind="blt", model=open_checkpoint(resolve(config.student)).config, **shared)
