"""Byte models whose words can be counted."""

import math

import numpy as np

from bytelm.model import ByteLM
from bytelm.protocol import END, SYMBOLS
from decoding.byte_models import Markov, MarkovState

SCRIPTS = "aé .“☃\xa0".encode()
"""Letters, white space and others of one, two and three bytes; with their bytes many strings that are no UTF-8."""


def climbing(seed: int) -> Markov:
    """Words are rising runs of ``abc`` or ``.``, each with at most one space before it: so there are few of them."""
    rng = np.random.default_rng(seed)
    table = np.zeros((SYMBOLS, SYMBOLS))
    follows = {END: "abc. ", "a": "bc. ", "b": "c. ", "c": ". ", " ": "abc.", ".": "abc "}
    for before, after in follows.items():
        symbols = [ord(one) for one in after] + [END]
        table[END if before == END else ord(str(before)), symbols] = rng.dirichlet(np.ones(len(symbols)))
    with np.errstate(divide="ignore"):
        return Markov(np.log(table))


def logprob(lm: ByteLM[MarkovState], text: bytes, more: bytes, ended: bool = False) -> float:
    """``log P(more, and then the end | text)``, nats, byte by byte."""
    total, state = 0.0, lm.prefill(text)
    for byte in more:
        total += float(state.logprobs()[byte])
        if math.isinf(total):
            return total
        state = state.advance(bytes([byte]))
    return total + float(state.logprobs()[END]) if ended else total
