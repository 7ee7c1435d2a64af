"""Unigram segmentation (Kudo 2018): of all segmentations of a pre-token the one of the highest score.

The best segmentation up to a place begins with the best one up to the start of its last token. So a head is what
the tokenizer makes of its bytes, or no continuation of them starts with it; and a token may follow a head exactly
when it is the last one of the best segmentation that ends where it ends.

The rivals of a token t behind a head that ends at E are pieces that start at an earlier place p and cross E, each
followed by the best segmentation of what is left of t, and the segmentations of t itself. The latter, and the best
scores of what is left, are fixed (:mod:`bytelm.tokens.pieces`). The former are the pieces that begin with the text
from p to E. A piece that goes on from there with x competes with the tokens that begin with x, a range of the sorted
pieces. So a mask takes one table look-up for every such pair.

The judge is Hugging Face ``tokenizers`` (``models/unigram/model.rs``, ``encode_optimized``): it adds scores from left
to right in float64, and of equal sums keeps the one whose last piece starts first. Scores that come from a
SentencePiece model are float32, so that float64 adds them exactly, and only differences matter. Otherwise sums from
the beginning of the pre-token are kept as they are, and tokens within rounding of a rival are judged by adding up in
that order. (SentencePiece itself adds in float32, and may decide near ties otherwise.)
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from bytelm.protocol import FloatArray
from bytelm.tokens.pieces import Pieces
from bytelm.tokens.segmenting import Segment
from bytelm.tokens.vocabulary import Vocabulary
from bytelm.utf8 import completions, split_tail, unfinished

_UNKNOWN_PENALTY = 10.0
_ROUNDING = 2.0**-40
"""What sums of scores lose at most, relative to their size, in pre-tokens of up to some thousand tokens."""
_MASK_CACHE_BYTES = 64 * 2**20
_CONTINUING = frozenset(bytes([byte]) for byte in range(0x80, 0xC0))


class UnigramSegment(NamedTuple):
    """What the best segmentation of a pre-token's beginning leaves open.

    Attributes:
        score: the score of the best segmentation up to here; 0.0 if scores are exact, as only differences matter.
        starts: earlier places from which a piece may reach beyond here, the earliest first: the text from there to
            here, and the score of the best segmentation up to there.
        partial: the bytes of an unknown character that byte tokens began behind here.
    """

    score: float
    starts: tuple[tuple[str, float], ...]
    partial: bytes


class Unigram:
    """The segmenter of a Unigram model; see :class:`bytelm.tokens.segmenting.Segmenter`.

    A text with an unknown character is impossible, unless there are byte tokens to spell it.

    Args:
        vocabulary: the tokens. Their bytes are what the pieces stand for in a text.
        scores: float64 ``(len(vocabulary.token_bytes),)`` by id, all scores of the model; nan for ids that are not
            in it. Of several tokens with the same bytes the highest id is produced.
        competitors: the scores of pieces that the tokenizer looks for in a text but that are no tokens of
            ``vocabulary``, such as control tokens. Heads never have them.
        byte_tokens: the ids of the 256 byte tokens, if the tokenizer falls back on them. That the tokenizer also
            finds them as written, ``<0x41>``, is for ``competitors`` to say.
        over_bytes: whether pieces are of bytes and not of characters; then bytes are read as Latin-1 here, which keeps
            their order, also those of ``competitors``.

    Raises:
        ValueError: the arguments do not fit each other.
    """

    start: Segment = UnigramSegment(0.0, (), b"")

    def __init__(
        self,
        vocabulary: Vocabulary,
        scores: FloatArray,
        competitors: Mapping[str, float] | None = None,
        byte_tokens: Sequence[int] | None = None,
        over_bytes: bool = False,
    ) -> None:
        self._vocabulary = vocabulary
        self._encoding = "latin-1" if over_bytes else "utf-8"
        self._byte_of = _bytes_of(vocabulary, byte_tokens)
        tokens = self._spelled(scores)
        pieces = {text: float(scores[token]) for text, token in tokens.items()}
        for text, score in (competitors or {}).items():
            if not text or text in pieces:
                raise ValueError(f"competitor {text!r} is " + ("a token too" if text else "empty"))
            pieces[text] = score
        lowest = min(float(np.nanmin(scores)), *pieces.values())
        self._pieces = Pieces(pieces, lowest - _UNKNOWN_PENALTY)
        self._largest = float(np.abs(self._pieces.scores * self._pieces.lengths).max())
        self._texts = {token: text for text, token in tokens.items()}
        ids = np.array([tokens.get(text, -1) for text in self._pieces.texts])
        self._places = np.where(ids >= 0, vocabulary.index[ids], -1)
        self._characters = sorted(ord(text) for text in self._pieces.texts if len(text) == 1)
        masks = max(64, _MASK_CACHE_BYTES // vocabulary.size)
        self._masks = lru_cache(maxsize=masks)(self._mask)
        self._closing = lru_cache(maxsize=masks)(self._mask_of_closing) if byte_tokens is not None else self._masks
        self.reachable = self._find_reachable()

    def advance(self, segment: Segment, token: int) -> Segment | None:
        before = cast(UnigramSegment, segment)
        byte = self._byte_of.get(token)
        if byte is not None:
            return self._spell(before, before.partial + byte)
        text = self._texts.get(token)
        return None if text is None or before.partial else self._follow(before, text)

    def allowed(self, segment: Segment) -> NDArray[np.bool_]:
        return self._masks(segment)

    def closing(self, segment: Segment) -> NDArray[np.bool_]:
        return self._closing(segment)

    def exceptional(self, segment: Segment) -> NDArray[np.int64]:
        return np.flatnonzero(self.allowed(segment))

    def may_close(self, segment: Segment) -> bool:
        return not cast(UnigramSegment, segment).partial

    def _spelled(self, scores: FloatArray) -> dict[str, int]:
        """The tokens that are pieces, by their text."""
        spelled = self._vocabulary.token_bytes
        if scores.shape != (len(spelled),) or np.isinf(scores).any():
            raise ValueError(f"expected {len(spelled)} scores, nan or finite, got shape {scores.shape}")
        tokens: dict[str, int] = {}
        for token in np.flatnonzero(~np.isnan(scores)).tolist():
            if spelled[token] and token not in self._byte_of:
                try:
                    tokens[spelled[token].decode(self._encoding)] = token
                except UnicodeDecodeError as error:
                    raise ValueError(f"token {token}, {spelled[token]!r}, is a piece but no UTF-8") from error
        if not tokens:
            raise ValueError("no token is a piece")
        return tokens

    def _follow(self, segment: UnigramSegment, text: str) -> UnigramSegment | None:
        """The segment behind ``text`` as one token, a piece or an unknown character; ``None`` if it is not best."""
        scores, origin = self._search(segment, text)
        if origin != 0:
            return None
        begun = [(start + text, score) for start, score in segment.starts]
        begun += [(text[i:], scores[i]) for i in range(len(text))]
        shift = scores[-1] if self._pieces.exact else 0.0
        starts = tuple((start, score - shift) for start, score in begun if self._pieces.goes_on(start))
        return UnigramSegment(scores[-1] - shift, starts, b"")

    def _search(self, segment: UnigramSegment, text: str) -> tuple[list[float], int]:
        """Viterbi search through ``text``.

        Returns:
            the best scores from here to its end, one more than there are characters; and where the last piece of
            the best segmentation starts, in characters from here, -1 for all places before.
        """
        length = len(text)
        piece, unknown = self._pieces.score, self._pieces.unknown
        best = [segment.score] + [-np.inf] * length
        origin = -1
        for start, before in segment.starts:
            for end in range(1, length + 1):
                score = piece.get(start + text[:end])
                if score is not None and score + before > best[end]:
                    best[end] = score + before
        for begin in range(length):
            for end in range(begin + 1, length + 1):
                score = piece.get(text[begin:end], unknown if end == begin + 1 else None)
                if score is not None and score + best[begin] > best[end]:
                    best[end] = score + best[begin]
                    origin = begin if end == length else origin
        return best, origin

    def _mask(self, segment: UnigramSegment) -> NDArray[np.bool_]:
        mask = np.zeros(self._vocabulary.size, dtype=bool)
        if not segment.partial:
            gaps, margin = self._gaps(segment), self._margin(segment)
            mask[self._places[(gaps < -margin) & (self._places >= 0)]] = True
            for index in np.flatnonzero((np.abs(gaps) <= margin) & (self._places >= 0)).tolist():
                mask[self._places[index]] = self._search(segment, self._pieces.texts[index])[1] == 0
        crossed = self._crossed(segment)
        for token, byte in self._byte_of.items():
            mask[self._vocabulary.index[token]] = self._may_spell(segment.partial + byte, crossed)
        mask.flags.writeable = False
        return mask

    def _mask_of_closing(self, segment: UnigramSegment) -> NDArray[np.bool_]:
        """The allowed tokens, but for bytes that leave a character unfinished."""
        mask = self._masks(segment).copy()
        for token, byte in self._byte_of.items():
            if unfinished(segment.partial + byte):
                mask[self._vocabulary.index[token]] = False
        mask.flags.writeable = False
        return mask

    def _margin(self, segment: UnigramSegment) -> float:
        """How far off differences of scores may be."""
        if self._pieces.exact:
            return 0.0
        return _ROUNDING * (abs(segment.score) + self._largest)

    def _gaps(self, segment: UnigramSegment) -> FloatArray:
        """By how much the best rival of each piece scores higher: float64, in the order of the pieces."""
        pieces = self._pieces
        gaps = pieces.surplus.copy()
        for start, before in segment.starts:
            span = pieces.span(start)
            rivals = np.arange(span.start, span.stop)
            more = pieces.lengths[rivals] - len(start)
            rests = pieces.offsets[rivals] + len(start)
            counts = np.where(more > 0, np.maximum(pieces.highs[rests] - pieces.lows[rests], 0), 0)
            first = pieces.lows[rests] - np.cumsum(counts) + counts
            targets = np.repeat(first, counts) + np.arange(counts.sum())
            crossing = np.repeat(pieces.scores[rivals] + (before - segment.score), counts)
            left = pieces.rests[pieces.offsets[targets] + np.repeat(more, counts)]
            np.maximum.at(gaps, targets, crossing + left - pieces.scores[targets])
        return gaps

    def _spell(self, segment: UnigramSegment, data: bytes) -> UnigramSegment | None:
        """The segment behind byte tokens that spell ``data``, an unknown character or the beginning of one."""
        if not self._may_spell(data, self._crossed(segment)):
            return None
        if unfinished(data):
            return segment._replace(partial=data)
        return self._follow(segment, data.decode())

    def _may_spell(self, data: bytes, crossed: frozenset[int]) -> bool:
        """Whether ``data`` is, or begins, a character that has no piece and is not among those ``crossed``."""
        split = split_tail(data)
        if split is None:
            return False
        text, tail = split
        if len(text) + bool(tail) > 1:
            return False
        codes = completions(tail) if tail else range(ord(text), ord(text) + 1)
        found = bisect_left(self._characters, codes.stop) - bisect_left(self._characters, codes.start)
        return found + sum(code in codes for code in crossed) < len(codes)

    def _crossed(self, segment: UnigramSegment) -> frozenset[int]:
        """The characters without a piece that here are better taken as the last one of a piece begun before."""
        pieces = self._pieces
        unknown = pieces.unknown + segment.score
        crossed = set()
        for start, before in segment.starts if self._byte_of else ():
            span = pieces.span(start)
            longer = np.flatnonzero(pieces.lengths[span.start : span.stop] == len(start) + 1)
            for text in (pieces.texts[span[index]] for index in longer.tolist()):
                if text[-1] not in pieces.score and pieces.score[text] + before >= unknown:
                    crossed.add(ord(text[-1]))
        return frozenset(crossed)

    def _find_reachable(self) -> NDArray[np.bool_]:
        """The tokens of some pre-token: pieces that are best alone, and the bytes of characters without a piece."""
        start = cast(UnigramSegment, self.start)
        reachable = np.zeros(self._vocabulary.size, dtype=bool)
        reachable[self._places[(self._pieces.surplus <= self._margin(start)) & (self._places >= 0)]] = True
        waiting, found = [b""], set[bytes]()
        for begun in waiting if self._byte_of else ():
            after = [byte for byte in self._byte_of.values() if self._may_spell(begun + byte, frozenset())]
            found.update(after)
            waiting += [begun + byte for byte in after if unfinished(begun + byte)]
            if found.issuperset(_CONTINUING):
                break
        reachable[[self._vocabulary.index[token] for token, byte in self._byte_of.items() if byte in found]] = True
        return reachable


def _bytes_of(vocabulary: Vocabulary, byte_tokens: Sequence[int] | None) -> dict[int, bytes]:
    """The byte of each byte token."""
    found = {token: bytes([byte]) for byte, token in enumerate(byte_tokens or ())}
    if byte_tokens is not None and len(found) != 256:
        raise ValueError(f"there must be 256 byte tokens, not {len(found)}")
    for token, byte in found.items():
        if vocabulary.token_bytes[token] != byte:
            raise ValueError(f"byte token {token} stands for {byte!r}, not {vocabulary.token_bytes[token]!r}")
    return found
