from pathlib import Path

import numpy as np
import pytest

from bytelm.tokens.tokenizer import Tokenizer
from tokens.tiny import added, byte_level, save, sentencepiece


@pytest.fixture
def tokenizer(tmp_path: Path) -> Tokenizer:
    description = byte_level([(b"a", b"b")])
    description["added_tokens"] = [added(257, "<|end|>")]
    description["truncation"] = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    return save(tmp_path, description)


def test_tokens_as_bytes(tokenizer: Tokenizer) -> None:
    assert tokenizer.size == 258
    assert tokenizer.token_bytes(256) == b"ab"
    assert tokenizer.token_bytes(257) == b""
    assert tokenizer.vocabulary.size == 257


@pytest.mark.parametrize("token", [-1, 258, 10**9])
def test_a_token_id_out_of_range_is_an_error(tokenizer: Tokenizer, token: int) -> None:
    message = f"token id {token} is not in the vocabulary, which has ids 0 to 257"
    with pytest.raises(ValueError, match=message):
        tokenizer.token_bytes(token)
    with pytest.raises(ValueError, match=message):
        tokenizer.allowed_next([97, token])


def test_a_sequence_that_the_tokenizer_never_produces_is_an_error(tokenizer: Tokenizer) -> None:
    message = r"token 98 at place 1 may not follow \[97\]: the tokenizer produces no such sequence"
    with pytest.raises(ValueError, match=message):
        tokenizer.allowed_next([97, 98])
    with pytest.raises(ValueError, match="token 257 at place 0 may not follow"):
        tokenizer.allowed_next([257])


def test_allowed_next_by_token_id(tokenizer: Tokenizer) -> None:
    allowed = tokenizer.allowed_next([97])
    assert allowed.shape == (258,)
    assert allowed.dtype == bool
    assert not allowed[98], "ab would be merged"
    assert allowed[97]
    assert allowed[256]
    assert not allowed[257], "special tokens never follow"
    assert not allowed[0x80], "no character starts so"
    assert np.flatnonzero(tokenizer.allowed_next([0xC3])).tolist() == [*range(0x80, 0xC0)]


def test_a_text_begins_with_the_prefix(tmp_path: Path) -> None:
    tokenizer = save(tmp_path, sentencepiece("▁a", [("▁", "a")]))
    first = {tokenizer.token_bytes(token) for token in np.flatnonzero(tokenizer.allowed_next([])).tolist()}
    assert first == {b" ", b" a"}
    with pytest.raises(ValueError, match="at place 0 may not follow"):
        tokenizer.allowed_next([tokenizer.token_named("a") or 0])


def test_encode_gives_the_whole_text_without_special_tokens(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("abab<|end|>") == [256, 256, *b"<|end|>"]
    assert tokenizer.encode(b"ab") == [256]
    assert tokenizer.encode("") == []


def test_encode_of_invalid_utf8_is_an_error(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="a tokenizer encodes valid UTF-8 only; byte 2 of the text is not"):
        tokenizer.encode(b"ab\xff")


def test_every_segmentation_allows_all_tokens_that_have_bytes(tokenizer: Tokenizer) -> None:
    rule = tokenizer.every
    assert rule.allowed(rule.start).all()
    assert rule.advance(rule.start, 0x80) == rule.start
    assert rule.advance(rule.start, 257) is None
    assert rule.may_end(rule.start)
    assert not rule.heads_die
