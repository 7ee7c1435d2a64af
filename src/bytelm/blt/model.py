"""The Byte Latent Transformer over whole sequences: what training and scoring run, and what every cache must equal.

Shapes: R rows, N positions, P patches of all rows, W width.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bytelm.blt import hashing
from bytelm.blt.attention import Apart, Attend, whole
from bytelm.blt.config import BltConfig
from bytelm.blt.decoder import LocalDecoder, PatchKeys
from bytelm.blt.encoder import LocalEncoder
from bytelm.blt.entropy import EntropyModel
from bytelm.blt.layers import Stack, initialize, linear


class Segments(NamedTuple):
    """Which patch each byte belongs to, and which one it sees; patches are numbered through all rows.

    Attributes:
        patch_RN: the patch of each byte.
        seen_RN: the last patch that is complete when the byte is read: the one before the patch of the next byte.
        documents: how many patches each document has; those of all rows, one behind the other.
    """

    patch_RN: Tensor
    seen_RN: Tensor
    documents: list[int]


class Keep:
    """What is kept of a pass over whole sequences: nothing. Subclasses say otherwise."""

    def patches(self, first_R: Tensor) -> None:
        """Told the first patch of each row; the patches of all rows stand one behind the other."""

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

    def patch_keys(self, keys_PCKD: list[PatchKeys]) -> None:
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
        segments = segmented(starts_RM, first_RN)
        keep.patches(segments.patch_RN[:, 0])
        x_RNW = self.embed(hashing.table_rows(ids_RN, self.config.hashes, None, first_RN), ids_RN)
        rotate = self.local_encoder.rotary.upto(ids_RN.shape[1], x_RNW)
        attend = keep.encoder(whole(x_RNW, self.config.encoder.window, first_RN))
        states = self.local_encoder.states(x_RNW, rotate, attend)
        keep.states(states)
        flat = [found.flatten(0, 1) for found in states]
        vectors = self.local_encoder.pool(flat, segments.patch_RN.flatten(), sum(segments.documents))
        keys = self.local_decoder.patch_keys(self._over_patches(vectors, segments.documents, keep))
        keep.patch_keys(keys)
        seen = [found.at(segments.seen_RN) for found in keys]
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

    def _over_patches(self, vectors_PX: Tensor, documents: list[int], keep: "Keep") -> Tensor:
        """The outputs of the global transformer, ``(P, global width)``; all documents are one row to it."""
        own = self.global_transformer
        x_1PW = own.token_embedding_projection(vectors_PX)[None]
        positions = torch.cat([torch.arange(size, device=x_1PW.device) for size in documents])
        rotate = own.rotary.at(positions[None], max(documents), x_1PW)
        attend = Apart(documents, [whole(x_1PW, own.config.window) for _ in documents])
        return own.run(x_1PW, rotate, keep.global_transformer(attend))[0]


def segmented(starts_RM: Tensor, first_RN: Tensor | None = None) -> Segments:
    """The patches of rows from where they start, bool ``(R, N + 1)``, and where their documents begin."""
    starts_RN = starts_RM[:, :-1]
    patch_RN = (starts_RN.flatten().long().cumsum(0) - 1).view(starts_RN.shape)
    begins = patch_RN[:, 0]
    if first_RN is not None:
        positions = torch.arange(first_RN.shape[1], device=first_RN.device)
        begins = patch_RN[starts_RN & (first_RN == positions)]
    ends = [*begins.tolist(), int(patch_RN[-1, -1]) + 1]
    return Segments(patch_RN, patch_RN + starts_RM[:, 1:].long() - 1, [end - begin for begin, end in pairwise(ends)])
