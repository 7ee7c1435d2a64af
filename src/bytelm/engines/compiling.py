"""A network compiled by torch, with the attention of our passes as one opaque operation in it.

Between two attentions a network is plain arithmetic on all positions of a pass, and `torch.compile` makes fewer and
larger operations of it. What a position sees changes from pass to pass and would be compiled anew each time; so the
compiled network hands queries, keys and values to an operator of ours, which looks up the running pass as ever.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from transformers import AttentionInterface, Cache, PreTrainedModel

from bytelm.engines.attention import running_pass

NAME = "bytelm_compiled_tree"
"""What this attention is called in transformers."""

OPERATOR = "bytelm::tree_attention"

Compiled = Callable[..., torch.Tensor]
"""From ids ``(1, k)``, positions ``(1, k)`` and wanted places ``(w,)`` to logits ``(1, w, vocabulary_size)``; and from
``suffix_rows=`` ``(1, k)``, where the network takes such."""


class Uncached(Cache):  # type: ignore[misc]
    """Stands in for a cache: the operator keeps keys and values itself."""

    def __init__(self) -> None:
        super().__init__(layers=[])

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The new keys and values alone."""
        return key_states, value_states

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """0: positions are given, and nothing else may depend on it."""
        return 0


def compiled(model: PreTrainedModel) -> Compiled:
    """The network as one compiled function, for as many positions and wanted places as come.

    Nothing is compiled yet: that happens with the first call, once more with the first one that has several positions,
    and with the first that wants several.
    """
    cache = Uncached()

    def forward(
        tokens: torch.Tensor, positions: torch.Tensor, wanted: torch.Tensor, suffix_rows: torch.Tensor | None = None
    ) -> torch.Tensor:
        inputs: dict[str, Any] = {"input_ids": tokens, "position_ids": positions, "logits_to_keep": wanted}
        if suffix_rows is not None:
            inputs["suffix_rows"] = suffix_rows
        outputs = model(**inputs, past_key_values=cache, use_cache=True)
        logits: torch.Tensor = outputs.logits
        return logits.float()

    # What is compiled is kept by code object, and only so many times for each: every network needs one of its own.
    own = FunctionType(
        forward.__code__.replace(co_name=f"forward_of_{id(cache):x}"),
        forward.__globals__,
        argdefs=forward.__defaults__,
        closure=forward.__closure__,
    )
    function: Compiled = torch.compile(own, dynamic=True)
    return function


def compiled_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of the running pass, as transformers calls it while it is compiled."""
    return torch.ops.bytelm.tree_attention(query, key, value, module.layer_idx, sliding_window, scaling), None


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layer: int,
    window: int | None,
    scaling: float | None,
) -> torch.Tensor:
    step = running_pass()
    step.update(key, value, layer)
    return step.attend(layer, query, window, scaling, None).contiguous()


def _shaped(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any) -> torch.Tensor:
    """A tensor of the shape that `_attend` returns."""
    return query.new_empty((1, query.shape[2], query.shape[1], value.shape[3]))


torch.library.define(
    OPERATOR, "(Tensor query, Tensor key, Tensor value, int layer, int? window, float? scaling) -> Tensor"
)
torch.library.impl(OPERATOR, "default", _attend)
torch.library.register_fake(OPERATOR, _shaped)
AttentionInterface.register(NAME, compiled_attention)
