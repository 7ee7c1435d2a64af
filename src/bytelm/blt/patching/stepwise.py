"""Where patches start, byte by byte: the twin of `bytelm.blt.patching.whole` for texts that are being written."""

from dataclasses import dataclass

from bytelm.blt.patching.borders import Borders, begin_borders
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.spaces import space_ends
from bytelm.blt.patching.uncertainty import checked_entropy, exceeds
from bytelm.blt.vocabulary import BOS, EOS
from bytelm.tokens.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True, eq=False)
class PatchState:
    """What the ids so far say about where patches start. Frozen: `after` makes a new state.

    Attributes:
        starts: whether a patch starts at the next position.
        place: of the next position in its document.
        length: how many ids the patch of the last id has so far; 0 before the first id of a document.
        last: the last id; -1 before the first id of a document.
        entropy: behind the last id, nats; 0 where no entropies are needed.
        patching: what decides.
        documents: whether documents are told apart.
        borders: of the tokenizer's tokens, for patching by ``"tokenizer"``.
    """

    starts: bool
    place: int
    length: int
    last: int
    entropy: float
    patching: Patching
    documents: bool
    borders: Borders | None

    def after(self, id: int, entropy: float | None = None) -> "PatchState":
        """The state after one more id.

        Behind an EOS a document begins, and with it a fresh state. A BOS begins one too, wherever it stands; that no
        patch started at its place can no longer be helped then.

        Args:
            id: the id.
            entropy: of the next byte behind it, nats; for patchings that need it.

        Raises:
            ValueError: the entropy is missing or not finite.
        """
        patching = self.patching
        if self.documents and id == BOS and self.place:
            return _fresh(patching, self.documents, self.borders and self.borders.after(id)).after(id, entropy)
        uncertain = checked_entropy(patching, entropy) if patching.needs_entropies else 0.0
        borders = self.borders.after(id) if self.borders else None
        if self.documents and id == EOS:
            return _fresh(patching, self.documents, borders)
        length = 1 if self.starts else self.length + 1
        starts = self.place == 0 or length == patching.longest or self._decides(id, uncertain, borders)
        return PatchState(starts, self.place + 1, length, id, uncertain, patching, self.documents, borders)

    def _decides(self, id: int, entropy: float, borders: Borders | None) -> bool:
        """Whether the rule of the patching starts a patch behind the id."""
        patching = self.patching
        if patching.needs_entropies:
            return exceeds(patching, self.place, entropy, self.entropy)
        if patching.mode == "space":
            return space_ends(id, self.last)
        if borders:
            return borders.moved
        return patching.mode == "byte" or self.place % patching.size == 0


def begin(patching: Patching, tokenizer: Tokenizer | None = None, *, documents: bool = True) -> PatchState:
    """The state before the first id, which is a BOS.

    Args:
        patching: what decides.
        tokenizer: for patching by ``"tokenizer"``.
        documents: whether documents are told apart; if not, all ids that come are of one.

    Raises:
        ValueError: the tokenizer is missing.
    """
    borders = begin_borders(tokenizer) if patching.mode == "tokenizer" else None
    return _fresh(patching, documents, borders)


def _fresh(patching: Patching, documents: bool, borders: Borders | None) -> PatchState:
    return PatchState(True, 0, 0, -1, 0.0, patching, documents, borders)
