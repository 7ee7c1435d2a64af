"""The parts that all stacks are made of: pre-norm blocks without biases.

Parameters have the names of transformers' `BltForCausalLM`. Shapes: R rows, N positions, W width, H heads of queries,
K heads of keys and values, D head width.
"""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from bytelm.blt.attention import Attend
from bytelm.blt.config import StackConfig
from bytelm.blt.norms import RMSNorm
from bytelm.blt.rotary import Rotary, Rotation


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020, "GLU Variants Improve Transformer")."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = linear(width, hidden)
        self.up_proj = linear(width, hidden)
        self.down_proj = linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return found


class Projections(nn.Module):
    """From states to queries, keys and values of several heads, and back; attention comes between."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self._head_width = config.head_width
        small = config.key_value_heads * config.head_width
        self.q_proj = linear(config.width, config.width)
        self.k_proj = linear(config.width, small)
        self.v_proj = linear(config.width, small)
        self.o_proj = linear(config.width, config.width)

    def queries(self, x: Tensor) -> Tensor:
        """``(…, W)`` to ``(…, H, D)``."""
        found: Tensor = self.q_proj(x).unflatten(-1, (-1, self._head_width))
        return found

    def keys(self, x: Tensor) -> Tensor:
        """``(…, W)`` to ``(…, K, D)``."""
        found: Tensor = self.k_proj(x).unflatten(-1, (-1, self._head_width))
        return found

    def values(self, x: Tensor) -> Tensor:
        """``(…, W)`` to ``(…, K, D)``."""
        found: Tensor = self.v_proj(x).unflatten(-1, (-1, self._head_width))
        return found

    def joined(self, found: Tensor) -> Tensor:
        """``(…, H, D)`` to ``(…, W)``."""
        joined: Tensor = self.o_proj(found.flatten(-2))
        return joined


class CrossAttention(Projections):
    """The projections of a cross-attention with its norms; no rotary embeddings."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__(config)
        self.q_norm = RMSNorm(config.width, config.epsilon)
        self.k_norm = RMSNorm(config.width, config.epsilon)


class Block(nn.Module):
    """Self-attention and a feed-forward network, each behind a norm."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.self_attn = Projections(config)
        self.mlp = FeedForward(config.width, config.hidden)
        self.input_layernorm = RMSNorm(config.width, config.epsilon)
        self.post_attention_layernorm = RMSNorm(config.width, config.epsilon)

    def forward(self, x_RNW: Tensor, layer: int, rotate: Rotation, attend: Attend) -> Tensor:
        normed = self.input_layernorm(x_RNW)
        own = self.self_attn
        query, key = rotate(own.queries(normed)), rotate(own.keys(normed))
        x_RNW = x_RNW + own.joined(attend(layer, query, key, own.values(normed)))
        found: Tensor = x_RNW + self.mlp(self.post_attention_layernorm(x_RNW))
        return found


class Stack(nn.Module):
    """Blocks one behind the other, and the rotations of their positions."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.rotary = Rotary(config.head_width, config.theta)

    def run(self, x_RNW: Tensor, rotate: Rotation, attend: Attend) -> Tensor:
        """The states behind the last block."""
        for layer, block in enumerate(self.layers):
            x_RNW = block(x_RNW, layer, rotate, attend)
        return x_RNW


def linear(fan_in: int, fan_out: int) -> nn.Linear:
    """A matrix without a bias."""
    return nn.Linear(fan_in, fan_out, bias=False)


def initialize(module: nn.Module) -> None:
    """Draw the weights of a module anew; see ``draw``."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding | nn.RMSNorm):
            draw(part, part.weight)


def draw(part: nn.Module, weight: Tensor) -> None:
    """Draw the weights of one layer: truncated normal, of standard deviation ``1 / sqrt(fan in)`` (section 4.8).

    Embeddings take their width for the fan-in; norms begin at one.

    Args:
        part: a matrix, an embedding or a norm.
        weight: what is filled, of the shape of its weights (mutates).
    """
    if isinstance(part, nn.RMSNorm):
        nn.init.ones_(weight)
        return
    assert isinstance(part, nn.Linear | nn.Embedding), f"a {type(part).__name__} has no weights to draw"
    deviation = 1 / math.sqrt(weight.shape[1])
    nn.init.trunc_normal_(weight, std=deviation, a=-3 * deviation, b=3 * deviation)
