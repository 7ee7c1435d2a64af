import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.tokens.lattice import Lattice, advance_lattice, begin_lattice, restart_lattice
from bytelm.tokens.rules import Rule
from bytelm.tokens.tokenizer import Tokenizer
from tokens.families import word_piece
from tokens.tiny import PATTERNS, adversarial, byte_level, save, sentencepiece, trained


@pytest.fixture(scope="module", params=["gpt2", "cl100k", "sentencepiece"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("lattice")
    if request.param == "sentencepiece":
        return save(folder, sentencepiece("▁aé中😀s'1", [("▁", "a"), ("a", "a"), ("s", "a"), ("▁a", "aa")]))
    return trained(folder, PATTERNS[request.param])


def walk(rule: Rule, data: bytes) -> Lattice:
    """The lattice of any bytes: it begins anew where nothing spells them."""
    lattice = begin_lattice(rule)
    for byte in data:
        after = advance_lattice(rule, lattice, byte)
        lattice = after if after.cursors else restart_lattice(rule, lattice, byte)
    return lattice


def summary(lattice: Lattice) -> list[object]:
    cursors = [(cursor.head.tokens(), cursor.head.end, cursor.low, cursor.high) for cursor in lattice.cursors]
    return [cursors, lattice.end, lattice.tail, lattice.whole.end, lattice.whole.head.tokens()]


def check_cursors(tokenizer: Tokenizer, lattice: Lattice, data: bytes) -> None:
    """Every cursor's head and the bytes after it spell the text, and its range holds longer tokens only."""
    vocabulary = tokenizer.vocabulary
    for cursor in lattice.cursors:
        spelled = b"".join(map(tokenizer.token_bytes, cursor.head.tokens()))
        rest = lattice.after(cursor.head.end)
        assert spelled + rest == data
        assert len(spelled) == cursor.head.end
        assert cursor.low < cursor.high
        for index in (cursor.low, cursor.high - 1):
            assert vocabulary.bytes_at(index).startswith(rest)
            assert len(vocabulary.bytes_at(index)) > len(rest)
    spelled = b"".join(map(tokenizer.token_bytes, lattice.whole.head.tokens()))
    assert spelled == data[: lattice.whole.end]


@given(st.binary(max_size=12) | st.text(max_size=8).map(str.encode))
def test_heads_spell_any_bytes(tokenizer: Tokenizer, data: bytes) -> None:
    for end in range(len(data) + 1):
        check_cursors(tokenizer, walk(tokenizer.canonical, data[:end]), data[:end])


def test_one_lattice_may_be_advanced_in_many_ways(tokenizer: Tokenizer) -> None:
    rule, random = tokenizer.canonical, Random(3)
    for _ in range(20):
        lattice = begin_lattice(rule)
        for byte in tokenizer.prefix + adversarial(random).replace("▁", "").encode():
            before = summary(lattice)
            first = advance_lattice(rule, lattice, byte)
            restart_lattice(rule, lattice, 0xFF)
            advance_lattice(rule, lattice, ord("~"))
            assert summary(advance_lattice(rule, lattice, byte)) == summary(first)
            assert summary(lattice) == before
            if not first.cursors:
                break
            lattice = first


def test_a_text_begins_anew_behind_bytes_that_nothing_spells(tokenizer: Tokenizer) -> None:
    rule = tokenizer.canonical
    data = b"a\xffa"
    lattice = walk(rule, data)
    found = {cursor.head.tokens() for cursor in lattice.cursors}
    byte = next(t for t in range(tokenizer.size) if tokenizer.token_bytes(t) == b"\xff")
    assert all(byte in tokens for tokens in found)
    assert [*map(tokenizer.token_bytes, lattice.root.tokens())] == [b"a", b"\xff"]
    assert lattice.root.end == 2


def test_a_cut_character_is_fed_as_its_byte_tokens(tokenizer: Tokenizer) -> None:
    lattice = walk(tokenizer.canonical, b"a\xe4\xb8a")
    assert [*map(tokenizer.token_bytes, lattice.root.tokens())] == [b"a", b"\xe4", b"\xb8"]
    check_cursors(tokenizer, lattice, b"a\xe4\xb8a")


def test_the_last_place_where_the_text_could_have_ended(tokenizer: Tokenizer) -> None:
    lattice = walk(tokenizer.canonical, b"aa" + "é".encode()[:1])
    assert lattice.whole.end == 2
    assert lattice.after(2) == b"\xc3"


def test_random_bytes_do_not_slow_it_down(tokenizer: Tokenizer) -> None:
    data = Random(0).randbytes(10_000)
    began = time.perf_counter()
    lattice = walk(tokenizer.canonical, data)
    assert time.perf_counter() - began < 15
    check_cursors(tokenizer, lattice, data)
    assert len(lattice.tail) < 100
    assert len(lattice.cursors) < 20


def test_without_byte_tokens_the_byte_and_its_place_are_named(tmp_path: Path) -> None:
    description = sentencepiece("▁a", [])
    for value in (0xFE, 0xC3):
        description["model"]["vocab"].pop(f"<0x{value:02X}>")
    rule = save(tmp_path, description).canonical
    with pytest.raises(ValueError, match="the tokenizer has no token for byte 0xfe at position 2 of the text"):
        walk(rule, b"aa\xfe")


def test_where_even_the_prefix_has_no_token_the_byte_is_named(tmp_path: Path) -> None:
    tokenizer = save(tmp_path, word_piece(lower=True))
    lattice = advance_lattice(tokenizer.canonical, begin_lattice(tokenizer.canonical, None, -1), ord(" "))
    assert not advance_lattice(tokenizer.canonical, lattice, ord("H")).cursors
    message = r"goes on with byte 0x48 at position 0, and it has no token for byte 0x20, which it puts before every"
    with pytest.raises(ValueError, match=message):
        restart_lattice(tokenizer.canonical, lattice, ord("H"))


def test_heads_of_an_ordinary_word_by_hand(tmp_path: Path) -> None:
    tokenizer = save(tmp_path, byte_level([(b"a", b"b"), (b"ab", b"c")]))
    assert tokenizer.canonical_heads("ab") == [((), b"ab"), ((256,), b"")]
    assert tokenizer.canonical_heads("a") == [((), b"a"), ((97,), b"")]
    assert tokenizer.canonical_heads("") == [((), b"")]
    assert tokenizer.canonical_heads(b"\xff") == []
