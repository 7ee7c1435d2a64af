"""The Byte Latent Transformer over whole sequences: what training and scoring run, and what every cache must equal.

Shapes: R rows, N positions, P patches of the row that has most, W width.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from bytelm.blt import hashing
from bytelm.blt.attention import Attend, whole
from bytelm.blt.config import BltConfig
from bytelm.blt.decoder import LocalDecoder, PatchKeys
from bytelm.blt.encoder import LocalEncoder
from bytelm.blt.entropy import EntropyModel
from bytelm.blt.layers import Stack, initialize, linear


class Segments(NamedTuple):
    """Which patch each byte belongs to, and which one it sees.

    Attributes:
        patch_RN: the number of the patch of each byte in its row.
        seen_RN: the number of the last patch that is complete when the byte is read: the one before the patch of the
            next byte.
        counts_R: how many patches each row has.
        most: the largest of these.
    """

    patch_RN: Tensor
    seen_RN: Tensor
    counts_R: Tensor
    most: int


class Keep:
    """What is kept of a pass over whole sequences: nothing. Subclasses say otherwise."""

    def encoder(self, attend: Attend) -> Attend:
        """What the encoder attends by."""
        return attend

    def global_transformer(self, attend: Attend) -> Attend:
        """What the global transformer attends by."""
        return attend

    def decoder(self, attend: Attend) -> Attend:
        """What the decoder attends by."""
        return attend

    def states(self, states_RNW: list[Tensor]) -> None:
        """Told the states of the bytes; see `LocalEncoder.states`."""

    def patch_keys(self, keys_RPCKD: list[PatchKeys]) -> None:
        """Told the keys and values of the patches; see `LocalDecoder.patch_keys`."""


class GlobalTransformer(Stack):
    """The large transformer over patches; it has no norm at its end."""

    def __init__(self, config: BltConfig) -> None:
        super().__init__(config.global_transformer)
        given = config.keys_per_patch * config.encoder.width
        same = given == config.global_transformer.width
        self.token_embedding_projection: nn.Module = (
            nn.Identity() if same else linear(given, config.global_transformer.width)
        )


class Blt(nn.Module):
    """The network. Its parameters have the names of transformers' `BltForCausalLM`, without ``model.``.

    Weights are drawn anew by ``initialize``; a module made on the meta device is filled by `bytelm.blt.weights`.
    """

    def __init__(self, config: BltConfig) -> None:
        super().__init__()
        self.config = config
        self.local_encoder = LocalEncoder(config)
        self.global_transformer = GlobalTransformer(config)
        self.local_decoder = LocalDecoder(config)
        hashes = config.hashes
        self.encoder_hash_tok_embedding = nn.Embedding(hashes.tables * hashes.rows, config.encoder.width)
        self.patcher = None if config.entropy is None else EntropyModel(config.entropy, config.size)
        self.lm_head = linear(config.decoder.width, config.size)

    def initialize(self) -> "Blt":
        """Draw all weights anew (torch's generator); returns itself."""
        initialize(self)
        return self

    def entropy_logits(self, ids_RN: Tensor, first_RN: Tensor | None = None) -> Tensor:
        """The logits of the entropy model, ``(R, N, size)``.

        Args:
            ids_RN: int64.
            first_RN: the first position that each position sees; by default all before it.
        """
        assert self.patcher is not None, "a model without an entropy model is not asked for entropies"
        rotate = self.patcher.rotary.upto(ids_RN.shape[1], self.patcher.embed_tokens.weight)
        return self.patcher.logits(ids_RN, rotate, whole(ids_RN, self.patcher.config.window, first_RN))

    def forward(
        self, ids_RN: Tensor, starts_RM: Tensor, first_RN: Tensor | None = None, keep: "Keep | None" = None
    ) -> Tensor:
        """The logits of the id behind each position, ``(R, N, size)``.

        Args:
            ids_RN: int64, rows padded at their ends.
            starts_RM: bool ``(R, N + 1)``: whether a patch starts at a position; the last one is the next position.
                The first two positions of a row, and of a document, start one.
            first_RN: the first position of the document of each position, int64; rows are one document by default.
            keep: remembers what the pass finds, to go on from.
        """
        keep = keep or Keep()
        segments = segmented(starts_RM)
        x_RNW = self.embed(hashing.table_rows(ids_RN, self.config.hashes, None, first_RN), ids_RN)
        rotate = self.local_encoder.rotary.upto(ids_RN.shape[1], x_RNW)
        attend = keep.encoder(whole(x_RNW, self.config.encoder.window, first_RN))
        states = self.local_encoder.states(x_RNW, rotate, attend)
        keep.states(states)
        vectors = self._pooled(states, segments)
        outputs = self._over_patches(vectors, segments, first_RN, keep)
        keys = self.local_decoder.patch_keys(outputs)
        keep.patch_keys(keys)
        seen = [_of_each_byte(found, segments) for found in keys]
        rotate = self.local_decoder.rotary.upto(ids_RN.shape[1], x_RNW)
        attend = keep.decoder(whole(x_RNW, self.config.decoder.window, first_RN))
        found: Tensor = self.lm_head(self.local_decoder.run_with(states[-1], seen, rotate, attend))
        return found

    def embed(self, table_rows_RNX: Tensor, ids_RN: Tensor) -> Tensor:
        """The embeddings of bytes with those of the n-grams that they end, ``(R, N, W)``."""
        found: Tensor = self.local_encoder.embed_tokens(ids_RN)
        if not self.config.hashes.tables:
            return found
        return found + hashing.embed(table_rows_RNX, self.encoder_hash_tok_embedding.weight)

    def _pooled(self, states_RNW: list[Tensor], segments: Segments) -> Tensor:
        """The vectors of all patches, ``(R, P, k W)``, zero behind the last one of a row."""
        counts = segments.counts_R
        offsets_R = counts.cumsum(0) - counts
        patch_T = (segments.patch_RN + offsets_R[:, None]).flatten()
        total = int(counts.sum())
        vectors = self.local_encoder.pool([states.flatten(0, 1) for states in states_RNW], patch_T, total)
        index = torch.arange(segments.most, device=counts.device)
        inside = index < counts[:, None]
        padded: Tensor = vectors[(offsets_R[:, None] + index).clamp(max=total - 1)]
        return torch.where(inside[..., None], padded, 0)

    def _over_patches(self, vectors_RPX: Tensor, segments: Segments, first_RN: Tensor | None, keep: "Keep") -> Tensor:
        """The outputs of the global transformer, ``(R, P, global width)``."""
        own = self.global_transformer
        x = own.token_embedding_projection(vectors_RPX)
        first_RP = None if first_RN is None else _first_patches(segments, first_RN)
        attend = keep.global_transformer(whole(x, own.config.window, first_RP))
        return own.run(x, own.rotary.upto(segments.most, x), attend)


def segmented(starts_RM: Tensor) -> Segments:
    """The patches of rows from where they start, bool ``(R, N + 1)``."""
    numbers = starts_RM.long().cumsum(1)
    counts_R = numbers[:, -2]
    return Segments(numbers[:, :-1] - 1, numbers[:, 1:] - 2, counts_R, int(counts_R.max()))


def _of_each_byte(keys_RPCKD: PatchKeys, segments: Segments) -> PatchKeys:
    """The keys and values of the patch that each byte sees, ``(R, N, C, K, D)``."""
    rows = torch.arange(len(segments.counts_R), device=segments.counts_R.device)[:, None]
    return PatchKeys(*(part[rows, segments.seen_RN] for part in keys_RPCKD))


def _first_patches(segments: Segments, first_RN: Tensor) -> Tensor:
    """The first patch of the document of each patch, int64 ``(R, P)``; padding sees itself."""
    found = torch.arange(segments.most, device=first_RN.device).repeat(len(first_RN), 1)
    return found.scatter(1, segments.patch_RN, segments.patch_RN.gather(1, first_RN))
