"""A transformers causal language model, as the engines call it."""

import inspect
import sys
from typing import Any

import numpy as np
import torch
from transformers import AttentionInterface, PretrainedConfig, PreTrainedModel

from bytelm.engines import compiling
from bytelm.engines.attention import NAME, Attention, TreePass, running
from bytelm.engines.masks import Mask
from bytelm.engines.protocol import Logits
from bytelm.engines.states import State
from bytelm.engines.suffixes import Suffixes
from bytelm.engines.windows import UNLIMITED

LOGITS_BYTES = 64 * 2**20
"""How much memory the float32 logits of one pass may take."""


REMEMBERED = ("past_key_values", "cache_params", "state")
"""What architectures call that which they are given to go on from."""

STORED = "_attn_implementation_internal"
"""Where configurations store the name of the attention."""

MASKLESS = ("flash", "flex", "paged", "kernels")
"""How the names of attention begin that takes no additive mask."""


class Network:
    """Calls the model for the logits of chosen positions.

    Attributes:
        config: the configuration of its language model.
        context: how many tokens it takes; ``UNLIMITED`` where its configuration sets no bound.
        vocabulary_size: how many logits each position has.
        dtype: the type it computes in.
        device: where its inputs go.
        attention: the name of the attention that it was loaded with.
        suffixes: what says which rows it takes besides tokens; ``None`` for one that takes tokens alone.
        most_logits: how many positions' logits fit into ``LOGITS_BYTES``, at least one.
    """

    def __init__(self, model: PreTrainedModel, compiled: bool = False) -> None:
        """Puts ``model`` into evaluation mode.

        Raises:
            ValueError: it is to be compiled, and has attention of its own, or hands out no chosen logits.
        """
        self.config: PretrainedConfig = model.config.get_text_config()
        self.context = context_of(self.config)
        self.vocabulary_size: int = self.config.vocab_size
        self.most_logits: int = max(1, LOGITS_BYTES // (4 * self.vocabulary_size))
        self.dtype: torch.dtype = model.dtype
        self.device: torch.device = model.device
        self._model = model.eval()
        self.attention: str = self.config._attn_implementation or "eager"
        self.suffixes: Suffixes | None = getattr(model, "suffixes", None)
        takes = inspect.signature(model.forward).parameters
        self._keeps = "logits_to_keep" in takes
        self._scattered = len({parameter.device for parameter in model.parameters()}) > 1
        self._remembers = next((name for name in REMEMBERED if name in takes), None)
        self._compiled: compiling.Compiled | None = None
        if compiled:
            if self.own_attention is not None or not self._keeps:
                raise ValueError(
                    f"{type(model).__name__} does more in its attention than a compiled pass can take over"
                )
            self._compiled = compiling.compiled(model)

    @property
    def own_attention(self) -> Attention | None:
        """Its attention, where that may do more than scaled products; ``None`` where it does not.

        Kernels that take no mask of ours are stood in for by the slow attention that its module defines, or that of a
        class it is made of.
        """
        if self.attention == "sdpa":
            return None
        modules = (sys.modules[of.__module__] for of in type(self._model).__mro__)
        defined = (getattr(module, "eager_attention_forward", None) for module in modules)
        slow: Attention | None = next((found for found in defined if found is not None), None)
        if self.attention.startswith(MASKLESS):
            return slow
        found: Attention | None = AttentionInterface().get(self.attention, slow)
        return found

    def packed(
        self,
        tokens: list[int],
        positions: list[int],
        step: TreePass,
        wanted: list[int],
        suffix_rows: list[int] | None = None,
    ) -> torch.Tensor:
        """Runs new positions of some lanes; their keys and values go where ``step`` says.

        Args:
            tokens: ``k`` ids.
            positions: ``k`` places in their texts.
            step: what they see.
            wanted: which of the new positions' logits are needed.
            suffix_rows: ``k`` rows, where the network takes such.

        Returns:
            Logits, float32 ``(len(wanted), vocabulary_size)``.
        """
        given = self._row([tokens, positions] if suffix_rows is None else [tokens, positions, suffix_rows])
        ids, places = given[:1], given[1:2]
        beside = {} if suffix_rows is None else {"suffix_rows": given[2:]}
        keep = self._chosen(wanted)
        self._attend_by(NAME if self._compiled is None else compiling.NAME)
        try:
            with torch.inference_mode(), running(step):
                if self._compiled is not None:
                    return self._compiled(ids, places, keep, **beside)[0]
                inputs = {"input_ids": ids, "position_ids": places, "past_key_values": step, "use_cache": True}
                return self._logits(inputs | beside, keep)[0]
        finally:
            self._attend_by(self.attention)

    def masked(
        self,
        tokens: list[int],
        positions: list[int],
        mask: Mask,
        step: TreePass,
        wanted: list[int],
        suffix_rows: list[int] | None = None,
    ) -> torch.Tensor:
        """The same for one lane, by the network's own attention and a mask of what each new position sees."""
        inputs: dict[str, Any] = {
            "input_ids": self._row([tokens]),
            "position_ids": self._row([positions]),
            "attention_mask": mask,
            "past_key_values": step,
            "use_cache": True,
        }
        if suffix_rows is not None:
            inputs["suffix_rows"] = self._row([suffix_rows])
        with torch.inference_mode():
            return self._logits(inputs, self._chosen(wanted))[0]

    def handed(self, logits: torch.Tensor) -> Logits:
        """Logits as the engines hand them on: in main memory where the network is there, else on its device."""
        return logits.numpy() if logits.device.type == "cpu" else logits

    @torch.inference_mode()
    def last_of_rows(self, rows: list[list[int]]) -> torch.Tensor:
        """Runs whole texts side by side, without a cache, padded on the right.

        Returns:
            The logits behind each text's last token, float32 ``(len(rows), vocabulary_size)``.
        """
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        longest = max(map(len, rows))
        padded = [row + [0] * (longest - len(row)) for row in rows]
        inputs: dict[str, Any] = {
            "input_ids": torch.tensor(padded, device=self.device),
            "attention_mask": (torch.arange(longest, device=self.device) < lengths[:, None]).long(),
            "use_cache": False,
        }
        ends, which = torch.unique(lengths - 1, return_inverse=True)
        return self._logits(inputs, ends)[torch.arange(len(rows), device=self.device), which]

    def continued(self, rows: list[list[int]], state: State, wanted: list[int]) -> tuple[torch.Tensor, State]:
        """Runs rows that go on from what the network remembers.

        Args:
            rows: equally many ids each.
            state: what it remembers of each row's text, changed by the call; ``None`` where they begin.
            wanted: which of the new positions' logits are needed.

        Returns:
            Logits, float32 ``(len(rows), len(wanted), vocabulary_size)``, and what it remembers now.

        Raises:
            ValueError: the network remembers nothing.
        """
        if self._remembers is None:
            raise ValueError(f"{type(self._model).__name__} takes nothing to go on from")
        inputs = {"input_ids": torch.tensor(rows, device=self.device), "use_cache": True}
        if state is not None:
            inputs[self._remembers] = state
        with torch.inference_mode():
            logits, outputs = self._called(inputs, self._chosen(wanted))
        return logits, outputs[self._remembers]

    def _attend_by(self, name: str) -> None:
        """Names the attention that the network looks up from now on."""
        stored = vars(self.config)
        if STORED in stored:  # the property checks, and sets, far more than a pass has time for
            stored[STORED] = name
        else:
            self.config._attn_implementation = name

    def _row(self, numbers: list[list[int]]) -> torch.Tensor:
        return torch.from_numpy(np.array(numbers, dtype=np.int64)).to(self.device)

    def _chosen(self, places: list[int]) -> torch.Tensor:
        """Indices, in main memory where layers stand on several devices: those may index tensors on any."""
        return torch.tensor(places) if self._scattered else self._row([places])[0]

    def _logits(self, inputs: dict[str, Any], keep: torch.Tensor) -> torch.Tensor:
        """Float32 logits ``(batch, len(keep), vocabulary_size)`` at positions ``keep``."""
        return self._called(inputs, keep)[0]

    def _called(self, inputs: dict[str, Any], keep: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """The same, and all that the model says."""
        if self._keeps:
            outputs = self._model(**inputs, logits_to_keep=keep)
            logits = outputs.logits
        else:
            outputs = self._model(**inputs)
            logits = outputs.logits[:, keep]
        assert logits.shape[1:] == (len(keep), self.vocabulary_size)
        return logits.float(), outputs


def context_of(config: PretrainedConfig) -> int:
    """How many tokens a network of this configuration takes.

    "longrope" has two sets of frequencies and picks one by the length of the call, so that a cache filled on
    one side of its border is wrong on the other, and neighbours in a batch change each other's answers: such
    networks stay below the border.
    """
    rope = getattr(config, "rope_parameters", None)
    if rope and rope.get("rope_type") == "longrope":
        return int(rope["original_max_position_embeddings"])
    limit: int | None = getattr(config, "max_position_embeddings", None)
    return UNLIMITED if limit is None or limit < 1 else limit
