"""The model (a small Llama), its loss and its optimizers."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from .recipe import Recipe
from .tokenizers import token_id


def build_model(recipe: Recipe, tokenizer: Tokenizer) -> LlamaForCausalLM:
    """A freshly initialised Llama with tied embeddings; weights in float32."""
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=recipe.hidden,
        num_hidden_layers=recipe.layers,
        intermediate_size=recipe.intermediate,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=recipe.context,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        bos_token_id=token_id(tokenizer, recipe.begin),
        eos_token_id=token_id(tokenizer, recipe.end),
        pad_token_id=None,
    )
    model = LlamaForCausalLM(config)
    _shrink_residual_writers(model, recipe.layers)
    return model


def _shrink_residual_writers(model: LlamaForCausalLM, layers: int) -> None:
    """Scale what writes to the residual stream by 1/sqrt(2 * layers), as GPT-2 does."""
    for name, parameter in model.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            parameter.data.mul_(1 / math.sqrt(2 * layers))


class NextTokenLoss(nn.Module):
    """Mean negative log-likelihood (nats a token) of the last ``context`` ids of each window."""

    def __init__(self, model: LlamaForCausalLM) -> None:
        super().__init__()
        self.model = model

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """``windows``: int64 ids of shape (batch, context + 1); the result is a float32 scalar."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = self.model.model(input_ids=windows[:, :-1], use_cache=False).last_hidden_state
            logits = self.model.lm_head(hidden)
        return F.cross_entropy(logits.float().flatten(0, 1), windows[:, 1:].flatten())


def build_optimizers(model: LlamaForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the inner matrices, AdamW for the rest; weight decay on the inner matrices only."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        inner = parameter.ndim == 2 and "embed_tokens" not in name
        (matrices if inner else others).append(parameter)
    muon = torch.optim.Muon(
        matrices,
        lr=recipe.matrix_rate,
        weight_decay=recipe.weight_decay,
        momentum=0.95,
        adjust_lr_fn="match_rms_adamw",
    )
    adamw = torch.optim.AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    return [muon, adamw]


WARM_UP = 0.02
"""Share of the run in which the learning rate rises."""

PLATEAU_END = 0.4
"""Share of the run after which the learning rate falls in a straight line, to (nearly) nothing."""


def rate_factor(progress: float) -> float:
    """What the peak learning rate is multiplied with at ``progress`` (0 to 1) of the run."""
    if progress < WARM_UP:
        return 0.02 + 0.98 * progress / WARM_UP
    if progress < PLATEAU_END:
        return 1.0
    return max(0.01, (1 - progress) / (1 - PLATEAU_END))
