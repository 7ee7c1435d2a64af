"""The local decoder: from the states of bytes and the outputs of patches to the states that predict the next byte."""

from typing import NamedTuple

from torch import Tensor, nn

from bytelm.blt.attention import Attend
from bytelm.blt.config import BltConfig
from bytelm.blt.layers import CrossAttention, Stack, linear
from bytelm.blt.norms import RMSNorm
from bytelm.blt.pooling import attend_to_patch
from bytelm.blt.rotary import Rotation


class PatchKeys(NamedTuple):
    """Keys and values of one cross-attention, for patches or for the patch of each byte: ``(…, C, K, D)`` each."""

    keys: Tensor
    values: Tensor

    def at(self, index: Tensor) -> "PatchKeys":
        """Those of some patches, int64 of any shape: that shape and ``(C, K, D)``."""
        return PatchKeys(*(part.index_select(0, index.flatten()).view(*index.shape, *part.shape[1:]) for part in self))


class LocalDecoder(Stack):
    """A transformer over bytes within a window; before its layers each byte looks at the last completed patch.

    Shapes: R rows, N positions, P patches, C vectors for each patch, K heads of keys, D head width, W width.
    """

    def __init__(self, config: BltConfig) -> None:
        super().__init__(config.decoder)
        width, many = config.decoder.width, config.keys_per_patch
        self.patch_embedding_projection = linear(config.global_transformer.width, many * width)
        self.norm = RMSNorm(width, config.decoder.epsilon)
        count = config.decoder.layers if config.decoder_cross_attends_everywhere else 1
        self.cross_attn_layers = nn.ModuleList(CrossAttention(config.decoder) for _ in range(count))
        self._many = many
        self._kept = 2.0 if config.doubled_residual else 1.0

    def patch_keys(self, outputs: Tensor) -> list[PatchKeys]:
        """The keys and values of each cross-attention for patches, from the global outputs ``(…, global width)``."""
        vectors = self.patch_embedding_projection(outputs).unflatten(-1, (self._many, -1))
        found = []
        for cross in self.cross_attn_layers:
            assert isinstance(cross, CrossAttention)
            normed = cross.k_norm(vectors)
            found.append(PatchKeys(cross.keys(normed), cross.values(normed)))
        return found

    def run_with(self, x_RNW: Tensor, seen_RNCKD: list[PatchKeys], rotate: Rotation, attend: Attend) -> Tensor:
        """The normed states behind the last layer, ``(R, N, W)``.

        Args:
            x_RNW: the states of the bytes from the encoder.
            seen_RNCKD: for each cross-attention the keys and values of the patch that each byte sees.
            rotate, attend: as of any stack.
        """
        for layer, block in enumerate(self.layers):
            if layer < len(self.cross_attn_layers):
                cross, seen = self.cross_attn_layers[layer], seen_RNCKD[layer]
                assert isinstance(cross, CrossAttention)
                query = cross.queries(cross.q_norm(x_RNW))
                x_RNW = self._kept * x_RNW + cross.joined(attend_to_patch(query, seen.keys, seen.values))
            x_RNW = block(x_RNW, layer, rotate, attend)
        normed: Tensor = self.norm(x_RNW)
        return normed
