"""Texts walked through side by side, a byte at a time: for whoever needs every distribution on the way."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bytelm.batch import BatchState, advance_all
from bytelm.protocol import SYMBOLS, FloatArray


def distributions(
    prefill: Callable[[list[bytes]], BatchState[Any]],
    texts: Sequence[bytes],
    progress: Callable[[int, int], None] | None = None,
) -> list[FloatArray]:
    """The next-byte distribution before every byte of each text: float64 ``(len(text), 257)``, nats.

    Args:
        prefill: gives the batch of states after a list of prompts; texts share what passes it can share.
        texts: the texts.
        progress: called with the bytes done and the bytes in all.
    """
    found = [np.empty((len(text), SYMBOLS)) for text in texts]
    # The longest first, so that those still going are always the first ones.
    order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
    done, total = 0, sum(map(len, texts))
    going = [index for index in order if texts[index]]
    batch = prefill([b""] * len(going))
    together, states = batch.together, batch.states
    for place in range(max(map(len, texts), default=0)):
        for index, state in zip(going, states, strict=True):
            found[index][place] = state.logprobs()
        done += len(going)
        if progress is not None:
            progress(done, total)
        going = [index for index in going if place + 1 < len(texts[index])]
        states = advance_all(together, states[: len(going)], [texts[index][place : place + 1] for index in going])
    return found
