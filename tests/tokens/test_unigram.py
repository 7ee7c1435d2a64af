import json
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Encoder
from tokenizers import models

from bytelm.tokens.pieces import Pieces
from bytelm.tokens.segmenting import Segment
from bytelm.tokens.unigram import Unigram
from bytelm.tokens.vocabulary import Vocabulary

UNKNOWN = "<unk>"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]

Scored = dict[str, float]


class Pair:
    """The same pieces twice: ours, and the tokenizer library's Unigram.

    Args:
        pieces: the pieces that are tokens, with their scores.
        competitors: pieces that are no tokens.
        fallback: whether there are byte tokens.
    """

    def __init__(self, pieces: Scored, competitors: Scored | None = None, fallback: bool = False) -> None:
        written = dict.fromkeys(BYTES if fallback else [], 0.0)
        others = {UNKNOWN: 0.0, **(competitors or {})}
        listed = [*others.items(), *written.items(), *pieces.items()]
        self.first = len(others)
        self.encoder = Encoder(models.Unigram(listed, 0, byte_fallback=fallback))
        spelled = [b"", *(b"" for _ in competitors or ()), *(bytes([i]) for i in range(len(written)))]
        self.vocabulary = Vocabulary([*spelled, *(piece.replace("▁", " ").encode() for piece in pieces)])
        self.unigram = Unigram(
            self.vocabulary,
            np.array([score for _, score in listed]),
            {piece.replace("▁", " "): score for piece, score in (others | written).items()},
            range(self.first, self.first + 256) if fallback else None,
        )

    def encode(self, text: str) -> list[int]:
        return list(self.encoder.encode(text.replace(" ", "▁")).ids)

    def spell(self, tokens: Iterable[int]) -> bytes:
        return b"".join(self.vocabulary.token_bytes[token] for token in tokens)

    def walk(self, tokens: Sequence[int]) -> Segment | None:
        segment: Segment | None = self.unigram.start
        for token in tokens:
            segment = None if segment is None else self.unigram.advance(segment, token)
        return segment

    def allowed(self, segment: Segment) -> list[int]:
        """The allowed tokens by id, which must be those that ``advance`` does not refuse."""
        mask, closing = self.unigram.allowed(segment), self.unigram.closing(segment)
        found = sorted(self.vocabulary.order[mask].tolist())
        after = {token: self.unigram.advance(segment, token) for token in range(len(self.vocabulary.token_bytes))}
        assert found == [token for token, then in after.items() if then is not None]
        ended = [token for token, then in after.items() if then is not None and self.unigram.may_close(then)]
        assert sorted(self.vocabulary.order[closing].tolist()) == ended
        return found

    def has_head(self, text: bytes, head: Sequence[int]) -> bool:
        """Whether the library's tokens of a text, none of them unknown, begin with ``head``."""
        try:
            ids = self.encode(text.decode())
        except UnicodeDecodeError:
            return False
        return ids[: len(head)] == list(head) and min(ids[: len(head)], default=1) >= self.first

    def judge(self, head: Sequence[int], tokens: Iterable[int], continuations: Sequence[bytes]) -> list[int]:
        """Those of ``tokens`` that some continuation makes the library put behind ``head``."""
        begun = self.spell(head)
        return [
            token
            for token in tokens
            if any(self.has_head(begun + self.spell([token]) + more, [*head, token]) for more in continuations)
        ]

    def check(self, continuations: Sequence[bytes], depth: int, most: int = 40) -> None:
        """Heads of up to ``depth`` tokens, the first ``most`` found, and all tokens behind each."""
        tokens = range(len(self.vocabulary.token_bytes))
        heads: list[list[int]] = [[]]
        for head in heads:
            segment = self.walk(head)
            assert segment is not None
            found = self.allowed(segment)
            assert found == self.judge(head, tokens, continuations), [self.spell([token]) for token in head]
            room = max(0, most - len(heads)) if len(head) < depth else 0
            heads += [[*head, token] for token in found][:room]
        reachable = set(self.vocabulary.order[self.unigram.reachable].tolist())
        assert {token for head in heads for token in head} <= reachable
        assert set(self.allowed(self.unigram.start)) <= reachable


def strings(alphabet: str, longest: int) -> list[bytes]:
    return ["".join(some).encode() for length in range(longest + 1) for some in product(alphabet, repeat=length)]


rounded = st.integers(-6, 12).map(float)
"""Scores that tie again and again."""
uneven = st.floats(-9, 0).map(lambda score: score / 3)
"""Scores that do not add up exactly."""
tenths = st.integers(-30, 0).map(lambda tenth: tenth / 10)
"""Scores that tie but for their rounding."""


