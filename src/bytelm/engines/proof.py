"""How far an engine is off, on a small random tree of heads that makes it do all that it does."""

from collections.abc import Iterator, Sequence

import numpy as np

from bytelm.engines.forest import BESIDE
from bytelm.engines.protocol import TokenModel
from bytelm.heads import Head
from bytelm.protocol import FloatArray

TRUNK = 8
"""How long the random tree's trunk is, in tokens."""

Answers = dict[tuple[int, ...], list[FloatArray]]
"""What an engine said after each token sequence, every time it was asked."""


class Judge:
    """An engine that is right, asked once for each token sequence.

    Args:
        model: the engine.
    """

    def __init__(self, model: TokenModel) -> None:
        self._model = model
        self._known: dict[tuple[int, ...], FloatArray] = {}

    def answers(self, asked: Sequence[tuple[int, ...]]) -> Iterator[FloatArray]:
        """The distribution after each of the token sequences, each run as a head of its own."""
        new = [tokens for tokens in asked if tokens not in self._known]
        heads = [chain(Head(), tokens)[-1] for tokens in new]
        self._known.update(zip(new, self._model.evaluate(heads), strict=True))
        return (self._known[tokens] for tokens in asked)


def prove(engine: TokenModel, judge: Judge, rng: np.random.Generator, trunk: int = TRUNK) -> float:
    """The largest difference between an engine's log-probabilities and the right ones on a small random tree, nats.

    The tree has a trunk, siblings on it, children on some of those while the others are gone, heads that are asked for
    twice, branches of one length, long enough to be forked, other texts beside it, and a head whose ancestors are new.

    Args:
        engine: the engine on trial.
        judge: what is right.
        rng: draws the tree.
        trunk: the length of the trunk in tokens.
    """
    answers = _grow(engine, rng, trunk)
    return max(
        _difference(answer, right)
        for right, said in zip(judge.answers(list(answers)), answers.values(), strict=True)
        for answer in said
    )


def chain(head: Head, tokens: Sequence[int]) -> list[Head]:
    """``head`` and a head for each of the tokens, one behind the other."""
    heads = [head]
    for token in tokens:
        heads.append(Head(heads[-1], token))
    return heads


def _grow(model: TokenModel, rng: np.random.Generator, trunk: int) -> Answers:
    answers: Answers = {}

    def ask(heads: list[Head]) -> list[Head]:
        for head, answer in zip(heads, model.evaluate(heads), strict=True):
            answers.setdefault(head.tokens(), []).append(answer)
        return heads

    def children(parents: list[Head], count: int) -> list[Head]:
        picks = rng.integers(len(parents), size=count)
        return [Head(parents[pick], int(rng.integers(model.vocabulary_size))) for pick in picks]

    def behind(head: Head, count: int) -> list[Head]:
        return chain(head, rng.integers(model.vocabulary_size, size=count).tolist())

    stem = behind(Head(), trunk)
    ask(stem[:1] + stem[trunk // 2 :])
    branches = ask(children(stem, 4) + children(stem[-1:], 2))[::2]
    ask(children(children(branches, 2), 3) + children(branches, 2))
    ask([stem[0], stem[-1], branches[0]])
    lengths = [(stem[-1], 4 * BESIDE), (stem[-1], BESIDE), (stem[-1], BESIDE), (Head(), 3), (Head(), 3)]
    texts = [behind(head, count) for head, count in lengths]
    ask([text[-1] for text in texts])
    for some in (texts[:1], texts[1:]):
        ask([behind(text[-1], 1)[-1] for text in some])
    ask(behind(stem[-1], 3)[-1:])
    return answers


def _difference(one: FloatArray, other: FloatArray) -> float:
    differ = one != other
    return float(np.abs(one[differ] - other[differ]).max(initial=0.0))
