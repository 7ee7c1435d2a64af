"""The probability of every byte of some texts, in a few passes over all of them; see `bytelm.covers.columns`.

Texts that are scored together go side by side, and share passes. They ask a model that remembers nothing from before:
what comes out is the same to the last bit whatever was asked earlier.
"""

from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np

from bytelm.covers.columns import Columns, side_by_side
from bytelm.covers.opening import Opening
from bytelm.covers.settling import impossible
from bytelm.covers.weighing import Weigher
from bytelm.protocol import FloatArray

Progress = Callable[[int, int], None]


def score_texts(
    weigher: Weigher, tolerance: float, openings: Sequence[Opening], progress: Progress | None = None
) -> list[FloatArray]:
    """``log P(byte i | what stands before)`` of each text, float64 ``(len(text),)``, nats.

    ``-inf`` at a byte that no text of the tokenizer can have there; what follows is conditioned on it.

    Args:
        weigher: of canonical segmentation.
        tolerance: how much may be left unknown, as a fraction of what is known in each column.
        openings: the texts, and what stands before each.
        progress: called now and then with the bytes done and the bytes in all.
    """
    total, done = sum(len(opening.text) for opening in openings), 0
    scores: list[FloatArray] = []
    for some in side_by_side(openings):
        apart = weigher.apart()
        texts = [Columns(apart.rule, opening) for opening in some]
        asked = [(text, text.needed(tolerance)) for text in texts]
        while asked := [(text, heads) for text, heads in asked if heads]:
            answers = apart.evaluate([head for _, heads in asked for head in heads])
            for text, heads in asked:
                text.learn(heads, islice(answers, len(heads)))
            asked = [(text, text.needed(tolerance)) for text, _ in asked]
            if progress is not None:
                progress(min(total, done + sum(text.done for text in texts)), total)
        scores += [_scores(text) for text in texts]
        done += sum(len(opening.text) for opening in some)
    if progress is not None:
        progress(total, total)
    return scores


def _scores(text: Columns) -> FloatArray:
    """The log-probability of each byte, nats.

    Raises:
        FloatingPointError: the model gives some bytes probability zero.
    """
    known, walk = np.array(text.known), text.walk
    if not (known > -np.inf).all():
        raise impossible()
    before, after = np.array(walk.before, dtype=np.int64), np.array(walk.after, dtype=np.int64)
    scores: FloatArray = known[after] - known[before]
    scores[~np.array(walk.possible, dtype=bool)] = -np.inf
    return scores[len(text.opening.prefix) :]
