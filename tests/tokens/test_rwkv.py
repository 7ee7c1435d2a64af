from pathlib import Path

import pytest

from bytelm.tokens.rwkv import RwkvEncoder, read_rwkv
from tokens.tiny import CORPUS


def written(folder: Path, text: str) -> Path:
    path = folder / "vocabulary.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_strings_are_utf8_and_bytes_are_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, "1 '\\n' 1\n2 'é' 2\n3 b'\\xc3' 1\n4 ' a b' 4\n5 \"'\" 1\n")
    assert read_rwkv(path) == (b"", b"\n", "é".encode(), b"\xc3", b" a b", b"'")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", "expected 'id literal length', found ''"),
        ("2 'b'", "expected 'id literal length', found \"2 'b'\""),
        ("3 'b' 1", "expected id 2, found '3'"),
        ("x 'b' 1", "expected id 2, found 'x'"),
        ("2 b 1", "expected a string or bytes literal, found 'b'"),
        ("2 'b 1", 'expected a string or bytes literal, found "\'b"'),
        ("2 17 1", "expected a string or bytes literal, found '17'"),
        ("2 'é' 1", "expected the length of 'é', which is 2 and not 0, found '1'"),
        ("2 '' 0", "expected the length of '', which is 0 and not 0, found '0'"),
        (r"2 '\ud800' 3", "surrogates not allowed"),
    ],
)
def test_a_malformed_line_is_an_error_that_names_it(tmp_path: Path, line: str, found: str) -> None:
    with pytest.raises(ValueError, match=r"vocabulary\.txt, line 2: ") as caught:
        read_rwkv(written(tmp_path, f"1 'a' 1\n{line}\n3 'c' 1\n"))
    assert found in str(caught.value)


def test_the_longest_token_is_taken_at_every_place() -> None:
    encoder = RwkvEncoder([b"", b"a", b"ab", b"abcd", b"b", b"c", b"a"])
    assert encoder.encode(b"abcabcdab") == [2, 5, 3, 2]
    assert encoder.encode(b"") == []
    with pytest.raises(ValueError, match=r"no token matches the text at byte 1, b'xa'"):
        encoder.encode(b"axa")


def test_the_world_vocabulary_spells_every_text(shared: Path) -> None:
    tokens = read_rwkv(shared / "data/tokenizers/rwkv-world/rwkv_vocab_v20230424.txt")
    assert len(tokens) == 65530
    data = CORPUS.encode() + bytes(range(256)) + b" " * 300
    ids = RwkvEncoder(tokens).encode(data)
    assert b"".join(tokens[token] for token in ids) == data
    assert 0 not in ids
    assert [tokens[token] for token in RwkvEncoder(tokens).encode(b"Hello, world!")] == [
        b"Hello",
        b",",
        b" world",
        b"!",
    ]
