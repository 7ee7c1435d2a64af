"""Training a model over bytes on texts: a Byte Latent Transformer with its entropy model, or a plain transformer."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from bytelm.blt.model import Blt
from bytelm.training.config import TrainConfig
from bytelm.training.data.rows import Batch
from bytelm.training.entropy_models import take_entropy_model
from bytelm.training.evaluating import sampled, symbols_of, validated
from bytelm.training.export import export
from bytelm.training.networks import ByteTransformer
from bytelm.training.spreading import build, release
from bytelm.training.stages import SAMPLE, calibrated, entropy_steps, logits_of, loss_of, trained_parts
from bytelm.training.task import Cost, RowSource, Stage
from bytelm.training.world import World


class ByteTask:
    """The task of a `TrainConfig` (mutable): its network, and the threshold of patches that it takes.

    Args:
        config: what is trained.
        world: the processes that train together.
    """

    def __init__(self, config: TrainConfig, world: World) -> None:
        self.config = config
        self.network: Blt | ByteTransformer = build(config, world)
        self._world = world
        self._first = entropy_steps(config)
        if isinstance(self.network, Blt) and config.entropy_model:
            take_entropy_model(self.network, Path(config.entropy_model))

    @property
    def facts(self) -> dict[str, Any]:
        threshold = self.network.config.patching.threshold if isinstance(self.network, Blt) else None
        return {"threshold": threshold, "entropy_steps": self._first}

    def stage_at(self, step: int) -> Stage:
        return "entropy" if step < self._first else "model"

    def span(self, stage: Stage) -> tuple[int, int]:
        return (0, self._first) if stage == "entropy" else (self._first, self.config.steps - self._first)

    def enter(self, stage: Stage, rows: RowSource | None) -> list[nn.Parameter]:
        mean = self.config.mean_patch
        if rows is not None and stage == "model" and mean is not None and isinstance(self.network, Blt):
            # Every process calibrates on the same rows, so all cut alike.
            self.network.config = calibrated(self.network, rows.batch(range(SAMPLE)), mean, self._world.device)
            release(self.network)
        return [parameter for part in trained_parts(self.network, stage) for parameter in part.parameters()]

    def restore(self, facts: Mapping[str, Any]) -> None:
        # More steps in all do not make the first stage longer once it has begun.
        self._first = int(facts["entropy_steps"])
        if isinstance(self.network, Blt):
            patching = replace(self.network.config.patching, threshold=facts["threshold"])
            self.network.config = replace(self.network.config, patching=patching)

    def cost(self, batch: Batch, stage: Stage) -> Cost:
        nats = loss_of(self.network, stage, batch, self._world.device).nats
        return Cost(nats, nats.detach())

    def validated(self, rows: RowSource) -> dict[str, float]:
        return {"bits_per_byte": validated(self.network, rows, self._world)}

    def sampled(self) -> bytes:
        def following(ids_1N: Tensor) -> Tensor:
            return symbols_of(logits_of(self.network, ids_1N)[0, -1])

        return sampled(following, self.config.seed, self._world.device)

    def export(self, weights: Mapping[str, Tensor], out: Path) -> None:
        export(self.network.config, self.config.kind, weights, out, length=self.config.length)
