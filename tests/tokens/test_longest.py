import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Encoder
from tokenizers import models

from bytelm.tokens.longest import LongestMatch
from bytelm.tokens.rwkv import RwkvEncoder, read_rwkv
from bytelm.tokens.segmenting import Segment
from bytelm.tokens.vocabulary import Vocabulary
from tokens.tiny import CORPUS

CONTINUATIONS = ["".join(parts).encode() for length in range(5) for parts in product("ab", repeat=length)]


def greedy(entries: dict[bytes, int], text: bytes) -> list[int] | None:
    """The slow reference: at every place the longest entry; ``None`` where there is none or it is not produced."""
    tokens: list[int] = []
    while text:
        token = next((entries[text[:end]] for end in range(len(text), 0, -1) if text[:end] in entries), -1)
        if token < 0:
            return None
        tokens.append(token)
        text = text[len(next(data for data, other in entries.items() if other == token)) :]
    return tokens


def walk(segmenter: LongestMatch, tokens: Sequence[int]) -> Segment | None:
    segment: Segment | None = segmenter.start
    for token in tokens:
        segment = None if segment is None else segmenter.advance(segment, token)
    return segment


def allowed_ids(segmenter: LongestMatch, vocabulary: Vocabulary, segment: Segment) -> list[int]:
    """The allowed tokens by id, which must be those that ``advance`` does not refuse."""
    mask = segmenter.allowed(segment)
    found = sorted(vocabulary.order[mask].tolist())
    ids = range(len(vocabulary.token_bytes))
    assert found == [token for token in ids if segmenter.advance(segment, token) is not None]
    assert (segmenter.closing(segment) == mask).all()
    assert segmenter.may_close(segment)
    return found


words = st.text("ab", min_size=1, max_size=5).map(str.encode)


@given(st.lists(words, min_size=1, max_size=8, unique=True), st.sets(words, max_size=3), st.data())
def test_heads_and_their_tokens_are_those_of_greedy_longest_match(
    tokens: list[bytes], competitors: set[bytes], data: st.DataObject
) -> None:
    vocabulary = Vocabulary(tokens)
    produced = np.array(data.draw(st.lists(st.booleans(), min_size=len(tokens), max_size=len(tokens))))
    segmenter = LongestMatch(vocabulary, produced, sorted(competitors))
    entries = dict.fromkeys(competitors, -1) | {word: i if produced[i] else -1 for i, word in enumerate(tokens)}
    heads: list[list[int]] = [[]]
    for head in heads:
        segment = walk(segmenter, head)
        assert segment is not None
        begun = b"".join(tokens[token] for token in head)
        texts = {t: [begun + tokens[t] + more for more in CONTINUATIONS] for t in range(len(tokens))}
        expected = [t for t in texts if any(starts_with(greedy(entries, y), [*head, t]) for y in texts[t])]
        assert allowed_ids(segmenter, vocabulary, segment) == expected
        heads += [[*head, token] for token in expected if len(head) < 2]


def starts_with(tokens: list[int] | None, head: list[int]) -> bool:
    return tokens is not None and tokens[: len(head)] == head


@given(st.sets(words, max_size=12), st.text("ab", max_size=16))
def test_the_segmentation_of_every_text_is_found(tokens: set[bytes], text: str) -> None:
    names = sorted({b"a", b"b", *tokens})
    vocabulary = Vocabulary(names)
    expected = greedy({name: i for i, name in enumerate(names)}, text.encode())
    assert expected is not None
    segmenter = LongestMatch(vocabulary)
    assert walk(segmenter, expected) is not None
    assert RwkvEncoder(names).encode(text.encode()) == expected


class WordPiece:
    """The same pieces twice: ours, and the tokenizer library's WordPiece. A piece without ``##`` begins a word."""

    def __init__(self, pieces: Sequence[str], longest: int) -> None:
        ids = {piece: i for i, piece in enumerate(["[UNK]", *pieces])}
        self.encoder = Encoder(models.WordPiece(vocab=ids, unk_token="[UNK]", max_input_chars_per_word=longest))
        data = [piece[2:] if piece.startswith("##") else f" {piece}" for piece in pieces]
        self.vocabulary = Vocabulary([b"", *(piece.encode() for piece in data)])
        self.segmenter = LongestMatch(self.vocabulary, longest=longest)

    def encode(self, word: bytes) -> list[int]:
        return list(self.encoder.encode(word.removeprefix(b" ").decode()).ids)

    def expected(self, head: Sequence[int], tokens: Sequence[int]) -> list[int]:
        """Which ``tokens`` may come after a head: the library makes just that of the word that they spell."""
        spelled = self.vocabulary.token_bytes
        begun = b"".join(spelled[token] for token in head)
        initial = [spelled[token].startswith(b" ") for token in tokens]
        pairs = [token for token, first in zip(tokens, initial, strict=True) if first != bool(head)]
        return [token for token in pairs if self.encode(begun + spelled[token]) == [*head, token]]


pieces_of_words = st.tuples(st.sampled_from(["", "##"]), st.text("aé", min_size=1, max_size=5)).map("".join)


