"""How many threads a step should use on a machine that others use too.

The threads of a step wait for the slowest of them, so when another process takes one of the cores,
fewer threads are faster than more. No setting is right for long; this tries both now and then.
"""

from __future__ import annotations

import torch

TRIAL_STEPS = 2
"""Steps that a trial of one number of threads lasts; the fastest counts."""

STEPS_BETWEEN_TRIALS = 24


class ThreadChooser:
    """Switches between all threads and half of them to whichever was faster in the latest trial."""

    def __init__(self, threads: int) -> None:
        self._choices = sorted({threads, max(1, threads // 2)}, reverse=True)
        self._until_trials = 0
        self._trials: list[int] = []
        self._fastest: dict[int, float] = {}
        self.threads = threads

    def before_step(self) -> None:
        """Set the number of threads for the coming step."""
        if self._until_trials == 0 and not self._trials:
            self._trials = [count for count in self._choices for _ in range(TRIAL_STEPS)]
            self._fastest = {}
        if self._trials:
            self.threads = self._trials[0]
        torch.set_num_threads(self.threads)

    def after_step(self, seconds: float) -> None:
        """Take note of how long the step took."""
        if not self._trials:
            self._until_trials -= 1
            return
        count = self._trials.pop(0)
        self._fastest[count] = min(seconds, self._fastest.get(count, seconds))
        if not self._trials:
            self.threads = min(self._choices, key=lambda choice: self._fastest[choice])
            self._until_trials = STEPS_BETWEEN_TRIALS
