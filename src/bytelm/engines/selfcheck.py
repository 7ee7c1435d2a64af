"""The choice, at load time, of the fastest engine that is right for a model.

Whether an architecture takes attention from outside, or honours a mask over a tree, or goes on rightly from a cache, is
a matter of its code, and some that do not are silently wrong. So no list of names is trusted: a small random tree is
run by one engine after the other, the fastest first, until one says what full passes say:

1. packed trees with attention of our own, lanes side by side (`huggingface.py`);
2. packed trees with the model's own attention, by masks, one lane a pass;
3. branches that go on from copies of the model's own cache (`branches.py`), several rows a pass or one, several tokens
   at once or one, as the model is right about them;
4. every head as a text of its own (`rows.py`).

Half precision hides small errors under its own noise: the right tree of small trained models was off by up
to 0.33 nats in bfloat16 and by 2e-5 in float32, and one that lets siblings see each other by 4 to 15 nats in
both. What is on trial is the architecture's code, not the precision. So small models in half precision are
tried as a copy in float32, and only large ones with the coarse tolerance.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import partial

import numpy as np
import torch
from transformers import PreTrainedModel

from bytelm.engines.branches import POSITIONS, ROWS, BranchesModel
from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.engines.masks import AttentionWindows
from bytelm.engines.proof import TRUNK, Judge, prove
from bytelm.engines.rows import RowsModel

HALF = (torch.float16, torch.bfloat16)

LONGEST_TRUNK = 64
"""The longest trunk that is grown to reach past an attention window."""

TOLERANCE = 1e-3
"""The largest difference of a right engine in float32, nats."""

HALF_TOLERANCE = 1.0
"""The largest difference of a right engine in half precision, nats."""

COPIED_BELOW = 2**28
"""How many parameters a model may have to be copied into float32: 1 GiB of them."""

Engine = HuggingFaceModel | BranchesModel | RowsModel
"""What `token_model` chooses from."""

Maker = Callable[[PreTrainedModel], HuggingFaceModel | BranchesModel]
"""Makes an engine for a model."""


def token_model(
    model: PreTrainedModel, begin: Sequence[int], context: int | None = None, compiled: bool = False
) -> Engine:
    """The fastest engine that is right for ``model``.

    A packed tree if it agrees with full passes on a small random tree; otherwise, with a warning, branches with caches
    of their own, or full passes. Attention windows longer than ``LONGEST_TRUNK`` are cut by rule, beyond what the proof
    reaches.

    Args:
        model: loaded, on its device, in its dtype; put into evaluation mode.
        begin: the ids in front of every head; at least one.
        context: how many tokens the model sees, begin tokens included; its configuration's by default.
        compiled: whether torch compiles the network for a packed tree.

    Raises:
        ValueError: ``begin`` is empty or has ids outside the vocabulary, or leaves no room in the context; or the
            model is to be compiled and cannot be.
    """
    rows = RowsModel(model, begin, context)
    tried = _to_prove(model)
    judge = Judge(RowsModel(tried, begin, context))
    if compiled:
        return _compiled(model, tried, judge, begin, context)
    complaint = "attends in chunks" if _in_chunks(model) else ""
    for make in _candidates(model, begin, context):
        found = _complaint(make, tried, judge)
        if found is None:
            engine = make(model)
            if isinstance(engine, BranchesModel):
                _warn(model, complaint, "each branch has a cache of its own: slower, but right")
            return engine
        complaint = complaint or found
    _warn(model, complaint, "each head runs as a text of its own: slow, but right")
    return rows


def _compiled(
    model: PreTrainedModel, tried: PreTrainedModel, judge: Judge, begin: Sequence[int], context: int | None
) -> HuggingFaceModel:
    """A packed tree in a compiled network."""
    made: list[HuggingFaceModel] = []

    def make(of: PreTrainedModel) -> HuggingFaceModel:
        made.append(HuggingFaceModel(of, begin, context, compiled=True))
        return made[-1]

    found = "attends in chunks" if _in_chunks(model) else _complaint(make, tried, judge)
    if found is not None:
        raise ValueError(f"{type(model).__name__} cannot be compiled as a packed tree: it {found}; load it without")
    return made[0].afresh() if tried is model else make(model)


def _candidates(model: PreTrainedModel, begin: Sequence[int], context: int | None) -> Iterator[Maker]:
    """Makers of all engines but the last, the fastest first."""
    if not _in_chunks(model):
        for masked in (False, True):
            yield partial(HuggingFaceModel, begin=begin, context=context, masked=masked)
    for rows in (ROWS, 1):
        for further in (POSITIONS, 1):
            yield partial(BranchesModel, begin=begin, context=context, rows=rows, further=further)


def _in_chunks(model: PreTrainedModel) -> bool:
    """Whether positions see no further than their chunk: trees do not cut these, and chunks are beyond the proof."""
    return "chunked_attention" in (getattr(model.config.get_text_config(), "layer_types", None) or ())


def _complaint(make: Maker, tried: PreTrainedModel, judge: Judge) -> str | None:
    """What is wrong with an engine; ``None`` if nothing is."""
    try:
        difference = prove(make(tried), judge, np.random.default_rng(0), _trunk(tried))
    except Exception as error:  # how an architecture refuses a mask or positions is its own affair
        said = next(iter(str(error).splitlines()), "")
        return f"refuses one ({type(error).__name__}: {said})"
    if difference <= (HALF_TOLERANCE if tried.dtype in HALF else TOLERANCE):
        return None
    return f"is off by {difference:.3g} nats with one"


def _warn(model: PreTrainedModel, complaint: str, consequence: str) -> None:
    warnings.warn(f"{type(model).__name__} does not suit a packed tree: it {complaint}. So {consequence}", stacklevel=3)


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
