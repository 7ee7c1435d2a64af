"""The configuration of a plain transformer over bytes, as an ordinary one of transformers.

Without a window it is a Llama, with one a Mistral. What says that it is over bytelm's ids stands under ``"bytelm"``.
"""

from pathlib import Path
from typing import Final, Literal, TypeGuard, get_args

from bytelm.blt.config import StackConfig
from bytelm.blt.vocabulary import BOS, EOS, PADDING, SIZE
from bytelm.blt.weights.fields import Fields, read_json
from bytelm.blt.weights.transformers_config import OWN, rope_theta

PlainKind = Literal["entropy", "byte-llama"]
"""What such a transformer was trained for: to say where patches start, or as a model of its own."""

PLAIN_KINDS: Final[tuple[PlainKind, ...]] = get_args(PlainKind)

CONFIG: Final = "config.json"

_LLAMA, _MISTRAL = "llama", "mistral"

_UNBOUNDED: Final = 2**20
"""Positions, where no bound is known: transformers has no way to say that there is none."""


def plain_kind(directory: Path) -> PlainKind | None:
    """The kind of the plain byte transformer in a directory; ``None`` if there is something else, or nothing.

    Raises:
        ValueError: ``config.json`` is not valid, or is that of a kind which this version of bytelm does not know.
    """
    path = directory / CONFIG
    if not path.is_file():
        return None
    fields = Fields(read_json(path), str(path))
    if fields.values.get("model_type") not in (_LLAMA, _MISTRAL) or not fields.has(OWN):
        return None
    own = fields.section(OWN)
    kind = own.text("kind", "")
    if not _is_kind(kind):
        own.refuse("kind", f"this version of bytelm knows {', '.join(PLAIN_KINDS)}")
    return kind


def config_to_plain(config: StackConfig, kind: PlainKind, dtype: str, length: int | None) -> dict[str, object]:
    """The ``config.json`` of a plain byte transformer.

    Args:
        config: its shape.
        kind: what it was trained for.
        dtype: of its tensors, such as ``"bfloat16"``.
        length: how many positions it takes; ``None`` where no bound is known.
    """
    windowed = config.window is not None
    own: dict[str, object] = {"sliding_window": config.window} if windowed else {"mlp_bias": False}
    return {
        "architectures": ["MistralForCausalLM" if windowed else "LlamaForCausalLM"],
        "model_type": _MISTRAL if windowed else _LLAMA,
        "dtype": dtype,
        "vocab_size": SIZE,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "pad_token_id": PADDING,
        "tie_word_embeddings": False,
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.key_value_heads,
        "head_dim": config.head_width,
        "hidden_act": "silu",
        "attention_bias": False,
        **own,
        "attention_dropout": 0.0,
        "rms_norm_eps": config.epsilon,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.theta},
        "max_position_embeddings": _UNBOUNDED if length is None else length,
        OWN: {"kind": kind},
    }


def config_from_plain(data: dict[str, object], place: str) -> StackConfig:
    """The shape of a plain byte transformer.

    Args:
        data: the whole ``config.json``, whose kind is known.
        place: the file, for errors.

    Raises:
        ConfigurationError: a field has a wrong value, or one that bytelm cannot compute.
    """
    fields = Fields(data, place)
    fields.require("vocab_size", fields.integer("vocab_size", 0), SIZE, "those are the ids of bytes and special ones")
    tied = fields.flag("tie_word_embeddings", False)
    fields.require("tie_word_embeddings", tied, False, "the output layer is one of its own")
    fields.require("hidden_act", fields.text("hidden_act", "silu"), "silu", "bytelm computes SwiGLU only")
    for name in ("attention_bias", "mlp_bias"):
        fields.require(name, fields.flag(name, False), False, "bytelm's matrices have no biases")
    width, heads = fields.integer("hidden_size", 4096), fields.integer("num_attention_heads", 32)
    narrow = width // max(heads, 1)
    fields.require("head_dim", fields.integer("head_dim", narrow), narrow, "heads share the width in equal parts")
    windowed = data.get("model_type") == _MISTRAL
    with fields.blamed():
        return StackConfig(
            layers=fields.integer("num_hidden_layers", 32),
            width=width,
            heads=heads,
            key_value_heads=fields.integer("num_key_value_heads", 8 if windowed else heads),
            hidden=fields.integer("intermediate_size", 14336 if windowed else 11008),
            theta=rope_theta(fields, 10000.0),
            window=fields.optional_integer("sliding_window", 4096) if windowed else None,
            epsilon=fields.number("rms_norm_eps", 1e-6),
        )


def _is_kind(value: str) -> TypeGuard[PlainKind]:
    return value in PLAIN_KINDS
