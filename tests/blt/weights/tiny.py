"""Random tiny models: their shapes and their tensors."""

from dataclasses import replace
from random import Random
from typing import get_args

import torch

from bytelm.blt.config import BltConfig, EncoderCrossAttention, HashConfig, StackConfig
from bytelm.blt.patching.options import Mode, Patching
from bytelm.blt.weights.rounding import meta_hidden
from bytelm.blt.weights.shapes import parameter_shapes

Tensors = dict[str, torch.Tensor]


def drawn_stack(random: Random, width: int, heads: int) -> StackConfig:
    return StackConfig(
        layers=random.randint(1, 3),
        width=width,
        heads=heads,
        key_value_heads=random.choice([n for n in range(1, heads + 1) if heads % n == 0]),
        hidden=random.randint(1, 20),
        theta=random.choice([100.0, 10000.0, 500000.0]),
        window=random.choice([None, 1, 7, 512]),
        epsilon=random.choice([1e-5, 1e-6]),
    )


def drawn_config(seed: int) -> BltConfig:
    """Anything that bytelm can be."""
    random = Random(seed)
    local, heads = random.choice([4, 8]), random.choice([1, 2])
    mode = random.choice(get_args(Mode))
    patching = Patching(
        mode=mode,
        threshold=random.uniform(0, 3),
        rise=random.uniform(-1, 1),
        size=random.randint(1, 9),
        longest=random.choice([None, 1, 16]),
        resets_at_newlines=random.random() < 0.3,
    )
    has_entropy = patching.needs_entropies or random.random() < 0.5
    return BltConfig(
        encoder=drawn_stack(random, local, heads),
        global_transformer=drawn_stack(random, random.choice([8, 12, 16]), 2),
        decoder=drawn_stack(random, local, random.choice([1, 2])),
        entropy=drawn_stack(random, 4, 2) if has_entropy else None,
        patching=patching,
        hashes=HashConfig(random.choice([(), (3,), (3, 5, 8)]), random.randint(1, 9), random.randint(1, 2)),
        keys_per_patch=random.randint(1, 3),
        encoder_cross_attention=random.choice(get_args(EncoderCrossAttention)),
        decoder_cross_attends_everywhere=random.random() < 0.5,
        doubled_residual=random.random() < 0.5,
        size=random.choice([260, 300]),
    )


def for_transformers(config: BltConfig) -> BltConfig:
    """The same, where it must be, as transformers computes it."""
    cross_attention: EncoderCrossAttention = "last" if config.encoder_cross_attention == "last" else "restarted"
    mode: Mode = "byte" if config.entropy is None else "entropy"
    longest = config.patching.longest if mode == "byte" else None
    return replace(
        config,
        global_transformer=replace(config.global_transformer, window=None),
        decoder=replace(config.decoder, window=config.encoder.window),
        patching=Patching(mode, config.patching.threshold, size=config.patching.size, longest=longest),
        hashes=config.hashes if config.hashes.sizes else replace(config.hashes, sizes=(4, 3)),
        encoder_cross_attention=cross_attention,
        doubled_residual=True,
    )


def for_meta(config: BltConfig) -> BltConfig:
    """The same, where it must be, as Meta's code computes it and its arguments say it."""
    first = config.encoder
    shared = {"theta": first.theta, "epsilon": first.epsilon}
    local = {"heads": first.heads, "key_value_heads": first.heads, "window": first.window}
    mode = "entropy" if config.patching.mode == "tokenizer" else config.patching.mode
    patching = Patching(
        mode=mode if config.entropy is not None or mode in ("space", "static", "byte") else "byte",
        threshold=config.patching.threshold,
        rise=config.patching.rise if mode == "both" else 0.0,
        size=config.patching.size if mode == "static" else 4,
        longest=config.patching.longest,
    )
    restarted = config.encoder_cross_attention == "restarted"
    return replace(
        config,
        encoder=_rounded(replace(first, **local), 16),
        global_transformer=_rounded(replace(config.global_transformer, window=None, **shared), 16),
        decoder=_rounded(replace(config.decoder, **local, **shared), 16),
        entropy=None if config.entropy is None else _rounded(config.entropy, 256),
        patching=patching,
        encoder_cross_attention="refined" if restarted else config.encoder_cross_attention,
        doubled_residual=True,
    )


def released(size: int = 260) -> BltConfig:
    """The released models in small: options, but not widths, as theirs."""
    return BltConfig(
        encoder=StackConfig(1, 8, 2, 2, 24, window=512),
        global_transformer=StackConfig(2, 24, 2, 2, 64),
        decoder=StackConfig(2, 8, 2, 2, 24, window=512),
        entropy=StackConfig(1, 4, 2, 2, 256, theta=10000.0, window=512),
        hashes=HashConfig(rows=11),
        doubled_residual=True,
        size=size,
    )


def drawn_tensors(config: BltConfig, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensors:
    """A model's parameters, of random numbers."""
    generator = torch.Generator().manual_seed(seed)
    shapes = parameter_shapes(config)
    return {name: torch.randn(shape, generator=generator).to(dtype) for name, shape in shapes.items()}


def check_equal(found: Tensors, expected: Tensors) -> None:
    """Check that two models have the same names, dtypes and numbers."""
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


def _rounded(stack: StackConfig, multiple: int) -> StackConfig:
    return replace(stack, hidden=meta_hidden(stack.width, multiple, None))
