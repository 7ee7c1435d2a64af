"""Plain byte transformers with random weights, and what they say, computed in the obvious way."""

import numpy as np
import torch
from hypothesis import strategies as st

from bytelm.blt.config import StackConfig
from bytelm.blt.layers import initialize
from bytelm.blt.vocabulary import EOS, OFFSET, SIZE, document
from bytelm.protocol import FloatArray
from bytelm.training.networks import ByteTransformer

FULL = StackConfig(layers=2, width=24, heads=6, key_value_heads=2, hidden=40, theta=10000.0)
WINDOWED = StackConfig(layers=2, width=24, heads=6, key_value_heads=3, hidden=40, window=9, epsilon=1e-6)


@st.composite
def stacks(draw: st.DrawFn) -> StackConfig:
    heads = draw(st.integers(1, 4))
    return StackConfig(
        layers=draw(st.integers(1, 2)),
        width=heads * draw(st.sampled_from([12, 14, 16])),
        heads=heads,
        key_value_heads=draw(st.sampled_from([count for count in range(1, heads + 1) if heads % count == 0])),
        hidden=draw(st.integers(1, 20)),
        theta=draw(st.sampled_from([100.0, 500000.0])),
        window=draw(st.none() | st.integers(1, 12)),
        epsilon=draw(st.sampled_from([1e-5, 1e-3])),
    )


def network(config: StackConfig, seed: int = 0) -> ByteTransformer:
    made = ByteTransformer(config, SIZE)
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(seed)
        initialize(made)
        for name, parameter in made.named_parameters():
            if "norm" in name:
                torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return made.requires_grad_(False).eval()


def distributions(made: ByteTransformer, data: bytes) -> FloatArray:
    """The log-probabilities of the symbol behind each prefix, nats, ``(len(data) + 1, 257)``: of bytes and of EOS."""
    logits = made(torch.from_numpy(document(data)[None]))[0].double()
    kept = torch.cat([logits[:, OFFSET:SIZE], logits[:, EOS : EOS + 1]], dim=1)
    found: FloatArray = kept.log_softmax(-1).numpy()
    return found


def logprobs(made: ByteTransformer, data: bytes) -> FloatArray:
    """The log-probability of each byte, nats, ``(len(data),)``."""
    found: FloatArray = distributions(made, data)[np.arange(len(data)), list(data)]
    return found
