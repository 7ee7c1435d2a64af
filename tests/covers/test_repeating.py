"""Scores repeat to the last bit: what is evaluated, and when, does not depend on where objects lie in memory."""

import numpy as np

from bytelm.covers.model import TokenizedLM
from bytelm.engines.table import TableModel
from bytelm.protocol import FloatArray
from bytelm.tokens.vocabulary import Vocabulary
from covers.random_models import PairRule, table

TOKENS = [b"a", b"b", b"ab", b"ba", b"aba", b"bab"]


def evaluated(text: bytes, noise: int) -> list[tuple[int, ...]]:
    """The token sequences after which a new model is asked, in order, with objects of other sizes in between."""
    every = np.ones((len(TOKENS) + 1, len(TOKENS)), dtype=bool)
    rule = PairRule(Vocabulary(TOKENS), every, [True] * (len(TOKENS) + 1))
    logprobs_of = table(len(TOKENS), 0, 1.0)
    asked: list[tuple[int, ...]] = []
    kept: list[bytes] = []

    def record(tokens: tuple[int, ...]) -> FloatArray:
        asked.append(tokens)
        kept.extend(bytes(8 * (noise + size % 7)) for size in range(noise))
        return logprobs_of(tokens)

    model = TokenizedLM(TableModel(len(TOKENS), record), rule, (), 0.0, b"")
    model.score(text)
    return asked


def test_heads_are_evaluated_in_one_order() -> None:
    orders = [evaluated(b"abababab", noise) for noise in range(8)]
    assert len(orders[0]) > 50
    assert all(order == orders[0] for order in orders)
