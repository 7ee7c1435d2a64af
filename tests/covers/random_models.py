"""Random token models over random vocabularies of a few bytes, and texts to ask them about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from bytelm.covers.model import TokenizedLM
from bytelm.engines.table import TableModel, random_table
from bytelm.heads import Head
from bytelm.protocol import FloatArray
from bytelm.tokens.rules import Context, EverySegmentation, Rule
from bytelm.tokens.steps import Steps
from bytelm.tokens.vocabulary import Vocabulary

BYTES = b"ab\xff"
"""What random tokens are spelled with."""

LogprobsOf = Callable[[tuple[int, ...]], FloatArray]


class PairRule:
    """What may follow depends on the last token alone, as a random table says.

    Nothing forbids that many heads live on side by side, nor that a text comes to a dead end: the engine is asked
    more than any tokenizer asks of it. ``heads_die`` is set, so that answers come with a certificate.
    """

    heads_die = True

    def __init__(self, vocabulary: Vocabulary, follows: NDArray[np.bool_], ends: Sequence[bool]) -> None:
        """``follows`` is bool ``(tokens + 1, size)`` in sorted order and ``ends`` ``(tokens + 1,)``; the last row is
        what may start a text."""
        self.vocabulary = vocabulary
        self.start: Context = -1
        self.steps = Steps(self)
        self._follows = follows
        self._ends = ends

    def advance(self, context: Context, token: int) -> Context | None:
        index = int(self.vocabulary.index[token])
        return token if index >= 0 and self.allowed(context)[index] else None

    def allowed(self, context: Context) -> NDArray[np.bool_]:
        assert isinstance(context, int)
        row: NDArray[np.bool_] = self._follows[context]
        return row

    def may_end(self, context: Context) -> bool:
        assert isinstance(context, int)
        return bool(self._ends[context])


@dataclass(frozen=True)
class Case:
    """A token model made byte-level, with what a judge needs to know of it.

    Attributes:
        rule: which token sequences count.
        logprobs_of: the token model, ids to log-probabilities over the whole vocabulary.
        end_tokens: the ids that end a text, perhaps none.
    """

    rule: Rule
    logprobs_of: LogprobsOf
    end_tokens: tuple[int, ...]

    def model(self, tolerance: float = 0.0, prefix: bytes = b"") -> TokenizedLM:
        table = TableModel(len(self.logprobs_of(())), self.logprobs_of)
        return TokenizedLM(table, self.rule, self.end_tokens, tolerance, prefix)


def table(size: int, seed: int, concentration: float, impossible: frozenset[int] = frozenset()) -> LogprobsOf:
    """The distributions of a random table model, in which the ``impossible`` tokens have probability zero."""
    model = random_table(size, np.random.default_rng(seed), concentration)

    @cache
    def logprobs_of(tokens: tuple[int, ...]) -> FloatArray:
        head = Head()
        for token in tokens:
            head = Head(head, token)
        row = next(model.evaluate([head]))
        row[sorted(impossible)] = -np.inf
        answer: FloatArray = row - np.logaddexp.reduce(row)
        return answer

    return logprobs_of


@st.composite
def spellings(draw: st.DrawFn) -> list[bytes]:
    """Token bytes by id: nested tokens, equal ones, ones without bytes.

    No more than two tokens are equal: under a rule of pairs every segmentation may be a head, and seven tokens ``a``
    would make seven times as many of them with every byte. So the segmentations of n bytes are at most about 3^n.
    """
    spelled = [bytes([byte]) for byte in BYTES]
    spelled += draw(st.lists(st.text("ab", min_size=2, max_size=4).map(str.encode), max_size=6, unique=True))
    spelled += draw(st.lists(st.sampled_from(spelled), max_size=4, unique=True))
    return draw(st.permutations([*spelled, *[b""] * draw(st.integers(0, 3))]))


@st.composite
def cases(draw: st.DrawFn, pairs: bool) -> Case:
    """Random models: with a random rule of pairs, or with every segmentation.

    A model may have ids that the vocabulary does not, and may give some tokens probability zero. Any tokens may be
    end tokens, also several or none. The token ``b"a"`` is none; it may always follow and is always possible, so
    that no sequence is a dead end.
    """
    token_bytes = draw(spellings())
    vocabulary = Vocabulary(token_bytes)
    size = len(token_bytes) + draw(st.integers(0, 2))
    free = [token for token in range(size) if token != token_bytes.index(b"a")]
    end_tokens = draw(st.lists(st.sampled_from(free), unique=True, max_size=2))
    impossible = draw(st.just(frozenset()) | st.frozensets(st.sampled_from(free)))
    seed = draw(st.integers(0, 2**32 - 1))
    rule = random_pairs(vocabulary, seed) if pairs else EverySegmentation(vocabulary)
    logprobs_of = table(size, seed, draw(st.sampled_from([0.1, 1.0, 10.0])), impossible)
    return Case(rule, logprobs_of, tuple(end_tokens))


def texts(max_size: int = 6, min_size: int = 0) -> st.SearchStrategy[bytes]:
    """Short texts over ``a`` and ``b``."""
    return st.text("ab", min_size=min_size, max_size=max_size).map(str.encode)


def random_pairs(vocabulary: Vocabulary, seed: int) -> Rule:
    """A random rule under which the token ``b"a"`` may always follow."""
    rng = np.random.default_rng(seed)
    contexts = len(vocabulary.token_bytes) + 1
    follows = rng.random((contexts, vocabulary.size)) < rng.choice([0.3, 0.6, 1.0])
    follows[:, vocabulary.find(b"a")[0]] = True
    return PairRule(vocabulary, follows, (rng.random(contexts) < 0.5).tolist())
