"""Byte models that also see the longest subword token that ends at each byte, as transformers knows models.

A position's input is the embedding of its id plus that of a row of ``model.expand_embed_tokens``: the input embeddings
of the subword model that the byte model was made of. Which row is for the automaton of `suffixes.py` to say. Everything
else is the stock architecture.

Nothing else of bytelm is needed: this file is copied beside exported checkpoints.
"""

from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma2Model,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    Gemma3TextModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaModel,
    MistralConfig,
    MistralForCausalLM,
    MistralModel,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2Model,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
)

from .suffixes import SuffixAutomaton


def suffix_rows_of(
    automaton: SuffixAutomaton, ids: torch.Tensor, attention_mask: torch.Tensor | None = None
) -> torch.Tensor:
    """The row of every position, int64 like ``ids`` ``(batch, positions)``, found on the CPU.

    Args:
        automaton: of the model.
        ids: each row a text from its beginning.
        attention_mask: of the same shape, 0 at padding, which no token reaches across; masks of other shapes say
            nothing of padding.
    """
    numbers = ids.detach().cpu().numpy().astype(np.int64)
    if isinstance(attention_mask, torch.Tensor) and attention_mask.shape == ids.shape:
        numbers = np.where(attention_mask.detach().cpu().numpy() != 0, numbers, -1)
    return torch.from_numpy(automaton.rows(numbers)).to(ids.device)


class SuffixBody:
    """Mixed into a model without its output layer: the sum of both embeddings."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)  # type: ignore[call-arg]  # the architecture's, which comes behind
        self.suffixes: SuffixAutomaton | None = None
        if config.expand_input_ids:
            self.suffixes = _automaton(config)
            self.expand_embed_tokens = nn.Embedding(config.expand_input_ids_vocab_size, config.hidden_size)
            self.post_init()  # type: ignore[attr-defined]

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: torch.Tensor | None = None,
        use_cache: bool | None = None,
        suffix_rows: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """See the architecture.

        Args:
            suffix_rows: int64, of the shape of ``input_ids``: which row is added at each position. Without them, and
                where nothing is cached, each row of ``input_ids`` is read as a text from its beginning. To
                ``inputs_embeds`` nothing is added.

        Raises:
            ValueError: the rows are missing where something is cached, or have another shape than ``input_ids``.
        """
        if self.suffixes is not None and input_ids is not None and inputs_embeds is None:
            if suffix_rows is None:
                if past_key_values is not None and past_key_values.get_seq_length() > 0:
                    raise ValueError(
                        "the suffix embeddings of ids that go on from a cache depend on what was cached: give "
                        "suffix_rows=, of the shape of input_ids, or the whole text without a cache"
                    )
                suffix_rows = suffix_rows_of(self.suffixes, input_ids, attention_mask)
            elif suffix_rows.shape != input_ids.shape:
                raise ValueError(
                    f"suffix_rows has the shape {tuple(suffix_rows.shape)}; expected that of input_ids, "
                    f"{tuple(input_ids.shape)}"
                )
            inputs_embeds, input_ids = self._embedded(input_ids, suffix_rows), None
        return super().forward(  # type: ignore[misc]
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            **kwargs,
        )

    def _embedded(self, input_ids: torch.Tensor, suffix_rows: torch.Tensor) -> torch.Tensor:
        of_ids: torch.Tensor = self.embed_tokens(input_ids)  # type: ignore[attr-defined]
        of_suffixes: torch.Tensor = self.expand_embed_tokens(suffix_rows.to(self.expand_embed_tokens.weight.device))
        scale = getattr(self.embed_tokens, "embed_scale", None)  # type: ignore[attr-defined]
        if scale is not None:  # Gemma scales what it looks up, by the root of the width
            of_suffixes = of_suffixes * scale.to(of_suffixes)
        return of_ids + of_suffixes.to(of_ids)


class SuffixCausalLM:
    """Mixed into a causal language model: a body with suffix embeddings, and their rows in generation.

    Attributes:
        body: the class of the body.
    """

    body: type[PreTrainedModel]

    def __init__(self, config: Any) -> None:
        PreTrainedModel.__init__(self, config)
        self.model = self.body(config)
        self.vocab_size = config.vocab_size
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()  # type: ignore[attr-defined]

    @property
    def suffixes(self) -> SuffixAutomaton | None:
        """What says which row each position gets; ``None`` for a model without suffix embeddings."""
        found: SuffixAutomaton | None = self.model.suffixes
        return found

    def prepare_inputs_for_generation(
        self, input_ids: torch.Tensor, *args: Any, attention_mask: torch.Tensor | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """What a step of ``generate`` is called with: the architecture's, and the rows of the ids in it."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(  # type: ignore[misc]
            input_ids, *args, attention_mask=attention_mask, **kwargs
        )
        new = inputs.get("input_ids")
        if self.suffixes is not None and new is not None:
            # A row depends on no more than the longest entry; ids before the text's beginning have no part in it.
            seen = input_ids[:, -(new.shape[1] + self.suffixes.longest - 1) :]
            mask = attention_mask
            if isinstance(mask, torch.Tensor) and mask.shape == input_ids.shape:
                mask = mask[:, -seen.shape[1] :]
            inputs["suffix_rows"] = suffix_rows_of(self.suffixes, seen, mask)[:, -new.shape[1] :]
        return inputs


