"""The probabilities of words as events, against counting and against stepping."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bytelm.model import ByteLM
from bytelm.prompts import Prompt
from bytelm.protocol import END
from bytelm.spans.borders import TOGETHER, border_logprobs
from bytelm.spans.characters import Kind, character_kinds
from bytelm.spans.measuring import surprisal, word_surprisal
from bytelm.spans.words import merged, word_ends
from bytelm.stepping import distributions
from decoding.byte_models import markov
from spans.word_models import SCRIPTS, climbing, logprob

SEEDS = st.integers(0, 2**16)


def counted_border(lm: ByteLM[Any], text: bytes, spaced: bool) -> float:
    """P(a word ends behind ``text`` | ``text``): all ways in which it goes on for three bytes, or ends before."""
    ways = [bytes(way) for n in range(4) for way in itertools.product(sorted(set(SCRIPTS)), repeat=n)]
    ending = [way for way in ways if len(text) in word_ends(text + way, spaced)[0]]
    return math.fsum(math.exp(logprob(lm, text, way, ended=len(way) < 3)) for way in ending)


def ended(lm: ByteLM[Any], text: bytes, spaced: bool, tolerance: float = 0.0) -> float:
    """The same by the code under test."""
    kind = merged(character_kinds(text)[-1], spaced)
    return float(border_logprobs(lm, b"", text, [len(text)], [kind], spaced, tolerance)[0])


@given(SEEDS, st.lists(st.sampled_from(sorted(set(SCRIPTS))), min_size=1, max_size=4), st.booleans())
def test_borders_are_what_counting_says(seed: int, text: list[int], spaced: bool) -> None:
    """Of models of letters, spaces and others of one to three bytes, and of strings that are no UTF-8."""
    lm = markov(seed, SCRIPTS)
    assume(text[-1:] != [0x80])
    expected = counted_border(lm, bytes(text), spaced)
    assert ended(lm, bytes(text), spaced) == pytest.approx(math.log(expected), abs=1e-9)


@given(SEEDS, st.sampled_from([b"a", b".", "é".encode(), "☃".encode()]), st.sampled_from([1e-3, 0.1, 1.0]))
def test_what_is_left_open_is_within_the_tolerance(seed: int, text: bytes, tolerance: float) -> None:
    lm = markov(seed, SCRIPTS)
    exact, found = (ended(lm, text, False, limit) for limit in (0.0, tolerance))
    assert found <= exact + 1e-12
    assert exact <= found + math.log1p(tolerance) + 1e-12


@given(SEEDS, st.text("ab .", max_size=12), st.booleans())
def test_stepping_gives_the_same(seed: int, text: str, spaced: bool) -> None:
    """Where all characters are bytes: sums over the distributions before every byte, one after the other."""
    lm, data = markov(seed, b"ab ."), text.encode()
    before = distributions(lm.prefill, [data + b"a"])[0]
    ends, kinds = word_ends(data, spaced)
    stops = {
        Kind.WORD: [32, END] if spaced else [32, 46, END],
        Kind.OTHER: [32, 97, 98, END],
        Kind.SPACE: [END],
    }
    borders = [math.log(np.exp(before[end][stops[kind]]).sum()) for end, kind in zip(ends, kinds, strict=True)]
    inside = [row.logprob for row in surprisal(lm, data, "spaced" if spaced else "word")]
    expected = [total + after - one for total, one, after in zip(inside, [0.0, *borders], borders, strict=False)]
    assert [row.logprob for row in word_surprisal(lm, data, spaced=spaced)] == pytest.approx(expected, abs=1e-9)


def words() -> list[bytes]:
    """All words of the climbing models, without the space before them."""
    runs = [bytes(run) for n in (1, 2, 3) for run in itertools.combinations(b"abc", n)]
    return [*runs, b"."]


@given(SEEDS, st.sampled_from([b"", b"a", b"ab .", b".", b"ac b"]))
def test_words_and_the_end_sum_to_one(seed: int, text: bytes) -> None:
    lm = climbing(seed)
    # White space in front of the end of text is a word, too.
    candidates = [b" ", *(space + word for space in (b"", b" ") for word in words())]
    following = [one for one in candidates if not text or len(text) in word_ends(text + one)[0]]
    following = [one for one in following if math.isfinite(logprob(lm, text, one))]
    probabilities = [math.exp(word_surprisal(lm, text + one, tolerance=0)[-1].logprob) for one in following]
    border = math.exp(ended(lm, text, False)) if text else 1.0
    end = math.exp(logprob(lm, text, b"", ended=True)) / border
    assert math.fsum([*probabilities, end]) == pytest.approx(1, abs=1e-9)
    assert math.fsum(probabilities) <= 1
    # The bytes alone are more: those of ab are among those of a.
    assert math.fsum(math.exp(logprob(lm, text, one)) for one in following) / border > math.fsum(probabilities)


@given(SEEDS, st.integers(1, 4))
def test_short_words_of_an_endless_alphabet_sum_to_less(seed: int, longest: int) -> None:
    """Over ``a`` and space alone, words of up to ``longest`` bytes miss what longer ones have."""
    lm = markov(seed, b"a ", end=0.3)
    short = [
        b" " * spaces + b"a" * letters for letters in range(longest + 1) for spaces in range(longest + 1 - letters)
    ]
    total = math.fsum(math.exp(word_surprisal(lm, one)[-1].logprob) for one in short if one)
    end = math.exp(logprob(lm, b"", b"", ended=True))
    assert 1 - 0.7**longest - 1e-9 <= total + end <= 1 + 1e-9


@given(SEEDS, st.lists(st.sampled_from(["a", "é", " ", ".", "“", "☃"]), min_size=1, max_size=30), st.booleans())
def test_they_sum_to_the_text_that_ends_with_a_word(seed: int, characters: list[str], spaced: bool) -> None:
    lm, text = markov(seed, SCRIPTS), "".join(characters).encode()
    table = word_surprisal(lm, text, spaced=spaced, tolerance=0)
    expected = math.fsum(lm.score(text)) + ended(lm, text, spaced)
    assert table.logprob == pytest.approx(expected, abs=1e-9)
    assert b"".join(row.text for row in table) == text
    assert all(row.logprob <= 1e-12 for row in table)


def test_more_words_than_are_looked_at_together() -> None:
    lm = markov(3, b"ab .")
    text = b"ab a" * (2 * TOGETHER + 1)
    ends, kinds = word_ends(text)
    assert len(ends) > 2 * TOGETHER
    found = border_logprobs(lm, b"", text, ends, kinds, False, 0.0)
    assert found.tolist() == pytest.approx([ended(lm, text[:end], False) for end in ends], abs=1e-12)


def test_a_word_that_could_go_on_is_less_probable_than_its_bytes() -> None:
    lm = climbing(0)
    assert word_surprisal(lm, b"a")[0].logprob < surprisal(lm, b"a")[0].logprob


def test_what_is_impossible_stays_so() -> None:
    lm = climbing(0)  # never two spaces, nor b behind c
    found = [row.logprob for row in word_surprisal(lm, b"a cb a")]
    assert math.isinf(found[1])
    assert math.isfinite(found[0])
    assert not any(map(math.isnan, found))
    assert word_surprisal(lm, b"a cb a").surprisal == math.inf


def test_no_text_has_no_words() -> None:
    assert len(word_surprisal(markov(0), "")) == 0


def test_progress_reaches_the_end() -> None:
    seen: list[tuple[int, int]] = []
    word_surprisal(markov(0, b"a "), b"a " * 20, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (40, 40)
    assert len(seen) > 1


@pytest.mark.parametrize("wrong", [-0.1, 1.5, math.nan, "1"])
def test_tolerances_are_fractions(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"tolerance is .*; expected a number from 0 to 1: the fraction of a word"):
        word_surprisal(markov(0), "a", tolerance=wrong)


@pytest.fixture(scope="module")
def lm() -> Any:
    import bytelm

    return bytelm.load()


def test_a_token_model(lm: Any) -> None:
    """Borders found side by side are those of prefixes read one by one; text of letters of one and two bytes."""
    text = "größe = “x” + 1\n"
    ends, kinds = word_ends(text.encode())
    found = border_logprobs(lm, b"", text.encode(), ends, kinds, False, 1e-4)
    expected = [ended(lm, text.encode()[:end], False, 1e-4) for end in ends]
    assert found.tolist() == pytest.approx(expected, abs=1e-3)
    table = word_surprisal(lm, text)
    assert table.logprob == pytest.approx(math.fsum(lm.score(text)) + expected[-1], abs=1e-3)
    assert all(row.logprob < 1e-5 for row in table)


def test_behind_special_tokens(lm: Any) -> None:
    prefix, *_ = lm.tokenizer.fim_tokens
    prompt = Prompt("x = 1\n", prefix, "import os\n")
    table = word_surprisal(lm, prompt)
    assert [row.text for row in table] == [b"import", b" os", b"\n"]
    assert [row.logprob for row in table] != pytest.approx([row.logprob for row in word_surprisal(lm, "import os\n")])
    assert surprisal(lm, prompt).logprob == pytest.approx(math.fsum(lm.score(prompt)), abs=1e-9)
