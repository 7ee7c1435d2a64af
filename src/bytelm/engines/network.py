"""A transformers causal language model, as the engines call it."""

import inspect
from typing import Any

import numpy as np
import torch
from transformers import Cache, PretrainedConfig, PreTrainedModel

from bytelm.engines.masks import Mask
from bytelm.engines.windows import UNLIMITED
from bytelm.protocol import FloatArray

LOGITS_BYTES = 64 * 2**20
"""How much memory the float32 logits of one pass may take."""


class Network:
    """Calls the model for the logits of chosen positions; puts it into evaluation mode.

    Attributes:
        config: the configuration of its language model.
        context: how many tokens it takes; ``UNLIMITED`` where its configuration sets no bound.
        vocabulary_size: how many logits each position has.
        most_logits: how many positions' logits fit into ``LOGITS_BYTES``, at least one.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self.config: PretrainedConfig = model.config.get_text_config()
        self.context = context_of(self.config)
        self.vocabulary_size: int = self.config.vocab_size
        self.most_logits: int = max(1, LOGITS_BYTES // (4 * self.vocabulary_size))
        self._model = model.eval()
        self._keeps = "logits_to_keep" in inspect.signature(model.forward).parameters

    @property
    def dtype(self) -> torch.dtype:
        """The type the network computes in."""
        dtype: torch.dtype = self._model.dtype
        return dtype

    @property
    def device(self) -> torch.device:
        """Where its inputs go."""
        device: torch.device = self._model.device
        return device

    @torch.inference_mode()
    def packed(
        self, tokens: list[int], positions: list[int], mask: Mask, cache: Cache, wanted: list[int]
    ) -> torch.Tensor:
        """Runs new positions of a tree behind the cached ones; appends their keys and values to ``cache``.

        Args:
            tokens: ``k`` ids.
            positions: ``k`` places in the text.
            mask: what each new position sees, cached ones first.
            cache: the keys and values so far.
            wanted: which of the new positions' logits are needed.

        Returns:
            Logits, float32 ``(len(wanted), vocabulary_size)``.
        """
        inputs: dict[str, Any] = {
            "input_ids": torch.tensor([tokens], device=self.device),
            "position_ids": torch.tensor([positions], device=self.device),
            "attention_mask": mask,
            "past_key_values": cache,
            "use_cache": True,
        }
        return self._logits(inputs, torch.tensor(wanted, dtype=torch.long, device=self.device))[0]

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

    def _logits(self, inputs: dict[str, Any], keep: torch.Tensor) -> torch.Tensor:
        """Float32 logits ``(batch, len(keep), vocabulary_size)`` at positions ``keep``."""
        if self._keeps:
            logits = self._model(**inputs, logits_to_keep=keep).logits
        else:
            logits = self._model(**inputs).logits[:, keep]
        assert logits.shape[1:] == (len(keep), self.vocabulary_size)
        upcast: torch.Tensor = logits.float()
        return upcast


@torch.inference_mode()
def normalised(logits: torch.Tensor) -> FloatArray:
    """Log-probabilities, float64 ``(vocabulary_size,)`` in nats, of one row of logits.

    Raises:
        FloatingPointError: the logits hold no distribution: one is not a number, or infinite.
    """
    logprobs: FloatArray = torch.log_softmax(logits.double(), dim=-1).cpu().numpy()
    if np.isnan(logprobs.sum()):
        raise FloatingPointError("the model's logits hold NaN or infinity; half precision may have overflowed")
    return logprobs


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
