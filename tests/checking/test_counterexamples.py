"""The judge of cuts: it agrees with a right byte view, and finds what is wrong with others."""

import unicodedata
from pathlib import Path

import pytest

from bytelm.checking.counterexamples import counterexamples
from bytelm.checking.judge import Judge
from bytelm.tokens.tokenizer import Tokenizer
from checking.planted import AB, TH, THE, plant, tokenizer
from tokens.tiny import byte_level, save, sentencepiece

TEXT = "the  ab 中x"


@pytest.fixture
def viewed(tmp_path: Path) -> Tokenizer:
    return tokenizer(tmp_path)


def kinds(viewed: Tokenizer, text: str = TEXT) -> set[str]:
    return {wrong.kind for wrong in counterexamples(Judge(viewed), text, range(len(text.encode()) + 1))}


def test_a_right_view_has_none(viewed: Tokenizer) -> None:
    assert kinds(viewed) == set()


def test_one_token_too_few_is_missing(viewed: Tokenizer) -> None:
    found = counterexamples(Judge(plant(viewed, never=[AB])), "ab", range(3))
    assert {wrong.kind for wrong in found} == {"missing"}
    # "a" alone is a token too, so only at the end does it come out that "ab" cannot be one.
    assert [(wrong.cut, wrong.tokens, wrong.rest) for wrong in found] == [(1, (), b"a"), (2, (AB,), b"")]
    assert all(wrong.breaks == "complete" and wrong.data == b"ab" for wrong in found)


def test_one_token_too_many_is_unproved(viewed: Tokenizer) -> None:
    text = "xthe"
    found = counterexamples(Judge(plant(viewed, always=[ord("e")])), text, [len(text)])
    assert [(wrong.kind, wrong.tokens) for wrong in found] == [("unproved", (ord("x"), TH, ord("e")))]
    assert found[0].breaks == "sound"


def test_a_head_twice_is_found(viewed: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    once = viewed.canonical_heads
    monkeypatch.setattr(viewed, "canonical_heads", lambda text: once(text) * 2)
    assert kinds(viewed, "ab") == {"twice"}


def test_only_the_cuts_asked_for_are_tried(viewed: Tokenizer) -> None:
    judge = Judge(plant(viewed, never=[AB]))
    assert [wrong.cut for wrong in counterexamples(judge, "ab", [2, 99])] == [2]
    assert counterexamples(judge, "ab", [0]) == []


def test_cuts_inside_the_prefix_are_passed_over(tmp_path: Path) -> None:
    viewed = save(tmp_path, sentencepiece("▁ab", [("▁", "a")]))
    judge = Judge(viewed)
    assert judge.seen("a") == b" a"
    assert counterexamples(judge, "a", range(3)) == []
    assert counterexamples(judge, "", range(3)) == []


def test_cuts_are_those_of_what_the_tokenizer_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    composed, decomposed = "\u00e9x", "e\u0301x"
    description = {**byte_level([(b"\xc3", b"\xa9")]), "normalizer": {"type": "NFC"}}
    viewed = save(tmp_path, description)
    monkeypatch.setattr(viewed, "normalize", lambda text: unicodedata.normalize("NFC", text).encode())
    judge = Judge(viewed)
    assert judge.seen(decomposed) == composed.encode()
    assert judge.spells(decomposed)
    assert judge.covering(decomposed, 1) == ((), b"\xc3")
    assert counterexamples(judge, decomposed, range(5)) == []
    # The tokenizer composes this text, so it proves nothing about the bytes as they stand in it.
    assert not judge.is_witness(decomposed.encode(), (ord("e"),), b"")
    assert judge.is_witness(composed.encode(), (256,), b"")


def test_a_text_whose_tokens_do_not_spell_it(tmp_path: Path) -> None:
    judge = Judge(save(tmp_path, sentencepiece("▁a", [])))
    assert judge.spells("aé")
    assert judge.spells("")
    judge.words[judge.tokenizer.token_named("<0xC3>") or 0] = b""
    assert not judge.spells("aé")


def test_a_witness_spells_on_through_the_rest(viewed: Tokenizer) -> None:
    judge = Judge(viewed)
    assert judge.is_witness(b"the", (), b"th")
    assert not judge.is_witness(b"thx", (), b"th")
    assert not judge.is_witness(b"\xff", (), b"")
    assert judge.produces((TH,), b"")
    assert not judge.produces((TH, ord("e")), b"")
    assert judge.following(b"the", ()) == THE
    assert judge.following(b"the", (THE,)) is None
