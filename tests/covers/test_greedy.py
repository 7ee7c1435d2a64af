"""Greedy decoding is certain of the best symbol, and asks no more than that takes."""

from itertools import islice

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bytelm.covers.courses import Ask
from bytelm.covers.greedy import _Path, greedy_course
from bytelm.protocol import END
from bytelm.tokens.lattice import TextHead, begin_lattice, read_lattice
from covers.random_models import Case, cases, table
from covers.tiny_tokenizers import tiny_tokenizer


def best_path(case: Case, prompt: bytes, length: int) -> list[int]:
    """By the definition: the argmax at tolerance 0, byte after byte."""
    state = case.model(0.0).prefill(b"")
    for byte in prompt:
        assume(state.logprobs()[byte] > -np.inf)
        state = state.advance(bytes([byte]))
    path: list[int] = []
    while len(path) < length:
        logprobs = state.logprobs()
        path.append(int(np.argmax(logprobs)))
        first, second = np.sort(logprobs)[[-1, -2]]
        assume(first - second > 1e-9)  # rounding may break a tie either way
        if path[-1] == END:
            break
        state = state.advance(bytes(path[-1:]))
    return path


@settings(max_examples=100)
@given(cases(pairs=True), st.sampled_from([b"", b"a", b"ab"]), st.sampled_from([0.0, 1e-6, 0.5]))
def test_greedy_is_the_best_path_at_every_tolerance(case: Case, prompt: bytes, tolerance: float) -> None:
    expected = best_path(case, prompt, 4)
    assert list(islice(case.model(tolerance).greedy(prompt), 4)) == expected


def test_greedy_asks_less_than_stepping() -> None:
    """Now and then it asks more, as the order in which heads are asked about differs; not over a few texts."""
    tokenizer = tiny_tokenizer("words", 0)
    quick, full = (
        Case(tokenizer.view.canonical, table(tokenizer.view.size, 0, 1.0), tokenizer.ends).model(0.0) for _ in range(2)
    )
    for prompt in (b"", b"a", b"1a", b" 1", b"a."):
        path = list(islice(quick.greedy(prompt), 8))
        state = full.prefill(prompt)
        for symbol in path[:-1]:
            state = state.advance(bytes([symbol]))
    assert quick.effort.heads <= full.effort.heads
    assert quick.effort.passes < full.effort.passes


def test_answers_that_nobody_will_need_are_forgotten() -> None:
    """They would hold their heads, and with them keys and values."""
    rule = tiny_tokenizer("words", 0).view.canonical
    lattice = read_lattice(rule, begin_lattice(rule), b"a1 a")
    path = _Path(rule, lattice, b"a1 a", 9)
    (live, *_) = (cursor.head for cursor in lattice.cursors)
    dead, ahead = (TextHead(lattice.root, live.token, live.context, end) for end in (1, lattice.end + 1))
    path.answers = {head: np.zeros((1, 1)) for head in (live, dead, ahead)}
    path.asked([live], {live}, beside=False)
    assert set(path.answers) == {live, ahead}


def test_heads_beside_others_are_known_again_by_their_last_tokens() -> None:
    rule = tiny_tokenizer("words", 0).view.canonical
    root = begin_lattice(rule).root
    path = _Path(rule, begin_lattice(rule), b"", 9)
    first, again = (TextHead(TextHead(root, 3, root.context, 1), 4, root.context, 2) for _ in range(2))
    other = TextHead(TextHead(root, 5, root.context, 1), 4, root.context, 2)
    path.asked([first], {first}, beside=False)
    assert not path.needed_before(again)
    path.asked([first], {first}, beside=True)
    assert path.needed_before(again)
    assert not path.needed_before(other)


def test_nothing_is_guessed_behind_what_will_be_read() -> None:
    """The first question goes along the whole guess, if there is room for it."""
    tokenizer = tiny_tokenizer("words", 0)
    prompt = b"a1 a1 a1 a1 a1 a1 a1 a1 a1 a1 a1 a1 a1 a1 "

    def first_question(most: int) -> list[TextHead]:
        case = Case(tokenizer.view.canonical, table(tokenizer.view.size, 0, 1.0), tokenizer.ends)
        lattice = read_lattice(case.rule, begin_lattice(case.rule), prompt)
        ask = next(greedy_course(case.model(0.0)._weigher, lattice, prompt, most=most))
        assert isinstance(ask, Ask)
        return [*ask.heads, *ask.bare]

    ends = {most: max(head.end for head in first_question(most)) - len(prompt) for most in (1, 3, 64)}
    assert ends[1] <= 0 < ends[3] <= 2 < ends[64]
