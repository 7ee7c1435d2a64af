"""The proof, at load time, that a model's packed tree is right.

Whether an architecture honours a mask over a tree is a matter of its code, and some that do not are silently
wrong. So no list of names is trusted: a small random tree is run both ways.

Half precision hides small errors under its own noise: the right tree of small trained models was off by up
to 0.33 nats in bfloat16 and by 2e-5 in float32, and one that lets siblings see each other by 4 to 15 nats in
both. What is on trial is the architecture's code, not the precision. So small models in half precision are
tried as a copy in float32, and only large ones with the coarse tolerance.
"""

import warnings
from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import torch
from transformers import PreTrainedModel

from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.engines.masks import AttentionWindows
from bytelm.engines.protocol import TokenModel
from bytelm.engines.rows import RowsModel
from bytelm.heads import Head
from bytelm.protocol import FloatArray

HALF = (torch.float16, torch.bfloat16)

TRUNK = 8
"""How long the random tree's trunk is, in tokens."""

LONGEST_TRUNK = 64
"""The longest trunk that is grown to reach past an attention window."""

TOLERANCE = 1e-3
"""The largest difference of a right tree in float32, nats."""

HALF_TOLERANCE = 1.0
"""The largest difference of a right tree in half precision, nats."""

COPIED_BELOW = 2**28
"""How many parameters a model may have to be copied into float32: 1 GiB of them."""

Answers = dict[tuple[int, ...], list[FloatArray]]
"""What the tree said after each token sequence, every time it was asked."""


def token_model(
    model: PreTrainedModel, begin: Sequence[int], context: int | None = None
) -> HuggingFaceModel | RowsModel:
    """The fastest engine that is right for ``model``.

    The packed tree if it agrees with full passes on a small random tree; otherwise, with a warning, full
    passes. Attention windows longer than ``LONGEST_TRUNK`` are cut by rule, beyond what the proof reaches.

    Args:
        model: loaded, on its device, in its dtype; put into evaluation mode.
        begin: the ids in front of every head; at least one.
        context: how many tokens the model sees, begin tokens included; its configuration's by default.

    Raises:
        ValueError: ``begin`` is empty or has ids outside the vocabulary, or leaves no room in the context.
    """
    engine = HuggingFaceModel(model, begin, context)
    try:
        tried = _to_prove(model)
        packed, rows = HuggingFaceModel(tried, begin, context), RowsModel(tried, begin, context)
        difference = prove(packed, rows, np.random.default_rng(0), _trunk(tried))
    except Exception as error:  # how an architecture refuses a mask or positions is its own affair
        reason = f"refuses one ({type(error).__name__}: {error})"
    else:
        if difference <= (HALF_TOLERANCE if tried.dtype in HALF else TOLERANCE):
            return engine
        reason = f"is off by {difference:.3g} nats with one"
    warnings.warn(
        f"{type(model).__name__} does not suit a packed tree: it {reason}. So each head runs as a text of "
        "its own: slow, but right",
        stacklevel=2,
    )
    return RowsModel(model, begin, context)


def prove(tree_model: TokenModel, rows_model: TokenModel, rng: np.random.Generator, trunk: int = TRUNK) -> float:
    """The largest difference between two engines' log-probabilities on a small random tree, nats.

    The tree has a trunk, siblings on it, children on some of those while the others are gone, and heads that
    are asked for twice.

    Args:
        tree_model: the engine on trial.
        rows_model: the judge; it sees each token sequence once, as a head of its own.
        rng: draws the tree.
        trunk: the length of the trunk in tokens.
    """
    answers = _grow(tree_model, rng, trunk)
    judged = rows_model.evaluate([_head(tokens) for tokens in answers])
    return max(
        _difference(answer, right) for right, said in zip(judged, answers.values(), strict=True) for answer in said
    )


def _grow(model: TokenModel, rng: np.random.Generator, trunk: int) -> Answers:
    answers: Answers = {}

    def ask(heads: list[Head]) -> list[Head]:
        for head, answer in zip(heads, model.evaluate(heads), strict=True):
            answers.setdefault(head.tokens(), []).append(answer)
        return heads

    def children(parents: list[Head], count: int) -> list[Head]:
        picks = rng.integers(len(parents), size=count)
        return [Head(parents[pick], int(rng.integers(model.vocabulary_size))) for pick in picks]

    stem = [Head()]
    for token in rng.integers(model.vocabulary_size, size=trunk).tolist():
        stem.append(Head(stem[-1], token))
    ask(stem[:1] + stem[trunk // 2 :])
    branches = ask(children(stem, 4) + children(stem[-1:], 2))[::2]
    ask(children(children(branches, 2), 3) + children(branches, 2))
    ask([stem[0], stem[-1], branches[0]])
    return answers


def _head(tokens: tuple[int, ...]) -> Head:
    head = Head()
    for token in tokens:
        head = Head(head, token)
    return head


def _difference(one: FloatArray, other: FloatArray) -> float:
    differ = one != other
    return float(np.abs(one[differ] - other[differ]).max(initial=0.0))


def _trunk(model: PreTrainedModel) -> int:
    window = AttentionWindows.of(model.config.get_text_config()).shortest
    past = TRUNK if window is None else window + TRUNK // 2
    return past if TRUNK < past <= LONGEST_TRUNK else TRUNK


def _to_prove(model: PreTrainedModel) -> PreTrainedModel:
    """The model, or a copy in float32 where its precision is lower and the copy is small."""
    quantized = getattr(model, "is_quantized", False)
    if model.dtype in HALF and model.num_parameters() < COPIED_BELOW and not quantized:
        return deepcopy(model).float()
    return model
