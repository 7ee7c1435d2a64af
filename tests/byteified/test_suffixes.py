"""The automaton says what looking up one end of the text after the other says."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byteified.direct import rows_of
from byteified.published import LLAMA_PIECES, LONGEST, entries_of, tokenizer_description
from bytelm.byteified import suffixes
from bytelm.byteified.suffixes import SuffixAutomaton, dictionary_of

Entries = dict[tuple[int, ...], int]

ids = st.integers(0, 3)
vocabularies = st.dictionaries(st.lists(ids, min_size=1, max_size=7).map(tuple), st.integers(0, 99), max_size=40)
texts = st.lists(st.lists(st.integers(-1, 5), min_size=30, max_size=30), min_size=1, max_size=3)


def looked_up(sequence: list[int], entries: Entries) -> list[int]:
    rows = []
    for end in range(1, len(sequence) + 1):
        ends = (tuple(sequence[start:end]) for start in range(max(0, end - 7), end))
        rows.append(next((entries[some] for some in ends if some in entries), 0))
    return rows


@given(vocabularies, texts)
def test_rows_are_those_of_the_dictionary(entries: Entries, text: list[list[int]]) -> None:
    automaton = SuffixAutomaton(entries.items())
    truth = [looked_up(sequence, entries) for sequence in text]
    assert automaton.rows(np.array(text)).tolist() == truth
    for sequence, rows in zip(text, truth, strict=True):
        state = automaton.start
        for id, row in zip(sequence, rows, strict=True):
            state = automaton.step(state, id)
            assert automaton.row(state) == row


@settings(max_examples=40)
@given(vocabularies, st.integers(0, 2**32 - 1), st.sampled_from([(1, 700), (3, 301), (40, 9)]))
def test_long_texts_are_read_in_parts(entries: Entries, seed: int, shape: tuple[int, int]) -> None:
    automaton = SuffixAutomaton(entries.items())
    text = np.random.default_rng(seed).integers(-1, 5, shape)
    assert text.size > suffixes.SINGLY
    assert automaton.rows(text).tolist() == [looked_up(sequence, entries) for sequence in text.tolist()]


@given(vocabularies, texts)
def test_a_configuration_holds_the_dictionary(entries: Entries, text: list[list[int]]) -> None:
    written = dictionary_of(entries.items(), 4, [5, 6])
    assert written[1] == [5, 6]
    automaton = SuffixAutomaton.from_config(written, 4)
    config = {"expand_input_ids_dict": written, "expand_input_ids_maxlen": 4}
    assert automaton.rows(np.array(text)).tolist() == [rows_of(tuple(sequence), config) for sequence in text]
    assert automaton.longest <= 4


def test_the_published_form() -> None:
    assert dictionary_of([((101, 102), 7), ((1, 2, 3), 8)], 2, [264]) == [{"103,102": 8, "4,3": 9, "": -1}, [264]]


def test_of_equal_ids_the_later_entry_counts() -> None:
    assert SuffixAutomaton([((1,), 5), ((2,), 6), ((1,), 7)]).rows(np.array([[1, 2]])).tolist() == [[7, 6]]


def test_steps_are_forgotten_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suffixes, "REMEMBERED", 3)
    entries = {(1, 2): 4, (2,): 5, (1, 1): 6}
    text = np.random.default_rng(0).integers(0, 3, (1, 50))
    automaton = SuffixAutomaton(entries.items())
    assert automaton.rows(text).tolist() == [looked_up(text[0].tolist(), entries)]
    assert len(automaton._steps) <= 3


@pytest.mark.parametrize("entry", [((), 3), ((1, -1), 3), ((1,), -1)])
def test_wrong_entries_are_refused(entry: tuple[tuple[int, ...], int]) -> None:
    with pytest.raises(ValueError, match=r"an entry has one id or more, and nothing is negative"):
        SuffixAutomaton([entry])


def test_words_of_the_template_are_ids_of_entries() -> None:
    entries = entries_of(tokenizer_description(LLAMA_PIECES), np.random.default_rng(0))
    automaton = SuffixAutomaton(entries.items())
    assert automaton.longest == LONGEST
    text = np.array([[263, 110, 97, 109, 101]])  # "username"
    assert automaton.rows(text).tolist() == [
        [entries[263,], *(entries[byte,] for byte in b"nam"), entries[263, *b"name"]]
    ]


def test_a_large_vocabulary_is_ready_soon_and_read_fast() -> None:
    rng = np.random.default_rng(0)
    letters = rng.integers(97, 123, 400_000)
    cuts = rng.integers(0, len(letters) - LONGEST, 130_000)
    entries = {
        tuple(letters[cut : cut + length].tolist()): row
        for row, (cut, length) in enumerate(zip(cuts, rng.integers(1, LONGEST, len(cuts)), strict=True))
    }
    start = time.perf_counter()
    automaton = SuffixAutomaton(entries.items())
    assert time.perf_counter() - start < 10
    text = letters[None, :200_000]
    start = time.perf_counter()
    rows = automaton.rows(text)
    assert time.perf_counter() - start < 2
    some = slice(100_000, 100_300)
    config = {"expand_input_ids_dict": dictionary_of(entries.items(), LONGEST, []), "expand_input_ids_maxlen": LONGEST}
    truth = rows_of(tuple(letters[some.start - LONGEST : some.stop].tolist()), config)[LONGEST:]
    assert rows[0, some].tolist() == truth
