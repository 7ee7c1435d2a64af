"""The configuration in Meta's form: the arguments of a training run, or those of the model alone."""

from collections.abc import Mapping
from typing import Final

from bytelm.blt.config import BltConfig, HashConfig, StackConfig
from bytelm.blt.patching.options import RELEASED_THRESHOLD, Mode, Patching
from bytelm.blt.weights.fields import ConfigurationError, Fields
from bytelm.blt.weights.rounding import RELEASED_MULTIPLE, meta_hidden

_ENTROPY_WINDOW: Final = 512
"""The window of the entropy model, which Meta's loader fixes whatever the file says."""

_MODES: Final[Mapping[str, Mode]] = {"entropy": "entropy", "space": "space", "static": "static", "byte": "byte"}

_FIXED: Final[tuple[tuple[str, object, object, str], ...]] = (
    ("use_local_encoder_transformer", False, True, "bytelm's local encoder is a transformer"),
    ("cross_attn_encoder", False, True, "bytelm's patches attend to their bytes"),
    ("cross_attn_decoder", False, True, "bytelm's bytes attend to their patch"),
    ("cross_attn_init_by_pooling", False, True, "bytelm's queries are pooled from the bytes"),
    ("downsampling_by_pooling", "", "max", "bytelm pools by the maximum"),
    ("use_rope", True, True, "bytelm's positions are rotary"),
    ("encoder_enable_byte_ngrams", False, False, "bytelm has no tables of frequent n-grams"),
    ("encoder_ngram_to_size_str", "", "", "bytelm has no tables of frequent n-grams"),
    ("pm_size", 0, 0, "bytelm mixes no parameters"),
    ("cross_attn_window_encoder", 0, 0, "a patch of bytelm sees its own bytes"),
    ("cross_attn_window_decoder", 0, 0, "a byte of bytelm sees one patch"),
)
"""Fields of the model with what Meta takes where they are missing, and the only value that bytelm computes."""


def config_from_meta(
    data: dict[str, object],
    entropy: dict[str, object] | None,
    place: str = "params.json",
    entropy_place: str = "entropy_model/params.json",
) -> BltConfig:
    """The shape of a model from its configuration in Meta's form.

    Where patches start is taken from the data of the training run, else from the model's own arguments; those of the
    entropy model describe how that was trained, byte by byte, and only lend a threshold where there is none.

    Args:
        data: of the model: ``{"args": …}`` or a whole training run, ``{"model": …, "data": …}``; both for the hub's
            ``config.json`` with its ``train_args.json``.
        entropy: of the entropy model: ``{"args": …}`` or ``{"entropy_model": …}``; ``None`` if there is none.
        place: the file of ``data``, for errors.
        entropy_place: the file of ``entropy``.

    Raises:
        ConfigurationError: a field has a wrong value, or one that bytelm cannot compute.
    """
    root = Fields(data, place)
    model = root.section("args" if root.has("args") else "model")
    for name, default, wanted, reason in _FIXED:
        found = default if not model.has(name) else model.values[name]
        model.require(name, found, wanted, reason)
    size = _size(model)
    entropy_root = Fields(entropy or {}, entropy_place)
    entropy_model = entropy_root.section("args" if entropy_root.has("args") else "entropy_model")
    patching = _patching(root.section("data").section("patcher_args"), model, entropy_root)
    if patching.needs_entropies and entropy is None:
        raise ConfigurationError(
            f"{place}: patches by entropy need the entropy model, and none is there: put it into a folder "
            f"entropy_model beside that file, or name its directory; Meta's is facebook/blt-entropy on the hub"
        )
    with root.blamed():
        return BltConfig(
            encoder=_local(model, "encoder"),
            global_transformer=_global(model),
            decoder=_local(model, "decoder"),
            entropy=None if entropy is None else _entropy(entropy_model, size),
            patching=patching,
            hashes=_hashes(model),
            keys_per_patch=model.integer("cross_attn_k", 1),
            encoder_cross_attention="refined" if model.flag("cross_attn_all_layers_encoder", False) else "last",
            decoder_cross_attends_everywhere=model.flag("cross_attn_all_layers_decoder", False),
            doubled_residual=True,
            size=size,
        )


def _size(model: Fields) -> int:
    size = model.integer("vocab_size", -1)
    if size < 1:
        model.refuse("vocab_size", "a model has ids; is this the configuration of a model?", size)
    return size


