"""Texts walked through side by side, a byte at a time: for whoever needs every distribution on the way."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bytelm.batch import BatchState, advance_all
from bytelm.decoding.texts import text_of
from bytelm.prompts import Prompt
from bytelm.protocol import SYMBOLS, FloatArray


def distributions(
    prefill: Callable[[list[bytes | Prompt]], BatchState[Any]],
    texts: Sequence[bytes | Prompt],
    progress: Callable[[int, int], None] | None = None,
) -> list[FloatArray]:
    """The next-byte distribution before every byte of each text, and behind the last: float64 ``(len + 1, 257)``, nats.

    Args:
        prefill: gives the batch of states after a list of prompts; texts share what passes it can share.
        texts: the texts; of one with special tokens, what stands behind the last one is walked through.
        progress: called with the bytes done and the bytes in all.
    """
    walked = [text_of(text) for text in texts]
    found = [np.empty((len(text) + 1, SYMBOLS)) for text in walked]
    # The longest first, so that those still going are always the first ones.
    going = sorted(range(len(texts)), key=lambda index: -len(walked[index]))
    done, total = 0, sum(map(len, walked))
    batch = prefill(
        [Prompt(*text.fixed) if isinstance(text, Prompt) else b"" for text in map(texts.__getitem__, going)]
    )
    together, states = batch.together, batch.states
    for place in range(max(map(len, walked), default=-1) + 1):
        for index, state in zip(going, states, strict=True):
            found[index][place] = state.logprobs()
        going = [index for index in going if place < len(walked[index])]
        states = advance_all(together, states[: len(going)], [walked[index][place : place + 1] for index in going])
        done += len(going)
        if progress is not None:
            progress(done, total)
    return found
