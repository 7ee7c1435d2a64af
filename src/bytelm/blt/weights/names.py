"""Where the parameters of a model stand in the files of each form.

A parameter is called as in transformers, without the leading ``model.``. In Meta's files the entropy model is apart,
the blocks have other names, and each hash table is a tensor of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from bytelm.blt.config import HashConfig
from bytelm.blt.weights.shapes import ENTROPY_PREFIX, HASHES, Shape

Part = Literal["model", "entropy"]
"""Which files: those of the model itself, or Meta's of the entropy model."""

_META: Final[Mapping[str, str]] = {
    "self_attn": "attention",
    "mlp": "feed_forward",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
    "embed_tokens": "tok_embeddings",
    "lm_head": "output",
    "q_proj": "wq",
    "k_proj": "wk",
    "v_proj": "wv",
    "o_proj": "wo",
    "gate_proj": "w1",
    "down_proj": "w2",
    "up_proj": "w3",
    "q_norm": "cross_attn_norm_q",
    "k_norm": "cross_attn_norm_kv",
}

_BUFFERS: Final = ("freqs_cis", "inv_freq")
"""The tables of rotary embeddings that some files hold although they follow from the configuration."""


@dataclass(frozen=True)
class Piece:
    """A tensor of a file that is a parameter, or some of its rows.

    Attributes:
        part: which files it stands in.
        stored: its name there.
        own: the name of the parameter.
        first: the parameter's row that is this tensor's first one.
        shape: of this tensor.
    """

    part: Part
    stored: str
    own: str
    first: int
    shape: Shape


def transformers_pieces(shapes: Mapping[str, Shape]) -> list[Piece]:
    """The tensors of transformers' files that are parameters of these names and shapes."""
    return [
        Piece("model", name if name.startswith("lm_head.") else f"model.{name}", name, 0, shape)
        for name, shape in shapes.items()
    ]


def meta_pieces(shapes: Mapping[str, Shape], hashes: HashConfig) -> list[Piece]:
    """The tensors of Meta's files that are parameters of these names and shapes."""
    pieces = []
    for name, shape in shapes.items():
        if name == HASHES:
            one = (hashes.rows, *shape[1:])
            pieces += [
                Piece("model", f"encoder_hash_tok_embedding.{table}.weight", name, table * hashes.rows, one)
                for table in range(hashes.tables)
            ]
        elif name.startswith(ENTROPY_PREFIX):
            pieces.append(Piece("entropy", _meta_name(name.removeprefix(ENTROPY_PREFIX)), name, 0, shape))
        else:
            owner = "local_decoder." if name.startswith("lm_head.") else ""
            pieces.append(Piece("model", owner + _meta_name(name), name, 0, shape))
    return pieces


def is_buffer(stored: str) -> bool:
    """Whether a tensor of a file is no parameter, and nothing is lost without it."""
    return stored.rpartition(".")[2] in _BUFFERS


def _meta_name(name: str) -> str:
    return ".".join(_META.get(word, word) for word in name.split("."))
