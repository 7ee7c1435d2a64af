"""What a distillation is: teacher and student, what the student is to match, and what every run has."""

import math
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from bytelm.training.distillation.adapting import How, LoraConfig
from bytelm.training.distillation.likelihoods import AlmConfig
from bytelm.training.run_config import RunConfig
from bytelm.training.values import check_choice

LossName = Literal["exact", "path", "alm", "latents", "sft"]
Mixing = Literal["fixed", "gradients"]
TeacherDtype = Literal["auto", "float32", "bfloat16", "float16"]

STORABLE: Final[tuple[LossName, ...]] = ("exact", "path")
"""The losses whose targets can be computed before."""

BY_CHUNKS: Final[frozenset[str]] = frozenset({"alm", "latents"})
"""The losses that compare chunks of a text."""


@dataclass(frozen=True, kw_only=True)
class DistillConfig(RunConfig):
    """A distillation.

    Attributes:
        teacher: the directory of a token model, or a hub id.
        student: the directory of a byte model: one that bytelm byteify made, or a Byte Latent Transformer; or a preset
            of bytelm train, or a file of settings for it, whose model is drawn from the seed.
        losses: what the student is to match, one or more: "exact", the teacher's next-byte distributions; "path",
            those given where its tokens end; "alm", the probabilities of chunks; "latents", its hidden states at ends
            of chunks; "sft", the texts themselves.
        mixing: how losses are added: "fixed", by the weights; "gradients", so that all move the last block alike.
        weights: of the losses for "fixed"; 1 each where there are none.
        tolerance: of exact targets: the share of the mass that a side head must exceed somewhere to be evaluated; 0 for
            all that are alive.
        targets: the folder that bytelm targets made of the data with this teacher; empty to compute them at each step.
        train: which weights of a byteified student change: "full", all but suffix embeddings; "embeddings", those of
            bytes and the output layer; "lora", adapters of low rank.
        train_suffixes: whether its suffix embeddings change too.
        entropy_model: the directory of the trained entropy model of a Byte Latent Transformer that needs one.
        teacher_dtype: of the teacher: "auto" for that of its checkpoint, float32 on a CPU.
        alm: the settings of "alm".
        lora: the settings of "lora".
    """

    teacher: str = ""
    student: str = ""
    losses: tuple[str, ...] = ("exact",)
    mixing: Mixing = "fixed"
    weights: tuple[float, ...] = ()
    tolerance: float = 0.01
    targets: str = ""
    train: How = "full"
    train_suffixes: bool = False
    entropy_model: str = ""
    teacher_dtype: TeacherDtype = "auto"
    alm: AlmConfig = field(default_factory=AlmConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value, choice in (
            ("mixing", self.mixing, Mixing),
            ("train", self.train, How),
            ("teacher_dtype", self.teacher_dtype, TeacherDtype),
        ):
            check_choice(name, value, choice)
        if not self.losses:
            raise ValueError(f"losses must name what the student is to match: {', '.join(get_args(LossName))}")
        for name in self.losses:
            check_choice("losses", name, LossName)
        if len(set(self.losses)) < len(self.losses):
            raise ValueError(f"losses names {max(self.losses, key=self.losses.count)} twice; name it once")
        self._check_weights()
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"tolerance must be at least 0 and below 1, got {self.tolerance:g}")
        if self.mixing == "gradients" and self.train == "embeddings":
            raise ValueError(
                "mixing=gradients compares how losses move the last block, which train=embeddings leaves as it is; "
                "add losses by weights, mixing=fixed, or train=full"
            )
        if self.tensor_parallel != 1:
            raise ValueError("tensor_parallel is for training from scratch; a student is sharded, so leave it out")
        if self.targets and not set(self.losses) & set(STORABLE):
            raise ValueError(f"targets are those of exact or path; the losses are {', '.join(self.losses)}")

    def check_runnable(self) -> None:
        """Check that the run has all that its preset cannot know.

        Raises:
            ValueError: it has no data, no place to write to, no student, or a loss needs a teacher and there is none.
        """
        super().check_runnable()
        if not self.student:
            raise ValueError("a distillation needs a student: add student=DIRECTORY, which bytelm byteify makes")
        if self.needs_teacher and not self.teacher:
            raise ValueError(
                "a distillation needs a teacher: add teacher=DIRECTORY, the model that the student follows"
            )

    def inputs(self) -> dict[str, str]:
        """The files and folders that it reads, by what they are; those without a name are not there."""
        return {"data": self.data, "targets": self.targets, "entropy model": self.entropy_model}

    @property
    def needs_teacher(self) -> bool:
        """Whether the teacher runs at each step."""
        computed = set(self.losses) - {"sft"} - (set(STORABLE) if self.targets else set())
        return bool(computed)

    def _check_weights(self) -> None:
        if self.weights and self.mixing != "fixed":
            raise ValueError(f"weights are for mixing=fixed; mixing is {self.mixing!r}, so leave them out")
        if self.weights and len(self.weights) != len(self.losses):
            raise ValueError(f"weights must be one for each of the {len(self.losses)} losses, got {len(self.weights)}")
        for weight in self.weights:
            if not 0 < weight < math.inf:
                raise ValueError(f"weights must be above 0, got {weight:g}; leave out a loss that is to have none")
