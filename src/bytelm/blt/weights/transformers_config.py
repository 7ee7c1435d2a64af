"""The configuration in transformers' form, which is bytelm's own form as well.

What transformers' fields do not say stands under ``"bytelm"``, which transformers ignores. A model that transformers
cannot compute gets another ``model_type``, so that transformers refuses it instead of computing something else.
"""

import json
from dataclasses import dataclass
from typing import Final, cast, get_args

from bytelm.blt.config import BltConfig, EncoderCrossAttention, HashConfig, StackConfig
from bytelm.blt.patching.options import RELEASED_THRESHOLD, Mode, Patching
from bytelm.blt.vocabulary import BOS, EOS, PADDING, SIZE
from bytelm.blt.weights.fields import Fields
from bytelm.blt.weights.obstacles import transformers_obstacles

MODEL_TYPE: Final = "blt"
OWN_MODEL_TYPE: Final = "bytelm_blt"
"""Of a model that transformers cannot compute."""

OWN: Final = "bytelm"
"""The key of what transformers' fields do not say."""

_OWN_FIELDS: Final = {
    "encoder_cross_attention",
    "doubled_residual",
    "rise",
    "resets_at_newlines",
    "decoder_window",
    "global_window",
}


@dataclass(frozen=True)
class _Defaults:
    """What transformers takes for a stack where a field is missing."""

    layers: int
    width: int
    heads: int
    hidden: int | None
    theta: float


_ENCODER = _Defaults(layers=1, width=1024, heads=16, hidden=None, theta=500000.0)
_DECODER = _Defaults(layers=9, width=1024, heads=16, hidden=2816, theta=500000.0)
_GLOBAL = _Defaults(layers=25, width=2048, heads=16, hidden=5632, theta=500000.0)
_ENTROPY = _Defaults(layers=14, width=768, heads=12, hidden=2048, theta=10000.0)
_HASH_SIZES = (3, 4, 5, 6, 7, 8)
_WINDOW = 512


def config_from_transformers(data: dict[str, object], place: str = "config.json") -> BltConfig:
    """The shape of a model from its configuration in transformers' form, or in bytelm's own.

    Args:
        data: the whole ``config.json``.
        place: the file, for errors.

    Raises:
        ConfigurationError: a field has a wrong value, or one that bytelm cannot compute.
    """
    fields = Fields(data, place)
    encoder, decoder = fields.section("encoder_config"), fields.section("decoder_config")
    whole, entropy = fields.section("global_config"), fields.section("patcher_config")
    own = fields.section(OWN)
    for name in own.values.keys() - _OWN_FIELDS:
        own.refuse(name, "this version of bytelm knows no such field: use the version that wrote it, or a later one")
    _check(fields, encoder, decoder, whole, entropy)
    window = fields.optional_integer("local_attention_window_len", _WINDOW)
    entropy_window = entropy.optional_integer("sliding_window", _WINDOW)
    is_own = fields.has(OWN)
    with fields.blamed():
        return BltConfig(
            encoder=_stack(encoder, _ENCODER, window),
            global_transformer=_stack(whole, _GLOBAL, own.optional_integer("global_window", None)),
            decoder=_stack(decoder, _DECODER, own.optional_integer("decoder_window", window)),
            entropy=_stack(entropy, _ENTROPY, entropy_window) if fields.flag("patch_in_forward", True) else None,
            patching=_own_patching(fields, own) if is_own else _patching(fields),
            hashes=_hashes(fields, is_own),
            keys_per_patch=fields.integer("cross_attn_k", 2),
            encoder_cross_attention=_encoder_cross_attention(encoder, own),
            decoder_cross_attends_everywhere=decoder.flag("cross_attn_all_layers", True),
            doubled_residual=own.flag("doubled_residual", True),
            size=fields.integer("vocab_size", SIZE),
        )


