"""How well a model predicts held-out texts: nats of each, over windows that overlap."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from bytelm.blt.vocabulary import PADDING, IdArray
from bytelm.training.networks import loss

ROWS: Final = 16
"""Windows of a pass."""

FRESH: Final = 0.75
"""Which share of a window is predicted, where it is not the first of its text; the rest is there to be seen."""

Logits: TypeAlias = Callable[[Tensor], Tensor]
"""From ids, int64 ``(R, N)``, to the logits of what follows each, ``(R, N, V)``."""


class _Window(NamedTuple):
    """The ids from one to behind another, of which the last ``targets`` are predicted."""

    text: int
    begin: int
    end: int
    targets: int


@torch.no_grad()
def nats_of(texts: Sequence[IdArray], length: int, logits: Logits) -> list[float]:
    """The nats of all ids of each text but the first, each predicted once.

    Args:
        texts: ids, which begin with BOS.
        length: the most ids that a model sees, which is that of its training rows.
        logits: the model.
    """
    windows = [window for text, ids in enumerate(texts) for window in _windows(text, len(ids), length)]
    windows.sort(key=lambda window: window.end - window.begin)
    nats = [0.0] * len(texts)
    for first in range(0, len(windows), ROWS):
        some = windows[first : first + ROWS]
        for window, found in zip(some, _measured(texts, some, logits), strict=True):
            nats[window.text] += found
    return nats


def _windows(text: int, size: int, length: int) -> list[_Window]:
    """The windows of a text of so many ids."""
    found = []
    done = 1
    while done < size:
        end = min(size, length + 1 if done == 1 else done + round(FRESH * length))
        found.append(_Window(text, max(0, end - length - 1), end, end - done))
        done = end
    return found


def _measured(texts: Sequence[IdArray], windows: Sequence[_Window], logits: Logits) -> list[float]:
    """The nats of what is predicted in each window."""
    width = max(window.end - window.begin for window in windows)
    ids = np.full((len(windows), width), PADDING, np.int64)
    for row, window in zip(ids, windows, strict=True):
        row[: window.end - window.begin] = texts[window.text][window.begin : window.end]
    all_ids = torch.from_numpy(ids)
    predicted = logits(all_ids[:, :-1])
    found = []
    for row, window in enumerate(windows):
        part = slice(window.end - window.begin - 1 - window.targets, window.end - window.begin - 1)
        targets = all_ids[row, 1:][part]
        found.append(float(loss(predicted[row, part], targets, torch.ones_like(targets, dtype=torch.bool)).nats))
    return found