def _local(model: Fields, name: str) -> StackConfig:
    """The local encoder or decoder."""
    heads = model.integer(f"n_heads_local_{name}", 8)
    width = model.integer(f"dim_local_{name}", 512)
    same = "bytelm's self- and cross-attentions have the same heads"
    model.require("cross_attn_nheads", model.integer("cross_attn_nheads", heads), heads, same)
    model.require("n_kv_heads", model.integer("n_kv_heads", heads), heads, same)
    embedded = model.integer("dim_token", width)
    model.require("dim_token", embedded, width, f"the local {name} has that width")
    window = model.optional_integer("local_attention_window_len", None)
    return _stack(model, width, heads, heads, model.integer(f"n_layers_local_{name}", 8), window)


def _global(model: Fields) -> StackConfig:
    heads = model.integer("n_heads_global", 8)
    key_value_heads = model.integer("n_kv_heads_global", heads)
    width, layers = model.integer("dim_global", 512), model.integer("n_layers_global", 8)
    return _stack(model, width, heads, key_value_heads, layers, None)


def _entropy(fields: Fields, size: int) -> StackConfig:
    fields.require("vocab_size", fields.integer("vocab_size", -1), size, "the model has that vocab_size")
    fields.require("weight_tying", fields.flag("weight_tying", False), False, "bytelm's output layer is one of its own")
    heads = fields.integer("n_heads", 8)
    window = fields.optional_integer("sliding_window", None)
    if window is None and fields.text("attn_bias_type", "local_block_causal") not in ("causal", "block_causal"):
        window = _ENTROPY_WINDOW
    width, layers = fields.integer("dim", 512), fields.integer("n_layers", 8)
    return _stack(fields, width, heads, fields.integer("n_kv_heads", heads), layers, window)


def _stack(
    fields: Fields, width: int, heads: int, key_value_heads: int, layers: int, window: int | None
) -> StackConfig:
    narrow = width // max(heads, 1)
    fields.require("head_dim", fields.integer("head_dim", narrow), narrow, "heads share the width in equal parts")
    factor = fields.number("ffn_dim_multiplier", 1.0)
    with fields.blamed():
        return StackConfig(
            layers=layers,
            width=width,
            heads=heads,
            key_value_heads=key_value_heads,
            hidden=meta_hidden(width, fields.integer("multiple_of", RELEASED_MULTIPLE), factor),
            theta=fields.number("rope_theta", 10000.0),
            window=window,
            epsilon=fields.number("norm_eps", 1e-5),
        )


def _hashes(model: Fields) -> HashConfig:
    return HashConfig(
        sizes=model.integers("encoder_hash_byte_group_size", ()),
        rows=model.integer("encoder_hash_byte_group_vocab", 30000),
        functions=model.integer("encoder_hash_byte_group_nb_functions", 3),
    )


def _patching(patcher: Fields, model: Fields, entropy_root: Fields) -> Patching:
    """Where patches start, by the first that says so: the data of the run, the model, the threshold alone."""
    if patcher.has("patching_mode"):
        return _patching_of(patcher, "threshold", "threshold_add")
    if model.has("patching_mode"):
        return _patching_of(model, "patching_threshold", "patching_threshold_add")
    lent = entropy_root.section("data").section("patcher_args")
    if lent.has("threshold"):
        return Patching("entropy", threshold=lent.number("threshold", 0.0))
    raise ConfigurationError(
        f"{model.place} does not say where patches start: data.patcher_args.patching_mode and "
        f"{model.prefix}patching_mode are missing; put the model's train_args.json beside it"
    )


def _patching_of(fields: Fields, threshold: str, threshold_add: str) -> Patching:
    name = fields.text("patching_mode", "")
    if name not in _MODES:
        fields.refuse(
            "patching_mode",
            f"bytelm knows {', '.join(_MODES)}; patches by delimiters of a byte-pair encoding need these in the text",
        )
    mode = _MODES[name]
    if mode == "entropy":
        if not fields.has(threshold):
            fields.refuse(threshold, "bytelm cuts by a threshold only, in nats, not by rank in a text")
        rises = fields.has(threshold_add)
        mode = "monotonic" if fields.flag("monotonicity", False) else "both" if rises else "entropy"
    if mode == "static" and not fields.has("patch_size"):
        fields.refuse("patch_size", "static patches need a size")
    with fields.blamed():
        return Patching(
            mode=mode,
            threshold=fields.number(threshold, RELEASED_THRESHOLD),
            rise=fields.number(threshold_add, 0.0) if mode == "both" else 0.0,
            size=fields.integer("patch_size", 4) if mode == "static" else 4,
            longest=fields.optional_integer("max_patch_length", None),
        )
