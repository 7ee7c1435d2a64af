import itertools
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.prompts import Special
from bytelm.spans.cutting import NAMES
from bytelm.spans.measuring import surprisal
from decoding.byte_models import markov

LM = markov(1)
TEXTS = st.binary(max_size=30) | st.text("aé .\n“", max_size=15).map(str.encode)
BYS = st.sampled_from([*NAMES, re.compile(r"\w+"), re.compile(rb"[\x00-\x60]+")])


@st.composite
def refined(draw: st.DrawFn) -> tuple[bytes, list[int], list[int]]:
    """A text, where some spans that tile it end, and where finer ones do."""
    text = draw(st.binary(min_size=1, max_size=30))
    fine = {*draw(st.lists(st.integers(0, len(text)))), 0, len(text)}
    coarse = {*draw(st.lists(st.sampled_from(sorted(fine)))), 0, len(text)}
    return text, sorted(coarse), sorted(fine)


@given(TEXTS, BYS)
def test_any_tiling_sums_to_the_text(text: bytes, by: Any) -> None:
    table = surprisal(LM, text, by)
    expected = LM.prefill(text).logprob
    assert table.logprob == pytest.approx(expected, abs=1e-9)
    assert math.fsum(row.logprob for row in table.rows) == pytest.approx(expected, abs=1e-9)
    assert table.surprisal == pytest.approx(-expected / math.log(2), abs=1e-9)


@given(refined())
def test_pieces_sum_to_the_part(case: tuple[bytes, list[int], list[int]]) -> None:
    text, coarse, fine = case
    parts = surprisal(LM, text, list(itertools.pairwise(coarse)))
    pieces = surprisal(LM, text, list(itertools.pairwise(fine)))
    for part in parts:
        inside = [piece.logprob for piece in pieces if part.start <= piece.start and piece.end <= part.end]
        assert math.fsum(inside) == pytest.approx(part.logprob, abs=1e-9)


@given(st.binary(min_size=1, max_size=20), st.data())
def test_a_span_is_a_quotient_of_texts(text: bytes, data: st.DataObject) -> None:
    """The slow twin: the model after both ends."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    (row,) = surprisal(LM, text, [(start, end)])
    assert row.logprob == pytest.approx(LM.prefill(text[:end]).logprob - LM.prefill(text[:start]).logprob, abs=1e-9)
    assert (row.start, row.end, row.text) == (start, end, text[start:end])


@given(st.text("aé“😀 ", max_size=20), st.sampled_from(["character", "word", "line"]))
def test_places_in_characters(text: str, by: Any) -> None:
    for row in surprisal(LM, text, by):
        assert text[row.character_start : row.character_end].encode() == row.text


def test_places_inside_of_characters() -> None:
    """A character that has begun counts."""
    rows = surprisal(LM, "aéb", "byte").rows
    assert [(row.character_start, row.character_end) for row in rows] == [(0, 1), (1, 2), (2, 2), (2, 3)]


def test_gaps_overlaps_and_empty_spans() -> None:
    scores = LM.score("name,,3")
    first, whole, empty = surprisal(LM, "name,,3", [(0, 2), (0, 4), (5, 5)]).rows
    assert first.logprob == pytest.approx(scores[:2].sum())
    assert whole.logprob == pytest.approx(scores[:4].sum())
    assert (empty.logprob, empty.surprisal) == (0, 0)
    assert math.copysign(1, empty.surprisal) == 1
    assert math.isnan(empty.bits_per_byte)


def test_bits() -> None:
    (row,) = surprisal(LM, "ab", "line")
    assert row.surprisal == pytest.approx(-row.logprob / math.log(2))
    assert row.bits_per_byte == pytest.approx(LM.bits_per_byte("ab"))


@pytest.mark.parametrize("by", NAMES)
def test_no_text_has_no_parts(by: Any) -> None:
    table = surprisal(LM, "", by)
    assert table.rows == ()
    assert (table.logprob, table.surprisal) == (0, 0)
    assert math.isnan(table.bits_per_byte)
    assert "0 spans" in repr(table)


def test_what_is_impossible() -> None:
    table = surprisal(markov(0, b"ab "), "ab cd ba")
    assert [row.logprob == -math.inf for row in table] == [False, True, False]
    assert table.surprisal == math.inf


def test_a_list_of_texts_is_an_error() -> None:
    with pytest.raises(TypeError, match="expected bytes or str, got list"):
        surprisal(LM, ["a", "b"])  # type: ignore[arg-type]


def test_special_tokens_are_for_models_that_have_them() -> None:
    from bytelm.prompts import Prompt

    with pytest.raises(ValueError, match="this model reads bytes alone and has no special token '<s>'"):
        surprisal(LM, Prompt(Special(1, "<s>"), "a"))


def test_progress_is_that_of_scoring() -> None:
    seen: list[tuple[int, int]] = []
    surprisal(LM, "abc", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3, 3)]
