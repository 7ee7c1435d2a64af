"""Networks of transformers with random shapes and weights, and ours with the same weights."""

from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import BltConfig as TheirConfig
from transformers import BltForCausalLM
from transformers.models.blt.modeling_blt import BltRMSNorm

from bytelm.blt.config import BltConfig, HashConfig, StackConfig
from bytelm.blt.model import Blt
from bytelm.blt.patching.options import Patching

WINDOWS = st.none() | st.integers(1, 40)


@st.composite
def stacks(draw: st.DrawFn, head_width: int, heads: int, window: int | None, theta: float) -> StackConfig:
    """A stack of a width that is given by its heads."""
    return StackConfig(
        layers=draw(st.integers(1, 3)),
        width=heads * head_width,
        heads=heads,
        key_value_heads=draw(st.sampled_from([count for count in range(1, heads + 1) if heads % count == 0])),
        hidden=draw(st.integers(1, 40)),
        theta=theta,
        window=window,
        epsilon=draw(st.sampled_from([1e-5, 1e-3])),
    )


@st.composite
def configs(draw: st.DrawFn, patching: Patching | None = None) -> BltConfig:
    """Shapes that transformers has, too."""
    window = draw(WINDOWS)
    local = draw(st.sampled_from([(4, 2), (2, 4), (8, 1)]))
    over_patches = draw(st.sampled_from([(4, 2), (4, 4), (2, 3), (8, 3)]))
    return BltConfig(
        encoder=draw(stacks(*local, window, 500000.0)),
        global_transformer=draw(stacks(*over_patches, None, 500000.0)),
        decoder=draw(stacks(*local, window, 500000.0)),
        entropy=draw(stacks(4, 2, draw(WINDOWS), 10000.0)),
        patching=patching or Patching(),
        hashes=HashConfig(
            sizes=draw(st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple)),
            rows=draw(st.integers(1, 500)),
            functions=draw(st.integers(1, 3)),
        ),
        keys_per_patch=draw(st.integers(1, 4)),
        encoder_cross_attention=draw(st.sampled_from(["last", "restarted"])),
        decoder_cross_attends_everywhere=draw(st.booleans()),
        doubled_residual=True,
        size=draw(st.sampled_from([260, 263])),
    )


def twins(config: BltConfig, seed: int) -> tuple[Blt, BltForCausalLM]:
    """Our network, and theirs, with the same random weights; the entropies differ from byte to byte."""
    torch.manual_seed(seed)
    theirs = BltForCausalLM(described(config)).eval()
    with torch.no_grad():
        theirs.model.patcher.lm_head.weight.mul_(3)
    ours = Blt(config).eval()
    ours.load_state_dict({name.removeprefix("model."): value for name, value in theirs.state_dict().items()})
    return ours, theirs


def exact_twins(config: BltConfig, seed: int) -> tuple[Blt, BltForCausalLM]:
    """The same in float64, for which their norms, that always compute in float32, are those of torch.

    Some random networks blow up what float32 rounds off; so in float32 one cannot tell a small mistake from none.
    """
    ours, theirs = twins(config, seed)
    for part in list(theirs.modules()):
        for name, norm in part.named_children():
            if isinstance(norm, BltRMSNorm):
                setattr(part, name, _norm(norm))
    return ours.double(), theirs.double()


def _norm(norm: BltRMSNorm) -> nn.RMSNorm:
    found = nn.RMSNorm(len(norm.weight), norm.variance_epsilon)
    found.weight = norm.weight
    return found


def described(config: BltConfig) -> TheirConfig:
    """The same shape in their words."""
    assert config.entropy is not None
    crossing = {"cross_attn_k": config.keys_per_patch, "hidden_size_global": config.global_transformer.width}
    return TheirConfig(
        vocab_size=config.size,
        patcher_config={**_stack(config.entropy, config.size), "sliding_window": config.entropy.window},
        encoder_config={
            **_stack(config.encoder, config.size),
            **crossing,
            "cross_attn_all_layers": config.encoder_cross_attention == "restarted",
        },
        decoder_config={
            **_stack(config.decoder, config.size),
            **crossing,
            "cross_attn_all_layers": config.decoder_cross_attends_everywhere,
        },
        global_config=_stack(config.global_transformer, None),
        local_attention_window_len=config.encoder.window,
        cross_attn_k=config.keys_per_patch,
        encoder_hash_byte_group_size=list(config.hashes.sizes),
        encoder_hash_byte_group_vocab=config.hashes.rows,
        encoder_hash_byte_group_nb_functions=config.hashes.functions,
        patching_threshold=config.patching.threshold,
        max_patch_length=config.patching.longest,
    )


def _stack(config: StackConfig, size: int | None) -> dict[str, Any]:
    return {
        "num_hidden_layers": config.layers,
        "hidden_size": config.width,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.key_value_heads,
        "intermediate_size": config.hidden,
        "rms_norm_eps": config.epsilon,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.theta},
        **({} if size is None else {"vocab_size": size}),
    }


@torch.no_grad()
def their_logits(theirs: BltForCausalLM, ids: Tensor, starts: NDArray[np.bool_] | None = None) -> Tensor:
    """Their logits, cut by their entropies, or where patches of one row start, bool ``(n + 1,)``."""
    lengths = None
    if starts is not None:
        lengths = torch.from_numpy(np.diff([*np.flatnonzero(starts), len(starts)]))[None]
    found: Tensor = theirs(ids, patch_lengths=lengths, use_cache=False).logits
    return found