def config_to_transformers(config: BltConfig, dtype: str) -> dict[str, object]:
    """The ``config.json`` of a model, for transformers and for bytelm.

    Args:
        config: the shape of the model.
        dtype: of its tensors, such as ``"bfloat16"``.
    """
    patching, stacks = config.patching, _sections(config)
    return {
        "architectures": ["BltForCausalLM"],
        "model_type": OWN_MODEL_TYPE if transformers_obstacles(config) else MODEL_TYPE,
        "dtype": dtype,
        "vocab_size": config.size,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "pad_token_id": PADDING,
        "tie_word_embeddings": False,
        "patch_in_forward": config.entropy is not None,
        "patching_mode": patching.mode,
        "patching_threshold": patching.threshold,
        "patch_size": patching.size,
        "max_patch_length": patching.longest,
        "local_attention_window_len": config.encoder.window,
        "cross_attn_k": config.keys_per_patch,
        "encoder_hash_byte_group_size": list(config.hashes.sizes),
        "encoder_hash_byte_group_vocab": config.hashes.rows,
        "encoder_hash_byte_group_nb_functions": config.hashes.functions,
        **stacks,
        OWN: {
            "encoder_cross_attention": config.encoder_cross_attention,
            "doubled_residual": config.doubled_residual,
            "rise": patching.rise,
            "resets_at_newlines": patching.resets_at_newlines,
            "decoder_window": config.decoder.window,
            "global_window": config.global_transformer.window,
        },
    }


def _sections(config: BltConfig) -> dict[str, object]:
    shared: dict[str, object] = {
        "cross_attn_k": config.keys_per_patch,
        "hidden_size_global": config.global_transformer.width,
        "vocab_size": config.size,
    }
    sections: dict[str, object] = {
        "encoder_config": _section(config.encoder, "blt_local_encoder")
        | shared
        | {"cross_attn_all_layers": config.encoder_cross_attention != "last"},
        "decoder_config": _section(config.decoder, "blt_local_decoder")
        | shared
        | {"cross_attn_all_layers": config.decoder_cross_attends_everywhere},
        "global_config": _section(config.global_transformer, "blt_global_transformer"),
    }
    if config.entropy is not None:
        window: dict[str, object] = {"sliding_window": config.entropy.window, "vocab_size": config.size}
        sections["patcher_config"] = _section(config.entropy, "blt_patcher") | window
    return sections


def _section(stack: StackConfig, model_type: str) -> dict[str, object]:
    return {
        "model_type": model_type,
        "num_hidden_layers": stack.layers,
        "hidden_size": stack.width,
        "num_attention_heads": stack.heads,
        "num_key_value_heads": stack.key_value_heads,
        "intermediate_size": stack.hidden,
        "rms_norm_eps": stack.epsilon,
        "rope_parameters": {"rope_type": "default", "rope_theta": stack.theta},
    }


