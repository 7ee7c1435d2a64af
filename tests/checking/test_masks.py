"""The mask verdict: every token of the vocabulary, and bugs of one token."""

from pathlib import Path
from random import Random

import pytest

from bytelm.checking.judge import Judge
from bytelm.checking.masks import MaskVerdict, check_mask
from bytelm.tokens.tokenizer import Tokenizer
from checking.planted import AB, TH, plant, tokenizer
from tokens.tiny import byte_level, save


@pytest.fixture
def viewed(tmp_path: Path) -> Tokenizer:
    return tokenizer(tmp_path)


def verdict(viewed: Tokenizer, head: tuple[int, ...]) -> MaskVerdict:
    return check_mask(Judge(viewed), head, Random(0), tries=5000)


@pytest.mark.parametrize("text", ["", "ab", "th", "x ", "1\n", "中", "it'"])
def test_a_right_mask_is_decided_for_every_token(viewed: Tokenizer, text: str) -> None:
    found = verdict(viewed, tuple(viewed.encode(text)))
    assert found.wrong == ()
    assert found.allowed + found.refused == viewed.vocabulary.size
    assert found.allowed > 0
    assert found.seconds >= 0


def test_a_head_that_ends_inside_a_character(viewed: Tokenizer) -> None:
    found = verdict(viewed, (ord("a"), 0xC3))
    assert found.wrong == ()
    assert found.allowed == 64


def test_a_token_that_is_refused_wrongly(viewed: Tokenizer) -> None:
    found = verdict(plant(viewed, never=[AB]), (ord("."),))
    assert [(wrong.kind, wrong.tokens, wrong.cut) for wrong in found.wrong] == [("refused", (ord("."), AB), 1)]
    assert tuple(viewed.encode(found.wrong[0].data))[:2] == (ord("."), AB), "the text that proves it"


def test_a_token_that_is_allowed_wrongly(viewed: Tokenizer) -> None:
    found = verdict(plant(viewed, always=[ord("e")]), (TH,))
    assert [(wrong.kind, wrong.tokens) for wrong in found.wrong] == [("allowed", (TH, ord("e")))]
    assert found.wrong[0].data == b"the"


def test_a_head_that_the_view_holds_to_be_impossible_allows_nothing(viewed: Tokenizer) -> None:
    found = verdict(plant(viewed, never=[ord(".")]), (ord("."),))
    assert found.allowed == 0
    assert {wrong.kind for wrong in found.wrong} == {"refused"}


def test_the_borders_of_the_pattern_count(tmp_path: Path) -> None:
    """After two spaces only what the pattern cuts there may follow: another space would have been in their token."""
    split = {"type": "Split", "pattern": {"Regex": r"\s+(?!\S)|\s|\S+"}, "behavior": "Isolated", "invert": False}
    viewed = save(tmp_path, byte_level([(b" ", b" ")], split))
    assert verdict(viewed, (256,)).wrong == ()
