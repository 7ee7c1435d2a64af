"""Distillation as the task of a run: a student reads rows, and is to match what the teacher makes of their texts.

Shapes: R rows, N positions, P places where something is predicted, X symbols, V ids of the student.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bytelm.blt.vocabulary import EOS, OFFSET
from bytelm.protocol import END, FloatArray
from bytelm.training.data.rows import Batch
from bytelm.training.distillation.chunk_losses import ChunkLosses
from bytelm.training.distillation.config import BY_CHUNKS, STORABLE, DistillConfig
from bytelm.training.distillation.mixing import gradient_weights, mixed, parameters_used
from bytelm.training.distillation.pieces import Text, predicted, texts_of
from bytelm.training.distillation.students import Predictions, Student
from bytelm.training.distillation.symbols import Kept, divergence, kept_divergence, symbol_log_probs
from bytelm.training.distillation.teacher import Teacher, open_teacher
from bytelm.training.evaluating import MOST_ROWS, sampled
from bytelm.training.task import Cost, RowSource, Stage
from bytelm.training.world import World


class KeptTargets(Protocol):
    """Targets that were computed before."""

    def at(self, texts: Sequence[Text], batch: Batch, device: torch.device, /) -> Kept:
        """Those of the places of a batch, in their order."""
        ...


class DistillTask:
    """The task of a `DistillConfig`.

    A loss is a mean over what it compares in the rows of one replica and one part of a batch: places, groups of chunks,
    or chunks; the parts count by their bytes. So the losses of places alone do not depend on how a batch is shared.

    Args:
        config: what is distilled.
        world: the processes that train together.
        student: learns.
        stored: targets that were computed before; ``None`` to compute them.
    """

    def __init__(
        self, config: DistillConfig, world: World, student: Student, stored: KeptTargets | None = None
    ) -> None:
        self.config = config
        self.student = student
        self._world = world
        self._stored = stored

    @cached_property
    def teacher(self) -> Teacher:
        """The teacher."""
        return open_teacher(self.config, self._world.device)

    def open_teacher(self) -> None:
        """Open the teacher now, so that what is wrong with it is said before anything is written (mutates)."""
        assert self.teacher is not None

    @property
    def network(self) -> nn.Module:
        return self.student.network

    @property
    def facts(self) -> dict[str, Any]:
        return {}

    def stage_at(self, step: int) -> Stage:
        return "model"

    def span(self, stage: Stage) -> tuple[int, int]:
        return 0, self.config.steps

    def enter(self, stage: Stage, rows: RowSource | None) -> list[nn.Parameter]:
        return self.student.trained

    def restore(self, facts: Mapping[str, Any]) -> None:
        pass

    def cost(self, batch: Batch, stage: Stage) -> Cost:
        texts, names = texts_of(batch), self.config.losses
        with parameters_used(self.student.last_block) as used:
            read = self._read(batch, hidden="latents" in names)
        places_P = torch.from_numpy(np.flatnonzero(batch.weights)).to(read.logits_RNV.device)
        logs_PX = self._symbol_logs(read, places_P)
        nats = self._nats(logs_PX, batch)
        chunks = ChunkLosses(self.teacher, texts, batch) if BY_CHUNKS & set(names) else None
        means = self._means(texts, batch, read, logs_PX, nats, chunks)
        weights: Tensor | Sequence[float] = self.config.weights or [1.0] * len(names)
        if self.config.mixing == "gradients":
            counted = [chunks is None or chunks.any or name not in BY_CHUNKS for name in names]
            weights = gradient_weights(list(means.values()), used, self._over_processes, counted)
        total = mixed(list(means.values()), weights) * len(places_P)
        losses = {name: mean.detach() * len(places_P) for name, mean in means.items()}
        return Cost(total, nats.detach(), losses)

    @torch.no_grad()
    def validated(self, rows: RowSource) -> dict[str, float]:
        assert rows.count is not None
        count = min(rows.count, MOST_ROWS)
        sums = np.zeros(4)
        for begun in range(0, count, self._world.replicas):
            number = begun + self._world.replica
            own = self._compared(rows.batch([min(number, count - 1)]))
            sums += own if number < count else 0.0
        nats, kl, agreed, places = self._world.sum(*sums.tolist())
        found = {"bits_per_byte": nats / max(places, 1) / math.log(2)}
        if self.config.teacher:
            found |= {"kl": kl / max(places, 1), "agreement": agreed / max(places, 1)}
        return found

    @torch.no_grad()
    def sampled(self) -> bytes:
        def following(ids_1N: Tensor) -> Tensor:
            read = self.student.read(ids_1N, torch.zeros_like(ids_1N), hidden=False)
            return symbol_log_probs(read.logits_RNV[0, -1], self.student.byte_ids, self.student.end_id)

        return sampled(following, self.config.seed, self._world.device)

    def export(self, weights: Mapping[str, Tensor], out: Path) -> None:
        self.student.export(weights, out)

    def _read(self, batch: Batch, hidden: bool) -> Predictions:
        device = self._world.device
        ids, first = torch.from_numpy(batch.ids[:, :-1].copy()).to(device), torch.from_numpy(batch.first).to(device)
        return self.student.read(ids, first, hidden)

    def _symbol_logs(self, read: Predictions, places_P: Tensor) -> Tensor:
        """The student's log-probabilities of all symbols, float32 ``(P, 257)``, nats."""
        return symbol_log_probs(read.logits_RNV.flatten(0, 1)[places_P], self.student.byte_ids, self.student.end_id)

    def _nats(self, logs_PX: Tensor, batch: Batch) -> Tensor:
        """The cross entropy of what is there, summed, float64 ``()``."""
        targets = batch.ids[:, 1:][batch.weights]
        symbols = torch.from_numpy(np.where(targets == EOS, END, targets - OFFSET)).to(logs_PX.device)
        return F.nll_loss(logs_PX, symbols, reduction="none").double().sum()

    def _means(
        self,
        texts: Sequence[Text],
        batch: Batch,
        read: Predictions,
        logs_PX: Tensor,
        nats: Tensor,
        chunks: ChunkLosses | None,
    ) -> dict[str, Tensor]:
        """Each loss, a mean, float64 ``()``, with its graph."""
        found: dict[str, Tensor] = {}
        for name in self.config.losses:
            if name == "sft":
                found[name] = nats / len(logs_PX)
            elif name in STORABLE:
                found[name] = self._divergence(texts, batch, logs_PX, along_path=name == "path")
            else:
                assert chunks is not None
                own = chunks.latents(read) if name == "latents" else None
                found[name] = chunks.alm(self.student, read, batch, self.config.alm) if own is None else own
        return found

    def _divergence(self, texts: Sequence[Text], batch: Batch, logs_PX: Tensor, along_path: bool) -> Tensor:
        """The mean divergence of the student from the teacher's distributions."""
        if self._stored is not None:
            kept = self._stored.at(texts, batch, self._world.device)
            return kept_divergence(kept, logs_PX).double().mean()
        return divergence(self._targets(texts, batch, along_path), logs_PX).double().mean()

    def _targets(self, texts: Sequence[Text], batch: Batch, along_path: bool) -> Tensor:
        """The teacher's distributions at the places of a batch, float32 ``(P, 257)``, nats."""
        rows = self.teacher.targets.of([text.data for text in texts], along_path)
        device = self._world.device
        wanted = (torch.from_numpy(predicted(text, batch)).to(device) for text in texts)
        return torch.cat([known[places] for known, places in zip(rows, wanted, strict=True)])

    def _compared(self, batch: Batch) -> FloatArray:
        """Of some rows: nats of what is there, divergence from the teacher, places where both agree, and places."""
        texts = texts_of(batch)
        read = self._read(batch, hidden=False)
        places_P = torch.from_numpy(np.flatnonzero(batch.weights)).to(read.logits_RNV.device)
        logs_PX = self._symbol_logs(read, places_P)
        found = [float(self._nats(logs_PX, batch)), 0.0, 0.0, float(len(places_P))]
        if self.config.teacher:
            target_PX = self._targets(texts, batch, along_path=False)
            found[1] = float(divergence(target_PX, logs_PX).double().sum())
            found[2] = float((target_PX.argmax(-1) == logs_PX.argmax(-1)).sum())
        return np.array(found)

    def _over_processes(self, squares: Tensor) -> Tensor:
        return squares.new_tensor(self._world.sum(*squares.tolist()))
