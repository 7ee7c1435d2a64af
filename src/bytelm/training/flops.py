"""What training costs: floating point operations for each byte."""

from bytelm.blt.config import BltConfig, StackConfig
from bytelm.blt.vocabulary import SIZE


def flops_per_byte(model: BltConfig | StackConfig, length: int, mean_patch: float | None = None) -> float:
    """The floating point operations of training for each byte: ``6 M + 12 A``.

    ``M`` is how many numbers of matrices a byte is multiplied by: one multiplication and one addition forward, twice
    as many backward. Matrices over patches count once for each patch, so they are divided by the bytes of one.
    ``A`` is the sum over attentions of the width times the positions that a position sees on average, as each of these
    is multiplied by a query and by a weight. What masks hide does not count, nor do embeddings, norms, rotations and
    softmaxes; what is computed again for `TrainConfig.checkpoint_activations` neither.

    The entropy model of a Byte Latent Transformer does not count either. Where it runs along without being trained,
    it adds a third of its own: ``flops_per_byte(model.entropy, length) / 3``.

    Args:
        model: a Byte Latent Transformer, or a plain transformer.
        length: ids of a row; documents that end within it are not considered.
        mean_patch: bytes of a patch on average; only a Byte Latent Transformer has it.

    Raises:
        ValueError: the length or the mean patch is below one, or there is none for a Byte Latent Transformer.
    """
    if length < 1:
        raise ValueError(f"a row must have at least 1 id, got length {length}")
    if isinstance(model, StackConfig):
        return _stack(model, length) + 6 * model.width * SIZE
    if mean_patch is None or not mean_patch >= 1:
        raise ValueError(f"the FLOPs of a Byte Latent Transformer need a mean_patch of at least 1, got {mean_patch}")
    patches = length / mean_patch
    over_patches = _stack(model.global_transformer, patches) + 6 * _between_levels(model)
    over_bytes = _stack(model.encoder, length) + _stack(model.decoder, length) + 6 * model.decoder.width * model.size
    return over_bytes + _cross_attentions(model, mean_patch) + over_patches / mean_patch


def _stack(stack: StackConfig, length: float) -> float:
    """Of all blocks of a stack, for each position."""
    matrices = _queries(stack) + _keys(stack) + 3 * stack.width * stack.hidden
    return stack.layers * (6 * matrices + 12 * stack.width * _seen(length, stack.window))


def _cross_attentions(model: BltConfig, mean_patch: float) -> float:
    """Of both kinds of cross-attention for each byte; in each, a byte and its patch's vectors meet."""
    encoder, decoder, many = model.encoder, model.decoder, model.keys_per_patch
    # Of those of an encoder that begins with the pooled states anew, only the last one is computed.
    encoding = encoder.layers if model.encoder_cross_attention == "refined" else 1
    decoding = decoder.layers if model.decoder_cross_attends_everywhere else 1
    from_patches = 6 * (many * _queries(encoder) / mean_patch + _keys(encoder)) + 12 * many * encoder.width
    from_bytes = 6 * (_queries(decoder) + many * _keys(decoder) / mean_patch) + 12 * many * decoder.width
    return encoding * from_patches + decoding * from_bytes


def _between_levels(model: BltConfig) -> int:
    """The numbers of the matrices from the bytes of a patch to the global transformer and back."""
    local, whole = model.keys_per_patch * model.encoder.width, model.global_transformer.width
    return model.encoder.width * local + (whole * local if local != whole else 0) + whole * local


def _queries(stack: StackConfig) -> int:
    """The numbers of the matrices to queries, and from what these find."""
    return 2 * stack.width**2


def _keys(stack: StackConfig) -> int:
    """The numbers of the matrices to keys and values."""
    return 2 * stack.width * stack.key_value_heads * stack.head_width


def _seen(length: float, window: int | None) -> float:
    """How many positions a position sees on average, itself included."""
    if window is None or window >= length:
        return (length + 1) / 2
    return window * (1 - (window - 1) / (2 * length))
