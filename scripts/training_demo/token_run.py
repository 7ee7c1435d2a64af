"""The run of the transformer over tokens: the same stack, rows, loss, optimizer and schedule as over bytes."""

import math
import time
from pathlib import Path
from typing import Any, Final

import torch

from bytelm.blt.config import StackConfig
from bytelm.blt.layers import initialize
from bytelm.cli.train_showing import Showing
from bytelm.corpora.files import complete_file
from bytelm.training.clipping import clip
from bytelm.training.config import TrainConfig
from bytelm.training.data.ahead import batches_ahead
from bytelm.training.data.rows import Batch, Rows
from bytelm.training.metrics import StepReport
from bytelm.training.networks import ByteTransformer, loss
from bytelm.training.optimizer import make_optimizers, set_rate
from bytelm.training.schedule import rate_factor
from bytelm.training.stopping import StopSign

from .byte_runs import progress_line
from .following import Reached, Stopped

STATE: Final = "state.pt"


class TokenRun:
    """A run over tokens that pauses at steps (mutable); it goes on from where it was saved.

    Args:
        config: the run; a row has ``length`` tokens.
        rows: of tokens.
        ids: how many ids there are.
        bytes_per_id: on average, for what is shown.
        sign: ends the run behind a step.
        quiet: whether nothing is shown.
    """

    def __init__(
        self, config: TrainConfig, rows: Rows, ids: int, bytes_per_id: float, sign: StopSign, quiet: bool
    ) -> None:
        assert isinstance(config.model, StackConfig)
        self.config = config
        self.network = _fresh(config.model, ids, config.seed)
        self._rows = rows
        self._bytes_per_id = bytes_per_id
        self._sign = sign
        self._quiet = quiet
        self._optimizers = make_optimizers(self.network, config.optimizer)
        self._step = 0
        self._seconds = 0.0
        self._place = Path(config.out) / STATE
        if self._place.is_file():
            self._resume(torch.load(self._place, weights_only=True))

    def reach(self, step: int) -> Reached:
        """Train on to a step."""
        count = self.config.rows
        with progress_line(self._quiet) as line:
            showing = Showing(self.config, line, self._quiet, self._sign)
            numbers = (range(one * count, (one + 1) * count) for one in range(self._step, step))
            for batch in batches_ahead(self._rows, numbers):
                showing.step(self._make_step(batch))
                if showing.stopped():
                    break
        self._save()
        if self._sign.asked:
            raise Stopped
        return Reached(self._step, self._seconds, self.network)

    def _make_step(self, batch: Batch) -> StepReport:
        begun = time.perf_counter()
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        targets = int(batch.weights.sum())
        ids, first, weights = (torch.from_numpy(array) for array in (batch.ids, batch.first, batch.weights))
        nats = loss(self.network(ids[:, :-1], first), ids[:, 1:], weights).nats
        torch.autograd.backward(nats / targets)
        norm = clip(self.network.parameters(), self.config.optimizer.clip)
        rate = self.config.optimizer.rate * rate_factor(self.config.optimizer, self._step, self.config.steps)
        set_rate(self._optimizers, rate)
        for optimizer in self._optimizers:
            optimizer.step()
        self._step += 1
        seconds = time.perf_counter() - begun
        self._seconds += seconds
        bits = float(nats.detach()) / math.log(2) / (targets * self._bytes_per_id)
        return StepReport(self._step, "model", bits, rate, norm, targets, seconds)

    def _save(self) -> None:
        state = {
            "step": self._step,
            "seconds": self._seconds,
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
        }
        self._place.parent.mkdir(parents=True, exist_ok=True)
        with complete_file(self._place) as file:
            torch.save(state, file)

    def _resume(self, state: dict[str, Any]) -> None:
        self._step, self._seconds = state["step"], state["seconds"]
        self.network.load_state_dict(state["network"])
        for optimizer, own in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(own)


def _fresh(shape: StackConfig, ids: int, seed: int) -> ByteTransformer:
    """The network with its first weights, which follow from the seed alone."""
    network = ByteTransformer(shape, ids)
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(seed)
        initialize(network)
    return network