@st.composite
def scored(draw: st.DrawFn, alphabet: str = "ab", most: int = 9) -> tuple[Scored, Scored]:
    """Pieces and competitors, some characters without a piece among them."""
    scores = draw(st.sampled_from([rounded, uneven, tenths]))
    words = draw(st.lists(st.text(alphabet, min_size=1, max_size=4), min_size=1, max_size=most, unique=True))
    pieces = {word: draw(scores) for word in words}
    rare = [word for word in words[1:] if draw(st.integers(0, 5)) == 0]
    return {word: score for word, score in pieces.items() if word not in rare}, {word: pieces[word] for word in rare}


@settings(max_examples=150)
@given(scored())
def test_heads_and_their_tokens_are_those_of_the_library(drawn: tuple[Scored, Scored]) -> None:
    Pair(*drawn).check(strings("ab", 3), depth=3)


@settings(max_examples=150)
@given(scored(most=14))
def test_heads_and_their_tokens_are_those_of_the_library_without_continuation(drawn: tuple[Scored, Scored]) -> None:
    Pair(*drawn).check([b""], depth=8)


CHARACTERS = [chr(code).encode() for code in (*range(0xC0, 0x100), 0x800, 0xFFFF, 0x10000, 0x50000, 0x10FFFF)]


def endings() -> list[bytes]:
    """The rests of characters that byte tokens may have begun, all of those of two bytes with a lead of ``c3``."""
    ends = [char[cut:] for char in CHARACTERS for cut in range(1, len(char))]
    return [b"", *dict.fromkeys([*ends, *(bytes([byte]) * n for byte in (0x80, 0x90, 0xA0) for n in (1, 2, 3))])]


@settings(max_examples=25)
@given(scored(alphabet="aé"), st.data())
def test_byte_tokens_spell_characters_without_a_piece(drawn: tuple[Scored, Scored], data: st.DataObject) -> None:
    pair = Pair(*drawn, fallback=True)
    tokens = [pair.first + byte for byte in (0x61, 0x62, 0x80, 0xA9, 0xC3, 0xE2, 0xED, 0xF4, 0xC0)]
    tokens += range(pair.first + 256, len(pair.vocabulary.token_bytes))
    head: list[int] = []
    for _ in range(5):
        segment = pair.walk(head)
        assert segment is not None
        found = [token for token in pair.allowed(segment) if token in tokens]
        assert found == pair.judge(head, tokens, endings()), [pair.spell([token]) for token in head]
        if not found:
            break
        head.append(data.draw(st.sampled_from(found)))


def test_a_character_is_not_unknown_where_a_piece_from_before_takes_it_in() -> None:
    pair = Pair({"a": -1.0, "aé": -2.0}, fallback=True)
    lead = pair.first + 0xC3
    assert lead in pair.allowed(pair.unigram.start)
    after = pair.walk([len(pair.vocabulary.token_bytes) - 2])
    assert after is not None
    cut = pair.unigram.advance(after, lead)
    assert cut is not None
    assert not pair.unigram.may_close(cut)
    assert pair.first + 0xA9 not in pair.allowed(cut)
    assert pair.first + 0xA8 in pair.allowed(cut)


@pytest.mark.parametrize(("score", "unknown"), [(9.5, False), (10.0, False), (10.5, True)])
def test_an_unknown_character_must_score_higher_than_a_piece_from_before(score: float, unknown: bool) -> None:
    pair = Pair({"a": score, "aé": 0.0}, fallback=True)
    a = pair.first + 256
    spelled = [a, pair.first + 0xC3, pair.first + 0xA9]
    assert (pair.encode("aé") == spelled) == unknown == (pair.walk(spelled) is not None)
    assert (pair.encode("aé") == [a + 1]) != unknown == (pair.walk([a + 1]) is None)


def test_a_lead_byte_is_refused_where_all_its_characters_have_pieces() -> None:
    latin = {chr(code): -1.0 for code in range(0xC0, 0xFF)}
    start = Pair(latin, fallback=True)
    assert start.first + 0xC3 in start.allowed(start.unigram.start)
    assert start.unigram.reachable[start.vocabulary.index[start.first + 0xBF]]
    full = Pair({**latin, "ÿ": -1.0}, fallback=True)
    assert full.first + 0xC3 not in full.allowed(full.unigram.start)
    assert not full.unigram.reachable[full.vocabulary.index[full.first + 0xC3]]


@given(scored(alphabet="ab▁", most=20), st.text("ab▁", max_size=20))
def test_the_segmentation_of_every_text_is_found(drawn: tuple[Scored, Scored], text: str) -> None:
    pair = Pair(*drawn)
    ids = pair.encode(text)
    whole = all(token >= pair.first for token in ids)
    assert (pair.walk(ids) is not None) == whole


def test_a_control_token_written_in_a_text_is_never_produced_nor_passed_over() -> None:
    pair = Pair({"<": -1.0, "/": -1.0, "s": -1.0, ">": -1.0, "/s>": -1.0}, {"</s>": 0.0})
    less, slash, s, more, rest = range(pair.first, pair.first + 5)
    assert pair.encode("</s>") == [1]
    for head, token in [([less, slash, s], more), ([less], rest)]:
        segment = pair.walk(head)
        assert segment is not None
        assert token not in pair.allowed(segment)
        assert token in pair.allowed(pair.unigram.start)