def _automaton(config: Any) -> SuffixAutomaton:
    """The automaton that a configuration describes."""
    for name in ("expand_input_ids_maxlen", "expand_input_ids_vocab_size", "expand_input_ids_dict"):
        if getattr(config, name, None) is None:
            raise ValueError(
                f"the configuration has expand_input_ids but no {name}; config.json needs expand_input_ids_maxlen, "
                "expand_input_ids_vocab_size and expand_input_ids_dict, or expand_input_ids false"
            )
    found = SuffixAutomaton.from_config(config.expand_input_ids_dict, config.expand_input_ids_maxlen)
    if found.highest >= config.expand_input_ids_vocab_size:
        raise ValueError(
            f"expand_input_ids_dict names row {found.highest}, but expand_input_ids_vocab_size is "
            f"{config.expand_input_ids_vocab_size}"
        )
    return found


class TPULlamaConfig(LlamaConfig):  # type: ignore[misc]
    """Llama with suffix embeddings."""

    model_type = "tpu_llama"
    expand_input_ids: bool = False
    expand_input_ids_maxlen: int | None = None
    expand_input_ids_vocab_size: int | None = None
    expand_input_ids_dict: list[Any] | None = None


class TPULlamaModel(SuffixBody, LlamaModel):  # type: ignore[misc]
    config_class = TPULlamaConfig
    config: TPULlamaConfig


class TPULlamaForCausalLM(SuffixCausalLM, LlamaForCausalLM):  # type: ignore[misc]
    config_class = TPULlamaConfig
    config: TPULlamaConfig
    body = TPULlamaModel


class TPUGemma2Config(Gemma2Config):  # type: ignore[misc]
    """Gemma 2 with suffix embeddings."""

    model_type = "tpu_gemma2"
    expand_input_ids: bool = False
    expand_input_ids_maxlen: int | None = None
    expand_input_ids_vocab_size: int | None = None
    expand_input_ids_dict: list[Any] | None = None


class TPUGemma2Model(SuffixBody, Gemma2Model):  # type: ignore[misc]
    config_class = TPUGemma2Config
    config: TPUGemma2Config


class TPUGemma2ForCausalLM(SuffixCausalLM, Gemma2ForCausalLM):  # type: ignore[misc]
    config_class = TPUGemma2Config
    config: TPUGemma2Config
    body = TPUGemma2Model


class ByteifiedMistralConfig(MistralConfig):  # type: ignore[misc]
    """Mistral with suffix embeddings."""

    model_type = "byteified_mistral"
    expand_input_ids: bool = False
    expand_input_ids_maxlen: int | None = None
    expand_input_ids_vocab_size: int | None = None
    expand_input_ids_dict: list[Any] | None = None


class ByteifiedMistralModel(SuffixBody, MistralModel):  # type: ignore[misc]
    config_class = ByteifiedMistralConfig
    config: ByteifiedMistralConfig


class ByteifiedMistralForCausalLM(SuffixCausalLM, MistralForCausalLM):  # type: ignore[misc]
    config_class = ByteifiedMistralConfig
    config: ByteifiedMistralConfig
    body = ByteifiedMistralModel


class ByteifiedQwen2Config(Qwen2Config):  # type: ignore[misc]
    """Qwen 2 with suffix embeddings."""

    model_type = "byteified_qwen2"
    expand_input_ids: bool = False
    expand_input_ids_maxlen: int | None = None
    expand_input_ids_vocab_size: int | None = None
    expand_input_ids_dict: list[Any] | None = None


class ByteifiedQwen2Model(SuffixBody, Qwen2Model):  # type: ignore[misc]
    config_class = ByteifiedQwen2Config
    config: ByteifiedQwen2Config


class ByteifiedQwen2ForCausalLM(SuffixCausalLM, Qwen2ForCausalLM):  # type: ignore[misc]
    config_class = ByteifiedQwen2Config
    config: ByteifiedQwen2Config
    body = ByteifiedQwen2Model


class ByteifiedQwen3Config(Qwen3Config):  # type: ignore[misc]
    """Qwen 3 with suffix embeddings."""

    model_type = "byteified_qwen3"
    expand_input_ids: bool = False
    expand_input_ids_maxlen: int | None = None
    expand_input_ids_vocab_size: int | None = None
    expand_input_ids_dict: list[Any] | None = None


class ByteifiedQwen3Model(SuffixBody, Qwen3Model):  # type: ignore[misc]
    config_class = ByteifiedQwen3Config
    config: ByteifiedQwen3Config


class ByteifiedQwen3ForCausalLM(SuffixCausalLM, Qwen3ForCausalLM):  # type: ignore[misc]
    config_class = ByteifiedQwen3Config
    config: ByteifiedQwen3Config
    body = ByteifiedQwen3Model


class ByteifiedGemma3TextConfig(Gemma3TextConfig):  # type: ignore[misc]
    """Gemma 3 with suffix embeddings."""

    model_type = "byteified_gemma3_text"
    expand_input_ids: bool = False
    expand_input_ids_maxlen: int | None = None
    expand_input_ids_vocab_size: int | None = None
    expand_input_ids_dict: list[Any] | None = None


class ByteifiedGemma3TextModel(SuffixBody, Gemma3TextModel):  # type: ignore[misc]
    config_class = ByteifiedGemma3TextConfig
    config: ByteifiedGemma3TextConfig


class ByteifiedGemma3TextForCausalLM(SuffixCausalLM, Gemma3ForCausalLM):  # type: ignore[misc]
    config_class = ByteifiedGemma3TextConfig
    config: ByteifiedGemma3TextConfig
    body = ByteifiedGemma3TextModel