def _stack(fields: Fields, defaults: _Defaults, window: int | None) -> StackConfig:
    width = fields.integer("hidden_size", defaults.width)
    heads = fields.integer("num_attention_heads", defaults.heads)
    narrow = fields.integer("head_dim", width // max(heads, 1))
    fields.require("head_dim", narrow, width // max(heads, 1), "heads share the width in equal parts")
    fields.require("hidden_act", fields.text("hidden_act", "silu"), "silu", "bytelm computes SwiGLU only")
    hidden = defaults.hidden if "intermediate_size" not in fields.values else None
    with fields.blamed():
        return StackConfig(
            layers=fields.integer("num_hidden_layers", defaults.layers),
            width=width,
            heads=heads,
            key_value_heads=fields.integer("num_key_value_heads", 0) or heads,
            hidden=fields.integer("intermediate_size", hidden or 0) or int(8 * width / 3),
            theta=rope_theta(fields, defaults.theta),
            window=window,
            # The converter of transformers wrote norm_eps, which is 1e-5 in the release as the default is.
            epsilon=fields.number("rms_norm_eps", fields.number("norm_eps", 1e-5)),
        )


def rope_theta(fields: Fields, default: float) -> float:
    """The base of the rotary embeddings in a section.

    Raises:
        ConfigurationError: they are not the plain ones.
    """
    name = "rope_scaling" if fields.has("rope_scaling") else "rope_parameters"
    rope = fields.section(name)
    kind = rope.text("rope_type", rope.text("type", "default"))
    rope.require("rope_type", kind, "default", "bytelm computes plain rotary embeddings only")
    for one in (rope, fields):
        part = one.number("partial_rotary_factor", 1.0)
        one.require("partial_rotary_factor", part, 1.0, "bytelm rotates whole heads only")
    return rope.number("rope_theta", fields.number("rope_theta", default))


def _own_patching(fields: Fields, own: Fields) -> Patching:
    """The patching as bytelm writes it."""
    return Patching(
        mode=cast(Mode, fields.text("patching_mode", "entropy")),
        threshold=fields.number("patching_threshold", RELEASED_THRESHOLD),
        rise=own.number("rise", 0.0),
        size=fields.integer("patch_size", 4),
        longest=fields.optional_integer("max_patch_length", None),
        resets_at_newlines=own.flag("resets_at_newlines", False),
    )


def _patching(fields: Fields) -> Patching:
    """The patching as transformers does it: by entropy, else every byte is a patch."""
    by_entropy = fields.text("patching_mode", "entropy") == "entropy" and fields.flag("patch_in_forward", True)
    if by_entropy:
        ignored = "transformers ignores it; convert Meta's own files, or take it away to cut by the threshold alone"
        fields.require("monotonicity", fields.flag("monotonicity", False), False, ignored)
        fields.require("patching_threshold_add", fields.number("patching_threshold_add", 0.0), 0.0, ignored)
        for name in ("patching_threshold", "patch_size"):
            if name in fields.values and not fields.has(name):
                fields.refuse(name, "transformers cuts nothing by entropy without it; give a number")
    return Patching(
        mode="entropy" if by_entropy else "byte",
        threshold=fields.number("patching_threshold", RELEASED_THRESHOLD),
        size=fields.integer("patch_size", 4),
        longest=fields.optional_integer("max_patch_length", None),
    )


def _hashes(fields: Fields, is_own: bool) -> HashConfig:
    sizes = fields.integers("encoder_hash_byte_group_size", _HASH_SIZES)
    return HashConfig(
        sizes=sizes if sizes or is_own else _HASH_SIZES,
        rows=fields.integer("encoder_hash_byte_group_vocab", 500002),
        functions=fields.integer("encoder_hash_byte_group_nb_functions", 1),
    )


def _encoder_cross_attention(encoder: Fields, own: Fields) -> EncoderCrossAttention:
    everywhere = encoder.flag("cross_attn_all_layers", False)
    name = own.text("encoder_cross_attention", "restarted" if everywhere else "last")
    if name not in get_args(EncoderCrossAttention):
        own.refuse("encoder_cross_attention", f"it must be one of {', '.join(get_args(EncoderCrossAttention))}")
    if everywhere != (name != "last"):
        own.refuse("encoder_cross_attention", f"encoder_config.cross_attn_all_layers is {json.dumps(everywhere)}")
    return cast(EncoderCrossAttention, name)


def _check(fields: Fields, encoder: Fields, decoder: Fields, whole: Fields, entropy: Fields) -> None:
    """Refuse what the parts of a model must agree in and do not, and tied embeddings.

    Raises:
        ConfigurationError: such a thing.
    """
    tied = fields.flag("tie_word_embeddings", False)
    fields.require("tie_word_embeddings", tied, False, "a BLT's output layer is one of its own")
    size, keys = fields.integer("vocab_size", SIZE), fields.integer("cross_attn_k", 2)
    width = whole.integer("hidden_size", _GLOBAL.width)
    for part in (encoder, entropy) if fields.flag("patch_in_forward", True) else (encoder,):
        part.require("vocab_size", part.integer("vocab_size", SIZE), size, "the whole model has that vocab_size")
    for part in (encoder, decoder):
        part.require("cross_attn_k", part.integer("cross_attn_k", 2), keys, "the whole model has that cross_attn_k")
    given = decoder.integer("hidden_size_global", 2048)
    decoder.require("hidden_size_global", given, width, "the global transformer has that hidden_size")
