"""What is trained: three models, each for as many floating point operations, and how they are measured."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bytelm.blt.config import BltConfig, HashConfig, StackConfig
from bytelm.training.config import TrainConfig
from bytelm.training.run_config import OptimizerConfig

from .library import PREPARED

BLT: Final = "blt"
BYTES: Final = "byte-llama"
TOKENS: Final = "bpe"

TITLES: Final = {BLT: "Byte Latent Transformer", BYTES: "byte transformer", TOKENS: "BPE transformer"}
"""The models, in the order in which they are trained."""


@dataclass(frozen=True)
class Plan:
    """The demonstration.

    Attributes:
        blt: the Byte Latent Transformer, which trains its entropy model first; its steps say how many floating point
            operations each model has.
        over_bytes: the transformer over bytes; its steps follow.
        over_tokens: the transformer over tokens, with so many tokens in a row; its steps follow.
        vocabulary: tokens of its tokenizer.
        held_out: the share of the files that nobody learns from.
        excerpt: the most bytes of each of them that are measured.
        marks: shares of the floating point operations, ascending up to 1, at which the models are measured.
        files: the most files; ``None`` for all.
        written: bytes of code that each model writes.
    """

    blt: TrainConfig
    over_bytes: TrainConfig
    over_tokens: TrainConfig
    vocabulary: int = 4096
    held_out: float = 0.06
    excerpt: int = 4096
    marks: tuple[float, ...] = (0.2, 0.3, 0.45, 0.6, 0.8, 1.0)
    files: int | None = None
    written: int = 240

    def shortened(self, share: float) -> "Plan":
        """The same with a share of the floating point operations."""
        return replace(self, blt=replace(self.blt, steps=max(1, round(share * self.blt.steps))))

    def run_in(self, work: Path, name: str, steps: int | None = None) -> TrainConfig:
        """The run of a model, in its folder of the working folder.

        Args:
            work: that folder.
            name: of the model.
            steps: how many; as planned by default.
        """
        config = {BLT: self.blt, BYTES: self.over_bytes, TOKENS: self.over_tokens}[name]
        return replace(
            config, data=str(work / PREPARED), out=str(work / name), steps=config.steps if steps is None else steps
        )


def _stack(layers: int, width: int, heads: int, hidden: int, theta: float = 500000.0) -> StackConfig:
    return StackConfig(layers, width, heads, heads, hidden, theta)


def _run(
    model: BltConfig | StackConfig,
    rows: int,
    length: int,
    rate: float,
    warmup: int,
    steps: int = 1000,
    entropy_share: float = 0.25,
) -> TrainConfig:
    """A run that is saved where it pauses; three of them differ in nothing that is not here."""
    return TrainConfig(
        kind="blt" if isinstance(model, BltConfig) else "byte-llama",
        model=model,
        steps=steps,
        seed=1,
        rows=rows,
        length=length,
        checkpoint_every=0,
        keep=1,
        validate_every=0,
        sample_every=0,
        entropy_share=entropy_share,
        mean_patch=_MEAN_PATCH if isinstance(model, BltConfig) else None,
        optimizer=OptimizerConfig(rate=rate, warmup=warmup),
    )


_MEAN_PATCH: Final = 4.5

_RATE: Final = 4e-3
"""Of all three: in short runs 2e-3 was worse for each, and 8e-3 for none clearly better."""

FULL: Final = Plan(
    blt=_run(
        BltConfig(
            encoder=_stack(1, 96, 4, 264),
            global_transformer=_stack(3, 160, 4, 448),
            decoder=_stack(1, 96, 4, 264),
            entropy=_stack(2, 64, 2, 176, theta=10000.0),
            hashes=HashConfig(sizes=(2, 3, 4, 5, 6, 8), rows=20011),
        ),
        rows=2,
        length=512,
        rate=_RATE,
        warmup=20,
        steps=4000,
        entropy_share=0.3,
    ),
    over_bytes=_run(_stack(3, 96, 4, 256), rows=2, length=512, rate=_RATE, warmup=20),
    over_tokens=_run(_stack(2, 128, 4, 352), rows=4, length=128, rate=_RATE, warmup=20),
)
"""The shapes are the best for each kind among some that were tried with a third of the FLOPs, or less."""

QUICK: Final = Plan(
    blt=_run(
        BltConfig(
            encoder=_stack(1, 16, 2, 32),
            global_transformer=_stack(1, 24, 2, 48),
            decoder=_stack(1, 16, 2, 32),
            entropy=_stack(1, 16, 2, 32, theta=10000.0),
            hashes=HashConfig(sizes=(3, 4), rows=101),
        ),
        rows=2,
        length=64,
        rate=1e-2,
        warmup=2,
        steps=16,
    ),
    over_bytes=_run(_stack(1, 24, 2, 48), rows=2, length=64, rate=1e-2, warmup=2),
    over_tokens=_run(_stack(1, 24, 2, 48), rows=2, length=24, rate=1e-2, warmup=2),
    vocabulary=400,
    held_out=0.2,
    excerpt=200,
    marks=(0.5, 1.0),
    files=40,
    written=12,
)
"""A few steps of tiny models on a few files: does all of it run?"""
