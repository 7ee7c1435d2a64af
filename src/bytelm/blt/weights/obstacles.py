"""Which options of a model another library cannot compute."""

from collections.abc import Iterable

from bytelm.blt.config import BltConfig
from bytelm.blt.weights.rounding import meta_rounding


def transformers_obstacles(config: BltConfig) -> list[str]:
    """The options that stand in the way of the same numbers in transformers' ``BltForCausalLM``; none if it is able."""
    patching = config.patching
    found = []
    if patching.mode not in ("entropy", "byte"):
        found.append(f"patching.mode {patching.mode!r}: transformers cuts by 'entropy' or at every byte only")
    if patching.mode == "entropy" and patching.longest is not None:
        found.append(
            f"patching.longest {patching.longest}: transformers does not know whether the last patch is full, "
            f"which changes the probabilities behind it"
        )
    if patching.needs_entropies and patching.resets_at_newlines:
        found.append("patching.resets_at_newlines: transformers' entropy model forgets nothing")
    if config.encoder_cross_attention == "refined" and config.encoder.layers > 1:
        found.append("encoder_cross_attention 'refined': transformers begins every layer with the pooled states anew")
    if not config.doubled_residual:
        found.append("doubled_residual False: transformers adds the residual of cross-attentions twice")
    if config.decoder.window != config.encoder.window:
        found.append(
            f"decoder.window {config.decoder.window}: transformers has one window for both, "
            f"and the encoder's is {config.encoder.window}"
        )
    if config.global_transformer.window is not None:
        found.append(f"global_transformer.window {config.global_transformer.window}: transformers has none there")
    if not config.hashes.tables:
        found.append("hashes: transformers has always tables of n-grams, and this model has none")
    return found


def meta_obstacles(config: BltConfig) -> list[str]:
    """The options that stand in the way of Meta's forms, which say less, and where residuals are always doubled."""
    return _of_meta_patching(config) + _of_meta_attention(config) + _of_meta_stacks(config)


def _of_meta_patching(config: BltConfig) -> list[str]:
    found = []
    if config.patching.mode == "tokenizer":
        found.append("patching.mode 'tokenizer': Meta's bpe patches need delimiters among the bytes")
    if config.patching.resets_at_newlines:
        found.append("patching.resets_at_newlines: Meta's entropy model forgets nothing")
    return found


def _of_meta_attention(config: BltConfig) -> list[str]:
    encoder, decoder = config.encoder, config.decoder
    found = []
    if not config.doubled_residual:
        found.append("doubled_residual False: Meta adds the residual of cross-attentions twice")
    if config.encoder_cross_attention == "restarted" and encoder.layers > 1:
        found.append("encoder_cross_attention 'restarted': Meta goes on from the layer before")
    if encoder.heads != decoder.heads:
        found.append(
            f"decoder.heads {decoder.heads}: Meta's cross-attentions have one number of heads, "
            f"and the encoder has {encoder.heads}"
        )
    for name, stack in (("encoder", encoder), ("decoder", decoder)):
        if stack.key_value_heads != stack.heads:
            found.append(
                f"{name}.key_value_heads {stack.key_value_heads}: Meta's cross-attentions have as many as heads, "
                f"which are {stack.heads}"
            )
    if decoder.window != encoder.window:
        found.append(f"decoder.window {decoder.window}: Meta has one for both, and the encoder's is {encoder.window}")
    if config.global_transformer.window is not None:
        found.append(f"global_transformer.window {config.global_transformer.window}: Meta has none there")
    return found


def _of_meta_stacks(config: BltConfig) -> list[str]:
    stacks = (config.encoder, config.global_transformer, config.decoder)
    found = []
    if len({stack.theta for stack in stacks}) > 1:
        found.append(f"theta: Meta has one for all stacks, and there are {_shown(stack.theta for stack in stacks)}")
    if len({stack.epsilon for stack in stacks}) > 1:
        found.append(f"epsilon: Meta has one for all stacks, and there are {_shown(stack.epsilon for stack in stacks)}")
    if meta_rounding(stacks) is None:
        found.append(
            f"hidden: Meta derives it from the width by one rule for all stacks, and there are "
            f"{_shown(stack.hidden for stack in stacks)} for widths of {_shown(stack.width for stack in stacks)}"
        )
    if config.entropy is not None and meta_rounding((config.entropy,)) is None:
        found.append(
            f"entropy.hidden {config.entropy.hidden}: Meta derives it from the width, which is {config.entropy.width}"
        )
    return found


def _shown(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
