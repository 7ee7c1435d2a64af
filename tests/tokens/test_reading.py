import json
from pathlib import Path
from typing import Any

import pytest

from bytelm.tokens.reading import read_tokenizer
from bytelm.tokens.specification import BytePairFamily
from bytelm.tokens.tokenizer import Tokenizer
from bytelm.tokens.writing import byte_characters
from tokens.tiny import added, byte_level, save, sentencepiece

MERGES = [(b"a", b"b"), (b" ", b"ab"), (b"\xc3", b"\xa9")]


def write(folder: Path, description: Any) -> Path:
    (folder / "tokenizer.json").write_text(json.dumps(description), encoding="utf-8")
    return folder


def test_byte_characters_are_those_of_the_tokenizers_library() -> None:
    from tokenizers import pre_tokenizers

    assert sorted(byte_characters()) == sorted(pre_tokenizers.ByteLevel.alphabet())
    mapping = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    written = byte_characters()
    for text in ("".join(map(chr, range(0x20, 0x7F))), "é中😀\n\t\x00"):
        assert mapping.pre_tokenize_str(text)[0][0] == "".join(written[byte] for byte in text.encode())


def test_merges_as_strings_and_as_pairs_read_alike(tmp_path: Path) -> None:
    pairs = byte_level(MERGES)
    strings = byte_level(MERGES)
    strings["model"]["merges"] = [" ".join(pair) for pair in strings["model"]["merges"]]
    (tmp_path / "5").mkdir()
    (tmp_path / "4").mkdir()
    five, four = read_tokenizer(write(tmp_path / "5", pairs)), read_tokenizer(write(tmp_path / "4", strings))
    assert isinstance(five.family, BytePairFamily)
    assert isinstance(four.family, BytePairFamily)
    assert five.family.ranked() == four.family.ranked()
    assert sorted(five.family.ranked().values()) == [(0, 256), (1, 257), (2, 258)]
    assert five.token_bytes == four.token_bytes


def test_byte_level_tokens_are_read_as_bytes(tmp_path: Path) -> None:
    description = byte_level(MERGES)
    description["model"]["vocab"]["<|end|>"] = 259
    description["added_tokens"] = [added(260, "<|pad|>")]
    description["added_tokens"] += [added(261, "中 ", special=False)]
    found = read_tokenizer(write(tmp_path, description))
    assert found.token_bytes[256:] == (b"ab", b" ab", "é".encode(), b"<|end|>", b"", "中 ".encode())
    assert found.token_bytes[:256] == tuple(bytes([byte]) for byte in range(256))
    assert found.fallback is None
    assert found.prefix == ""


def test_tokens_beyond_the_models_are_left_out(tmp_path: Path) -> None:
    description = byte_level(MERGES)
    description["added_tokens"] = [added(400, "<|pad|>")]
    folder = write(tmp_path, description)
    assert len(read_tokenizer(folder).token_bytes) == 401
    assert len(read_tokenizer(folder, size=300).token_bytes) == 259
    fewer = Tokenizer(folder, size=258)
    assert fewer.size == 258
    assert fewer.allowed_next([])[257], "what merges make of the tokens that are left"


def test_sentencepiece_tokens_are_read_as_bytes(tmp_path: Path) -> None:
    found = read_tokenizer(write(tmp_path, sentencepiece("▁aé", [("▁", "a"), ("a", "a")])))
    names = dict(enumerate(found.token_bytes))
    assert [names[i] for i in (0, 1, 2)] == [b"", b"", b""]
    assert names[3 + 0xE9] == b"\xe9"
    assert found.token_bytes[259:] == (b" a", b"aa", b" ", b"a", "é".encode())
    assert found.prefix == " "
    assert found.fallback is not None
    assert found.fallback.tokens == frozenset(range(3, 259))
    assert {" ", "a", "é"} <= found.fallback.characters


@pytest.mark.parametrize(
    ("change", "prefix"),
    [
        ({"normalizer": {"type": "Prepend", "prepend": "▁"}, "decoder": {"type": "Metaspace"}}, " "),
        ({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]}}, ""),
        ({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True}}, " "),
        ({"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "first", "split": False}}, " "),
        ({"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "never", "split": False}}, ""),
        ({"pre_tokenizer": None}, ""),
    ],
)
def test_what_is_put_before_every_text(tmp_path: Path, change: dict[str, Any], prefix: str) -> None:
    assert read_tokenizer(write(tmp_path, byte_level(MERGES) | change)).prefix == prefix


def test_named_tokens_are_read_beside_the_tokenizer(tmp_path: Path) -> None:
    description = byte_level(MERGES)
    description["added_tokens"] = [added(259, "<|end|>")]
    config = {"eos_token": {"content": "<|end|>"}, "bos_token": None, "pad_token": "<|none|>", "unk_token": "a"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    assert read_tokenizer(write(tmp_path, description)).named == {"eos_token": 259, "unk_token": 97}
    tokenizer = Tokenizer(tmp_path)
    assert (tokenizer.end_token, tokenizer.begin_token) == (259, 259)
    assert (tokenizer.token_named("<|end|>"), tokenizer.token_named("nothing")) == (259, None)


def test_without_named_tokens_there_is_no_begin_token(tmp_path: Path) -> None:
    tokenizer = save(tmp_path, byte_level(MERGES))
    assert (tokenizer.begin_token, tokenizer.end_token) == (None, None)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no tokenizer\.json in .*: save the model's fast tokenizer there"):
        read_tokenizer(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no tokenizer\.json in"):
        read_tokenizer(tmp_path / "nowhere")


def with_end_of_word() -> dict[str, Any]:
    description = sentencepiece("▁a", [])
    description["model"]["end_of_word_suffix"] = "</w>"
    return description


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        ("[]", "holds a JSON list, expected an object"),
        ("{}", "is not a tokenizer: it has no model with a vocabulary"),
        ('{"model": {"type": "BPE"}}', "it has no model with a vocabulary"),
        ('{"model": {"type": "WordLevel", "vocab": {"a": 0}}}', "holds a WordLevel tokenizer; bytelm reads BPE, Uni"),
        ('{"model": {"vocab": {"a": 0}}}', "holds a None tokenizer"),
        (with_end_of_word(), r"has the end_of_word_suffix '</w>': such tokens do not say which bytes they stand for"),
    ],
)
def test_files_that_are_no_tokenizers_we_know_are_errors(tmp_path: Path, content: Any, message: str) -> None:
    data = content if isinstance(content, bytes) else (json.dumps(content) if isinstance(content, dict) else content)
    path = tmp_path / "tokenizer.json"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(ValueError, match=message) as raised:
        read_tokenizer(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_merge_of_a_token_that_is_missing_is_an_error(tmp_path: Path) -> None:
    description = byte_level(MERGES)
    del description["model"]["vocab"]["ab"]
    with pytest.raises(ValueError, match=r"merge 0 \('a', 'b'\) needs the token 'ab', which is missing"):
        read_tokenizer(write(tmp_path, description))