@given(st.lists(pieces_of_words, min_size=1, max_size=12, unique=True), st.integers(1, 8))
def test_words_are_cut_as_wordpiece_cuts_them(pieces: list[str], longest: int) -> None:
    pair = WordPiece(pieces, longest)
    tokens = range(1, len(pair.vocabulary.token_bytes))
    heads: list[list[int]] = [[]]
    for head in heads:
        segment = walk(pair.segmenter, head)
        assert segment is not None
        spelled = pair.vocabulary.token_bytes
        found = [
            token
            for token in allowed_ids(pair.segmenter, pair.vocabulary, segment)
            if spelled[token].startswith(b" ") != bool(head)
        ]
        assert found == pair.expected(head, tokens)
        heads += [[*head, token] for token in found if len(head) < 3]


def test_a_longer_token_forbids_what_would_complete_it_and_no_more() -> None:
    names = [b"a", b"b", b"c", b"bc", b"abcd", b"d", b"bcd"]
    vocabulary = Vocabulary(names)
    segmenter = LongestMatch(vocabulary)
    after = segmenter.advance(segmenter.start, 0)
    assert after is not None
    assert [names[token] for token in allowed_ids(segmenter, vocabulary, after)] == [
        b"a",
        b"b",
        b"c",
        b"bc",
        b"abcd",
        b"d",
    ]
    after = segmenter.advance(after, 3)
    assert after is not None
    assert [names[token] for token in allowed_ids(segmenter, vocabulary, after)] == [
        b"a",
        b"b",
        b"c",
        b"bc",
        b"abcd",
        b"bcd",
    ]


def test_of_equal_tokens_the_lowest_produced_id_is_produced() -> None:
    vocabulary = Vocabulary([b"", b"a", b"a", b"a"])
    assert allowed_ids(LongestMatch(vocabulary), vocabulary, LongestMatch(vocabulary).start) == [1]
    segmenter = LongestMatch(vocabulary, np.array([False, False, True, True]))
    assert allowed_ids(segmenter, vocabulary, segmenter.start) == [2]


def test_heads_that_are_continued_alike_have_equal_segments() -> None:
    segmenter = LongestMatch(Vocabulary([b"a", b"b", b"ab", b"abc"]))
    assert walk(segmenter, [1]) == walk(segmenter, [1, 1]) == segmenter.start
    assert walk(segmenter, [2]) != segmenter.start


def test_a_mask_of_the_wrong_length_and_an_empty_competitor_are_errors() -> None:
    vocabulary = Vocabulary([b"a", b"b"])
    with pytest.raises(ValueError, match=r"produced has shape \(3,\), for 2 token ids"):
        LongestMatch(vocabulary, np.ones(3, dtype=bool))
    with pytest.raises(ValueError, match="without bytes cannot compete"):
        LongestMatch(vocabulary, competitors=[b""])


def test_rwkv_masks_are_what_the_encoder_does(shared: Path) -> None:
    tokens = read_rwkv(shared / "data/tokenizers/rwkv-world/rwkv_vocab_v20230424.txt")
    vocabulary, encoder, random = Vocabulary(tokens), RwkvEncoder(tokens), Random(1)
    segmenter = LongestMatch(vocabulary)
    assert segmenter.reachable.all()
    segment, begun = segmenter.start, b""
    ids = encoder.encode(CORPUS[: len(CORPUS) // 3].encode())
    for place, token in enumerate(ids):
        mask = segmenter.allowed(segment)
        likely = encoder.encode(random.choice(CORPUS).encode())
        for other in [token, *likely, *random.sample(range(1, len(tokens)), 20)]:
            stands = encoder.encode(begun + tokens[other]) == [*ids[:place], other]
            assert mask[vocabulary.index[other]] == stands == (segmenter.advance(segment, other) is not None)
        after = segmenter.advance(segment, token)
        assert after is not None
        segment, begun = after, begun + tokens[token]


def test_bert_words_are_cut_as_wordpiece_cuts_them(shared: Path) -> None:
    description = json.loads((shared / "data/tokenizers/bert-uncased/tokenizer.json").read_text(encoding="utf-8"))
    # The special pieces are written like words, but text never yields them.
    pieces = [piece for piece in description["model"]["vocab"] if not piece.startswith("[")]
    pair, random = WordPiece(pieces, 100), Random(2)
    texts = ["tokenization", "unbelievably", "antidisestablishmentarianism", "москва", "東京", "xqzjk", "1234567"]
    for word in texts:
        ids = pair.encode(word.encode())
        assert 0 not in ids, f"{word} is unknown"
        segment = pair.segmenter.start
        for place, token in enumerate(ids):
            some = sorted({token, *random.sample(range(1, len(pieces) + 1), 300)})
            mask = pair.segmenter.allowed(segment)
            # Only an initial piece stands at the beginning, and only there: the rule of borders sees to it.
            initial = [pair.vocabulary.token_bytes[other].startswith(b" ") for other in some]
            found = [
                other
                for other, first in zip(some, initial, strict=True)
                if mask[pair.vocabulary.index[other]] and first == (place == 0)
            ]
            assert found == pair.expected(ids[:place], some)
            assert token in found
            after = pair.segmenter.advance(segment, token)
            assert after is not None
            segment = after
