"""The training loop: steps until the time or the number of steps is used up, or Ctrl-C."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch._inductor.config
from transformers import LlamaForCausalLM

from .model import NextTokenLoss, rate_factor
from .recipe import Recipe
from .state import Progress
from .threads import ThreadChooser
from .windows import Windows

REPORT_EVERY = 5.0
"""Seconds between lines of progress."""

LARGEST_GRADIENT = 1.0
"""Gradients are scaled down to this norm."""


@dataclass(frozen=True)
class Budget:
    """When to stop: after ``seconds`` of training or after ``steps``, whichever is set and first."""

    seconds: float | None
    steps: int | None

    def progress(self, done: Progress) -> float:
        """Share of the budget that is used up, 1.0 or more when it is time to stop."""
        shares = [0.0]
        if self.seconds is not None:
            shares.append(done.seconds / self.seconds)
        if self.steps is not None:
            shares.append(done.steps / self.steps)
        return max(shares)


class Trainer:
    """Takes steps, keeps count and calls ``checkpoint`` every ``checkpoint_seconds``."""

    def __init__(
        self,
        model: LlamaForCausalLM,
        optimizers: list[torch.optim.Optimizer],
        windows: Windows,
        recipe: Recipe,
        bytes_a_token: float,
        compiled: bool,
    ) -> None:
        self._model = model
        self._optimizers = optimizers
        self._windows = windows
        self._tokens_a_step = recipe.batch * recipe.context
        self._bytes_a_token = bytes_a_token
        self._threads = ThreadChooser(torch.get_num_threads())
        torch._inductor.config.cpp.dynamic_threads = True  # else the compiled code fixes their number
        loss = NextTokenLoss(model)
        self._loss: Callable[[torch.Tensor], torch.Tensor] = torch.compile(loss) if compiled else loss
        self._peaks = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]

    def run(self, done: Progress, budget: Budget, checkpoint: Callable[[], None], checkpoint_seconds: float) -> bool:
        """Train until the budget is used up; returns False where Ctrl-C came first.

        ``done`` is brought up to date after each step. Time spent in ``checkpoint`` is not counted.
        """
        self._model.train()
        if budget.progress(done) < 1:
            self._compile()
        next_checkpoint = done.seconds + min(60.0, checkpoint_seconds)
        reporter = _Reporter(budget, self._tokens_a_step * self._bytes_a_token)
        try:
            while budget.progress(done) < 1:
                started = time.monotonic()
                self._threads.before_step()
                nats = self._step(budget.progress(done))
                seconds = time.monotonic() - started
                self._threads.after_step(seconds)
                done.steps += 1
                done.tokens += self._tokens_a_step
                done.seconds += seconds
                reporter.add(done, nats / math.log(2) / self._bytes_a_token, self._threads.threads)
                if done.seconds >= next_checkpoint:
                    checkpoint()
                    self._model.train()
                    next_checkpoint = done.seconds + checkpoint_seconds
        except KeyboardInterrupt:
            print("\nstopped by hand", file=sys.stderr)
            return False
        return True

    def _compile(self) -> None:
        """Compile before the clock runs, with gradients that no step uses."""
        self._loss(self._windows.batch()).backward()  # type: ignore[no-untyped-call]
        self._model.zero_grad(set_to_none=True)

    def _step(self, progress: float) -> float:
        """One optimizer step; returns the loss in nats a token."""
        factor = rate_factor(progress)
        for optimizer, peak in zip(self._optimizers, self._peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * factor
        loss = self._loss(self._windows.batch())
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), LARGEST_GRADIENT)
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return loss.item()


class _Reporter:
    """Prints a line of progress now and then."""

    def __init__(self, budget: Budget, bytes_a_step: float) -> None:
        self._budget = budget
        self._bytes_a_step = bytes_a_step
        self._smooth: float | None = None
        self._last: tuple[float, int] | None = None

    def add(self, done: Progress, bits: float, threads: int) -> None:
        """Take note of a step whose loss was about ``bits`` a byte."""
        self._smooth = bits if self._smooth is None else 0.98 * self._smooth + 0.02 * bits
        if self._last is None:
            self._last = (done.seconds, done.steps)
        seconds, steps = done.seconds - self._last[0], done.steps - self._last[1]
        if seconds < REPORT_EVERY:
            return
        self._last = (done.seconds, done.steps)
        share = self._budget.progress(done)
        left = done.seconds * (1 - share) / share if share else math.inf
        print(
            f"step {done.steps}  {share:6.1%}  {self._smooth:.3f} bits/byte (training mix)  "
            f"{steps * self._bytes_a_step / seconds / 1000:.1f} kB/s  {left / 60:.1f} min left  "
            f"({threads} threads)",
            file=sys.stderr,
            flush=True,
        )