@given(st.dictionaries(st.text("abé", min_size=1, max_size=5), uneven, min_size=1, max_size=20))
def test_rests_of_pieces_are_scored_as_a_plain_viterbi_search_scores_them(scores: Scored) -> None:
    pieces = Pieces(scores, -20.0)

    def best(text: str, whole: bool = True) -> float:
        found = 0.0 if not text else -np.inf
        for end in range(1, len(text) + (1 if whole else 0)):
            score = scores.get(text[:end], -20.0 if end == 1 else -np.inf)
            found = max(found, score + best(text[end:]))
        return found

    for i, text in enumerate(pieces.texts):
        assert pieces.surplus[i] == pytest.approx(best(text, whole=False) - scores[text])
        for k in range(len(text) + 1):
            at = pieces.offsets[i] + k
            assert pieces.rests[at] == pytest.approx(best(text[k:]))
            begun = [j for j, other in enumerate(pieces.texts) if k < len(text) and other.startswith(text[k:])]
            assert list(range(pieces.lows[at], pieces.highs[at])) == begun


def test_scores_are_exact_if_they_are_those_of_a_sentencepiece_model() -> None:
    singles = np.float32([-3.3292614, -15.379324])
    assert Pieces({"a": float(singles[0]), "b": float(singles[1])}, -25.0).exact
    assert not Pieces({"a": -0.1, "b": -0.2}, -10.2).exact


def test_equal_continuations_have_equal_segments_whatever_stands_before() -> None:
    pair = Pair({"a": -1.5, "b": -2.25, "ab": -3.0, "c": -1.0})
    a, b, _, c = range(pair.first, pair.first + 4)
    assert pair.walk([b]) == pair.walk([c]) == pair.walk([c, b, c]) == pair.unigram.start
    assert pair.walk([c, a]) == pair.walk([a]) != pair.unigram.start


def test_of_equal_pieces_the_highest_id_is_produced() -> None:
    encoder = Encoder(models.Unigram([(UNKNOWN, 0.0), ("a", -1.0), ("a", -2.0)], 0))
    vocabulary = Vocabulary([b"", b"a", b"a"])
    unigram = Unigram(vocabulary, np.array([0.0, -1.0, -2.0]))
    assert encoder.encode("a").ids == vocabulary.order[unigram.allowed(unigram.start)].tolist() == [2]


def test_arguments_that_do_not_fit_are_errors() -> None:
    vocabulary = Vocabulary([b"", b"a", b"\xc3"])
    nan = float("nan")
    with pytest.raises(ValueError, match=r"expected 3 scores, nan or finite, got shape \(2,\)"):
        Unigram(vocabulary, np.zeros(2))
    with pytest.raises(ValueError, match=r"token 2, .* is a piece but no UTF-8"):
        Unigram(vocabulary, np.zeros(3))
    with pytest.raises(ValueError, match="no token is a piece"):
        Unigram(vocabulary, np.array([0.0, nan, nan]))
    with pytest.raises(ValueError, match="competitor 'a' is a token too"):
        Unigram(vocabulary, np.array([0.0, 0.0, nan]), {"a": 0.0})
    with pytest.raises(ValueError, match="competitor '' is empty"):
        Unigram(vocabulary, np.array([0.0, 0.0, nan]), {"": 0.0})
    with pytest.raises(ValueError, match="there must be 256 byte tokens, not 1"):
        Unigram(vocabulary, np.array([0.0, 0.0, nan]), byte_tokens=[2])
    with pytest.raises(ValueError, match=r"byte token 1 stands for b'\\x00', not b'a'"):
        Unigram(Vocabulary([b"", *[b"a"] * 256]), np.zeros(257), byte_tokens=range(1, 257))


def test_pegasus_words(shared: Path) -> None:
    path = shared / "data/tokenizers/pegasus-unigram/tokenizer.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    special = {entry["content"] for entry in description["added_tokens"]} - {UNKNOWN}
    pieces = {piece: score for piece, score in description["model"]["vocab"] if piece not in {*special, UNKNOWN}}
    competitors = {piece: score for piece, score in description["model"]["vocab"] if piece in special}
    pair, random = Pair(pieces, competitors), Random(3)
    spelled = pair.vocabulary.order.tolist()
    for word in ("internationalisation", "unbelievably", "preposterousnesses,", "1234567", "times!", "<n>x"):
        ids = pair.encode(f" {word}")
        segment = pair.unigram.start
        for place, token in enumerate(ids):
            some = [token, *random.sample(spelled, 100)]
            mask = pair.unigram.allowed(segment)
            judged = pair.judge(ids[:place], some, [b""])
            assert [other for other in some if mask[pair.vocabulary.index[other]]] == judged
            assert token in judged
            after = pair.unigram.advance(segment, token)
            assert after is not None
            segment = after
