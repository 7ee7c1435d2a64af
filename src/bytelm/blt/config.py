"""The shape of a Byte Latent Transformer, and the options by which released weights differ from the paper."""

from dataclasses import dataclass, field
from typing import Literal

from bytelm.blt.patching.options import Patching
from bytelm.blt.vocabulary import SIZE

EncoderCrossAttention = Literal["last", "refined", "restarted"]
"""Where the patches look at the states of their bytes.

``"last"``: after the last layer of the encoder. ``"refined"``: after each layer, going on from the one before (the
paper, and Meta's code with ``cross_attn_all_layers_encoder``). ``"restarted"``: after each layer, each from the pooled
states, so that only the last one counts (transformers with ``cross_attn_all_layers``); for parity only.
"""


@dataclass(frozen=True)
class StackConfig:
    """The shape of one transformer stack.

    Attributes:
        layers: how many blocks.
        width: of the states.
        heads: of the queries.
        key_value_heads: of the keys and values; divides ``heads``.
        hidden: the width inside the feed-forward networks.
        theta: the base of the rotary embeddings.
        window: how many positions a position sees, itself included; ``None`` for all before it.
        epsilon: of the norms.
    """

    layers: int
    width: int
    heads: int
    key_value_heads: int
    hidden: int
    theta: float = 500000.0
    window: int | None = None
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("layers", "width", "heads", "key_value_heads", "hidden"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise ValueError(f"{self.heads} heads must share a width of {self.width} in equal, even parts")
        if self.heads % self.key_value_heads:
            raise ValueError(f"{self.key_value_heads} heads of keys and values do not divide {self.heads} heads")
        if self.window is not None and self.window < 1:
            raise ValueError(f"a window must have at least 1 position, got {self.window}")

    @property
    def head_width(self) -> int:
        """The width of a head."""
        return self.width // self.heads


@dataclass(frozen=True)
class HashConfig:
    """The tables of hashed n-grams that are added to the embedding of a byte.

    Attributes:
        sizes: the lengths of the n-grams; an empty list for no tables.
        rows: of each table.
        functions: how many hash functions, each with a table for every length.
    """

    sizes: tuple[int, ...] = (3, 4, 5, 6, 7, 8)
    rows: int = 500002
    functions: int = 1

    def __post_init__(self) -> None:
        if any(size < 1 for size in self.sizes):
            raise ValueError(f"n-grams must have at least 1 id, got sizes {self.sizes}")
        if self.rows < 1 or self.functions < 1:
            raise ValueError(f"hashing needs at least 1 row and 1 function, got {self.rows} and {self.functions}")

    @property
    def tables(self) -> int:
        """How many tables there are; they stand one below the other in one matrix."""
        return len(self.sizes) * self.functions


@dataclass(frozen=True)
class BltConfig:
    """A Byte Latent Transformer.

    Attributes:
        encoder, global_transformer, decoder: the stacks; the encoder and the decoder have the same width.
        entropy: the stack of the entropy model; ``None`` where the patching needs none.
        patching: where patches start.
        hashes: the tables of n-grams.
        keys_per_patch: how many vectors of the local width stand for a patch in both cross-attentions (k).
        encoder_cross_attention: where patches look at their bytes.
        decoder_cross_attends_everywhere: whether bytes look at their patch before every layer of the decoder, or
            before the first one only.
        doubled_residual: whether cross-attentions give ``2 x + attention(x)``, as the released weights expect it,
            instead of ``x + attention(x)``.
        size: how many ids there are.
    """

    encoder: StackConfig
    global_transformer: StackConfig
    decoder: StackConfig
    entropy: StackConfig | None
    patching: Patching = field(default_factory=Patching)
    hashes: HashConfig = field(default_factory=HashConfig)
    keys_per_patch: int = 2
    encoder_cross_attention: EncoderCrossAttention = "last"
    decoder_cross_attends_everywhere: bool = True
    doubled_residual: bool = False
    size: int = SIZE

    def __post_init__(self) -> None:
        if self.encoder.width != self.decoder.width:
            raise ValueError(
                f"the decoder goes on from the states of the encoder, so both must be of one width; "
                f"got {self.encoder.width} and {self.decoder.width}"
            )
        if self.keys_per_patch < 1:
            raise ValueError(f"a patch needs at least 1 vector, got keys_per_patch {self.keys_per_patch}")
        if self.size < SIZE:
            raise ValueError(f"the vocabulary must have at least {SIZE} ids, got {self.size}")
        if self.patching.needs_entropies and self.entropy is None:
            raise ValueError(f"patching by {self.patching.mode!r} needs an entropy model, and the model has none")
