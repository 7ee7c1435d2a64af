"""The local encoder: from bytes to states, and from the states of a patch to the vectors that stand for it."""

from collections.abc import Sequence

from torch import Tensor, nn

from bytelm.blt.attention import Attend
from bytelm.blt.config import BltConfig
from bytelm.blt.layers import CrossAttention, Stack, linear
from bytelm.blt.pooling import attend_to_bytes, segment_max
from bytelm.blt.rotary import Rotation


class LocalEncoder(Stack):
    """A transformer over bytes within a window, and a cross-attention of patches to their bytes.

    Shapes: R rows, N positions, T bytes, P patches, C vectors for each patch, W width.
    """

    def __init__(self, config: BltConfig) -> None:
        super().__init__(config.encoder)
        width, many = config.encoder.width, config.keys_per_patch
        self.embed_tokens = nn.Embedding(config.size, width)
        self.patch_embedding_projection = linear(width, many * width)
        everywhere = config.encoder_cross_attention != "last"
        count = config.encoder.layers if everywhere else 1
        self.cross_attn_layers = nn.ModuleList(CrossAttention(config.encoder) for _ in range(count))
        self.pools_each_layer = config.encoder_cross_attention == "refined"
        self._many = many
        self._kept = 2.0 if config.doubled_residual else 1.0

    @property
    def pooled_layers(self) -> int:
        """From how many layers the states of the bytes are needed for the patches."""
        return len(self.layers) if self.pools_each_layer else 1

    def states(self, x_RNW: Tensor, rotate: Rotation, attend: Attend) -> list[Tensor]:
        """The states of the bytes, ``(R, N, W)``, behind each layer that the patches look at; the last one last."""
        found = []
        for layer, block in enumerate(self.layers):
            x_RNW = block(x_RNW, layer, rotate, attend)
            if self.pools_each_layer or layer == len(self.layers) - 1:
                found.append(x_RNW)
        return found

    def pool(self, states_TW: Sequence[Tensor], patch_T: Tensor, count: int) -> Tensor:
        """The vectors of patches, ``(P, C W)``.

        Args:
            states_TW: the states of the bytes of these patches, as of ``states``.
            patch_T: the patch of each byte, int64, 0 to ``count - 1``.
            count: how many patches there are.
        """
        pooled_PW = segment_max(states_TW[0], patch_T, count)
        vectors_PCW = self.patch_embedding_projection(pooled_PW).unflatten(-1, (self._many, -1))
        layers = list(self.cross_attn_layers)[-len(states_TW) :]
        for cross, states in zip(layers, states_TW, strict=True):
            assert isinstance(cross, CrossAttention)
            query = cross.queries(cross.q_norm(vectors_PCW))
            normed = cross.k_norm(states)
            found = attend_to_bytes(query, cross.keys(normed), cross.values(normed), patch_T)
            vectors_PCW = self._kept * vectors_PCW + cross.joined(found)
        pooled: Tensor = vectors_PCW.flatten(1)
        return pooled
