"""The parameters that a model of some configuration has: their names and shapes, without the model."""

from collections.abc import Iterator

from bytelm.blt.config import BltConfig, StackConfig

Shape = tuple[int, ...]

HASHES = "encoder_hash_tok_embedding.weight"
"""The tables of n-grams, one below the other, ``(tables * rows, width)``; there may be none."""

OUTPUT = "lm_head.weight"
"""The output layer, ``(size, width)``."""

ENTROPY_PREFIX = "patcher."
"""How the names of the entropy model's parameters begin."""


def parameter_shapes(config: BltConfig) -> dict[str, Shape]:
    """The shape of every parameter of `bytelm.blt.model.Blt`, by its name."""
    encoder, decoder, whole = config.encoder, config.decoder, config.global_transformer
    concatenated = config.keys_per_patch * encoder.width
    shapes: dict[str, Shape] = {OUTPUT: (config.size, decoder.width)}
    shapes[HASHES] = (config.hashes.tables * config.hashes.rows, encoder.width)
    shapes["local_encoder.embed_tokens.weight"] = (config.size, encoder.width)
    shapes["local_encoder.patch_embedding_projection.weight"] = (concatenated, encoder.width)
    shapes.update(_blocks("local_encoder.", encoder))
    shapes.update(_cross_attentions("local_encoder", encoder, encoder_cross_attentions(config)))
    if concatenated != whole.width:
        shapes["global_transformer.token_embedding_projection.weight"] = (whole.width, concatenated)
    shapes.update(_blocks("global_transformer.", whole))
    shapes["local_decoder.patch_embedding_projection.weight"] = (config.keys_per_patch * decoder.width, whole.width)
    shapes.update(_blocks("local_decoder.", decoder))
    everywhere = decoder.layers if config.decoder_cross_attends_everywhere else 1
    shapes.update(_cross_attentions("local_decoder", decoder, everywhere))
    shapes["local_decoder.norm.weight"] = (decoder.width,)
    if config.entropy is not None:
        entropy = transformer_shapes(config.entropy, config.size)
        shapes.update({f"{ENTROPY_PREFIX}{name}": shape for name, shape in entropy.items()})
    return shapes


def transformer_shapes(stack: StackConfig, size: int) -> dict[str, Shape]:
    """The shape of every parameter of `bytelm.blt.entropy.EntropyModel`, by its name."""
    shapes: dict[str, Shape] = {"embed_tokens.weight": (size, stack.width)}
    shapes.update(_blocks("", stack))
    shapes["norm.weight"] = (stack.width,)
    shapes["lm_head.weight"] = (size, stack.width)
    return shapes


def encoder_cross_attentions(config: BltConfig) -> int:
    """How many cross-attentions the encoder has."""
    return 1 if config.encoder_cross_attention == "last" else config.encoder.layers


def _blocks(owner: str, stack: StackConfig) -> Iterator[tuple[str, Shape]]:
    for layer in range(stack.layers):
        block = f"{owner}layers.{layer}"
        yield from _attention(f"{block}.self_attn", stack)
        yield f"{block}.mlp.gate_proj.weight", (stack.hidden, stack.width)
        yield f"{block}.mlp.up_proj.weight", (stack.hidden, stack.width)
        yield f"{block}.mlp.down_proj.weight", (stack.width, stack.hidden)
        yield f"{block}.input_layernorm.weight", (stack.width,)
        yield f"{block}.post_attention_layernorm.weight", (stack.width,)


def _cross_attentions(owner: str, stack: StackConfig, count: int) -> Iterator[tuple[str, Shape]]:
    for layer in range(count):
        attention = f"{owner}.cross_attn_layers.{layer}"
        yield from _attention(attention, stack)
        yield f"{attention}.q_norm.weight", (stack.width,)
        yield f"{attention}.k_norm.weight", (stack.width,)


def _attention(owner: str, stack: StackConfig) -> Iterator[tuple[str, Shape]]:
    narrow = stack.key_value_heads * stack.head_width
    yield f"{owner}.q_proj.weight", (stack.width, stack.width)
    yield f"{owner}.k_proj.weight", (narrow, stack.width)
    yield f"{owner}.v_proj.weight", (narrow, stack.width)
    yield f"{owner}.o_proj.weight", (stack.width, stack.width)
