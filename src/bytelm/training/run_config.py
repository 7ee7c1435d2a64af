"""What every run has that makes steps: its data, its batches, its optimizer, and what it writes when."""

import math
from dataclasses import dataclass, field
from typing import Final, Literal

from bytelm.training.values import check_choice

Dtype = Literal["float32", "bfloat16"]
OptimizerName = Literal["adamw", "muon"]
Schedule = Literal["cosine", "wsd", "constant"]
Reporter = Literal["tensorboard", "wandb"]

_LEAST: Final = {
    "steps": 1,
    "seed": 0,
    "rows": 1,
    "length": 2,
    "accumulate": 1,
    "tensor_parallel": 1,
    "keep": 1,
    "checkpoint_every": 0,
    "validate_every": 0,
    "sample_every": 0,
}
"""The smallest values of the fields of a run that are whole numbers."""


@dataclass(frozen=True)
class OptimizerConfig:
    """How weights follow from gradients.

    Attributes:
        name: "adamw"; or "muon" for the matrices within the model, and AdamW for the rest.
        rate: the highest learning rate.
        betas: how much of AdamW's two averages stays at a step.
        momentum: how much of Muon's average stays at a step.
        epsilon: added to AdamW's denominators.
        decay: the share of a matrix, times the learning rate, that is taken away at a step; norms, embeddings and
            tables keep theirs.
        clip: the largest norm of the gradient of a step; longer ones are shortened to it. none for no limit.
        schedule: how the learning rate falls: "cosine"; "wsd", which stays and falls linearly at the end; "constant".
        warmup: steps over which the learning rate rises linearly.
        final: the learning rate at the end, as a share of the highest one.
        decay_share: the share of the steps over which "wsd" falls.
    """

    name: OptimizerName = "adamw"
    rate: float = 4e-4
    betas: tuple[float, float] = (0.9, 0.95)
    momentum: float = 0.95
    epsilon: float = 1e-8
    decay: float = 0.1
    clip: float | None = 1.0
    schedule: Schedule = "cosine"
    warmup: int = 100
    final: float = 0.1
    decay_share: float = 0.2

    def __post_init__(self) -> None:
        check_choice("name", self.name, OptimizerName)
        check_choice("schedule", self.schedule, Schedule)
        for name in ("rate", "epsilon"):
            _check_positive(name, getattr(self, name))
        if self.clip is not None:
            _check_positive("clip", self.clip)
        for name, value in (("betas", self.betas[0]), ("betas", self.betas[1]), ("momentum", self.momentum)):
            if not 0 <= value < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, got {value:g}")
        if not 0 <= self.decay < math.inf:
            raise ValueError(f"decay must be at least 0, got {self.decay:g}")
        if self.warmup < 0:
            raise ValueError(f"warmup must be at least 0 steps, got {self.warmup}")
        for name in ("final", "decay_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name):g}")

    def decay_steps(self, steps: int) -> int:
        """Over how many of all steps the learning rate of ``"wsd"`` falls."""
        return round(self.decay_share * steps)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """A run.

    Attributes:
        data: a prepared directory, or files of texts.
        out: the directory for checkpoints, metrics and the finished model; a run that is there is taken up again.
        steps: how often the weights change.
        seed: of the first weights and of the order of the data.
        rows: of a batch, over all processes.
        length: ids of a row.
        accumulate: in how many parts a batch is computed, one after the other; they divide its rows.
        checkpoint_every: steps; 0 for a checkpoint at the end only.
        keep: how many checkpoints are kept.
        validate_every: steps; 0 for never.
        sample_every: steps; 0 for never.
        report_to: where metrics go besides metrics.jsonl: "tensorboard", "wandb", or both.
        dtype: of the computation: "float32" or "bfloat16"; weights and the optimizer's state are float32.
        compile: whether the model is compiled.
        tensor_parallel: how many processes share the matrices of the global transformer, or of the only one, among
            them; the processes of a run are a multiple of it.
        checkpoint_activations: whether blocks are computed again in the backward pass, which needs less memory.
        change_optimizer: whether a run that is taken up again may have other settings of its optimizer.
        optimizer: how weights follow from gradients.
    """

    data: str = ""
    out: str = ""
    steps: int = 1000
    seed: int = 0
    rows: int = 16
    length: int = 1024
    accumulate: int = 1
    checkpoint_every: int = 500
    keep: int = 2
    validate_every: int = 500
    sample_every: int = 500
    report_to: tuple[str, ...] = ()
    dtype: Dtype = "float32"
    compile: bool = False
    tensor_parallel: int = 1
    checkpoint_activations: bool = False
    change_optimizer: bool = False
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        check_choice("dtype", self.dtype, Dtype)
        for name in self.report_to:
            check_choice("report_to", name, Reporter)
        if len(set(self.report_to)) < len(self.report_to):
            raise ValueError(f"report_to names {max(self.report_to, key=self.report_to.count)} twice; name it once")
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.rows % self.accumulate:
            raise ValueError(f"accumulate must divide the {self.rows} rows of a batch, got {self.accumulate}")
        self._check_schedule()

    def check_runnable(self) -> None:
        """Check that the run has all that its preset cannot know.

        Raises:
            ValueError: it has no data, or no place to write to.
        """
        if not self.data:
            raise ValueError("a run needs data: add data=PATH, a prepared directory or files of texts")
        if not self.out:
            raise ValueError("a run needs a place to write to: add out=DIRECTORY")

    def inputs(self) -> dict[str, str]:
        """The files and folders that it reads, by what they are; those without a name are not there."""
        return {"data": self.data}

    def _check_schedule(self) -> None:
        own = self.optimizer
        if own.warmup > self.steps:
            raise ValueError(
                f"optimizer.warmup must be at most the {self.steps} steps of the run, got {own.warmup}; "
                f"give more steps, or a shorter warm-up"
            )
        if own.schedule == "wsd" and own.warmup + own.decay_steps(self.steps) > self.steps:
            raise ValueError(
                f"with optimizer.warmup {own.warmup} and optimizer.decay_share {own.decay_share:g}, the learning rate "
                f"rises and falls over more than the {self.steps} steps of the run; make one of them smaller"
            )


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be above 0, got {value:g}")
