"""Byte tokenizers of transformers that have no tokenizer.json, against the classes of transformers themselves."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AddedToken, ByT5Tokenizer, PerceiverTokenizer, PreTrainedTokenizer

import bytelm
from bytelm.prompts import Prompt
from bytelm.tokens.tokenizer import Tokenizer

TEXTS = ["", "hi there", "héllo\n\0 \x7f 漢字 🙂", "foofoo x foo", "a foo  foo b <sep> </s>"]


def extended() -> ByT5Tokenizer:
    """With few sentinels, a special token more, and an added token that is text."""
    specials = ["<extra_id_0>", "<extra_id_1>", "<sep>"]
    tokenizer = ByT5Tokenizer(extra_ids=2, additional_special_tokens=specials, bos_token="<s>")
    tokenizer.add_tokens(["foo", AddedToken("foo  bar", lstrip=True, rstrip=True)])
    return tokenizer


def write(directory: Path, **content: Any) -> Path:
    (directory / "tokenizer_config.json").write_text(json.dumps(content))
    return directory


def contents(tokenizer: Tokenizer) -> dict[str, int]:
    return {entry["content"]: entry["id"] for entry in tokenizer._specification.entries}


@pytest.mark.parametrize("judge", [ByT5Tokenizer(), ByT5Tokenizer(extra_ids=0), PerceiverTokenizer(), extended()])
def test_it_is_transformers_own(judge: PreTrainedTokenizer, tmp_path: Path) -> None:
    judge.save_pretrained(tmp_path)
    tokenizer = bytelm.tokenizer(tmp_path)
    assert tokenizer.size == len(judge)
    assert contents(tokenizer) == judge.added_tokens_encoder
    assert tokenizer.end_token == judge.eos_token_id
    assert tokenizer.begin_token == (judge.eos_token_id if judge.bos_token is None else judge.bos_token_id)
    whole = "foo" not in judge.added_tokens_encoder
    for text in TEXTS:
        plain = text.replace("<sep> </s>", "")
        ids = tokenizer.encode(plain)
        assert ids == judge.encode(plain, add_special_tokens=False)
        assert b"".join(map(tokenizer.token_bytes, ids)) == plain.encode()
        if whole:  # specials read as text
            assert tokenizer.encode(text) == judge.encode(text, add_special_tokens=False, split_special_tokens=True)
        assert (tuple(ids), b"") in tokenizer.canonical_heads(plain)
    assert (tokenizer.token_named("a"), tokenizer.token_named("ab")) == (judge.convert_tokens_to_ids("a"), None)


def test_white_space_beside_an_added_token_that_strips_is_not_seen(tmp_path: Path) -> None:
    judge = extended()
    judge.save_pretrained(tmp_path)
    tokenizer = bytelm.tokenizer(tmp_path)
    text = "a \n foo  bar  b"
    assert tokenizer.encode(text) == judge.encode(text, add_special_tokens=False)
    assert tokenizer.normalize(text) == b"afoo  barb"
    assert tokenizer.canonical_heads(text) == []


@pytest.mark.parametrize("judge", [ByT5Tokenizer(), PerceiverTokenizer(), extended()])
def test_special_tokens_in_prompts_are_found_as_transformers_finds_them(
    judge: PreTrainedTokenizer, tmp_path: Path
) -> None:
    judge.save_pretrained(tmp_path)
    tokenizer = bytelm.tokenizer(tmp_path)
    for name in [judge.eos_token, judge.pad_token, *judge.all_special_tokens[:2], *judge.all_special_tokens[-2:]]:
        text = f"ab {name} cé{name}"
        prompt = tokenizer.parse(text)
        assert ids_of(tokenizer, prompt) == judge.encode(text, add_special_tokens=False)
        assert tokenizer.special(name).token == judge.convert_tokens_to_ids(name)
        assert tokenizer.token_bytes(tokenizer.special(name).token) == b""


def ids_of(tokenizer: Tokenizer, prompt: Prompt) -> list[int]:
    return [
        token
        for part in prompt.parts
        for token in (tokenizer.encode(part) if isinstance(part, bytes) else [part.token])
    ]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"extra_ids": 2},
        {
            "eos_token": {"__type": "AddedToken", "content": "<end>"},
            "extra_ids": 0,
            "additional_special_tokens": ["<a>"],
        },
        {"bos_token": "<s>", "extra_ids": 1},
    ],
)
def test_files_of_transformers_4_without_ids(content: dict[str, Any], tmp_path: Path) -> None:
    """Ids are then given by the class."""
    judge = ByT5Tokenizer.from_pretrained(write(tmp_path, tokenizer_class="ByT5Tokenizer", **content))
    assert contents(bytelm.tokenizer(tmp_path)) == judge.added_tokens_encoder


def test_files_of_transformers_4_beside_it(tmp_path: Path) -> None:
    write(tmp_path, tokenizer_class="ByT5Tokenizer", extra_ids=0)
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"bos_token": "<s>"}))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<s>": 259, "foo": 260}))
    judge, tokenizer = ByT5Tokenizer.from_pretrained(tmp_path), bytelm.tokenizer(tmp_path)
    assert contents(tokenizer) == judge.added_tokens_encoder
    assert tokenizer.begin_token == judge.bos_token_id == 259
    assert tokenizer.encode("foo <s>")[:2] == [260, 35]


def test_the_class_may_stand_in_the_model_s_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"tokenizer_class": "ByT5Tokenizer", "vocab_size": 384}))
    assert bytelm.tokenizer(tmp_path).size == 384


def test_no_tokenizer_and_256_ids(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": 256, "eos_token_id": [3, 4]}))
    tokenizer = bytelm.tokenizer(tmp_path)
    assert tokenizer.encode("é\0") == [0xC3, 0xA9, 0]
    assert (tokenizer.size, tokenizer.begin_token, tokenizer.end_token) == (256, 3, 3)
    assert tokenizer.parse("</s>") == Prompt(b"</s>")
    (tmp_path / "vocab.txt").write_text("")
    with pytest.raises(FileNotFoundError, match=r"no tokenizer\.json in"):
        bytelm.tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("name", "why"), [("CanineTokenizer", "its tokens are characters"), ("MyT5Tokenizer", "it rewrites texts")]
)
def test_what_is_no_byte_tokenizer_is_refused(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"tokenizer_config\.json names {name}, which bytelm does not read: {why}"):
        bytelm.tokenizer(write(tmp_path, tokenizer_class=name))


def test_a_class_that_has_a_tokenizer_file_needs_it(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": 256}))
    with pytest.raises(FileNotFoundError, match=r"no tokenizer\.json in"):
        bytelm.tokenizer(write(tmp_path, tokenizer_class="GPT2Tokenizer"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"eos_token": 3}, r'expected an added token, a string or an object with "content", got 3'),
        ({"added_tokens_decoder": {"x": {"content": "a"}}}, "expected the id of an added token, got 'x'"),
        ({"added_tokens_decoder": {"300": 5}}, "expected an added token, a string or an object"),
        ({"added_tokens_decoder": {"5": {"content": "ab"}}}, "'ab' has the id 5, which is that of byte 2; .* from 259"),
        ({"bos_token": "\n"}, r"'\\n' has the id 13, which is that of byte 10"),
        ({"added_tokens_decoder": {"900": {"content": "ab", "single_word": True}}}, "'ab' stands only for whole words"),
    ],
)
def test_what_cannot_be_followed(content: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=complaint):
        bytelm.tokenizer(write(tmp_path, tokenizer_class="ByT5Tokenizer", **content))


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"vocab_size": 300}')
    with pytest.raises(ValueError, match=r"config\.json names none of ByT5Tokenizer, PerceiverTokenizer"):
        bytelm.tokenizer(tmp_path / "config.json")
