"""The best completions, against sorting them all."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bytelm.searching.completion import Completion
from bytelm.searching.nbest import NBest

texts = st.text("aé", max_size=3).map(str.encode) | st.text("aé", max_size=2).map(lambda text: text.encode() + b"\xc3")
offers = st.lists(st.tuples(st.floats(-9, 0), texts), max_size=12)


def completion(text: bytes) -> Completion:
    return Completion(text, np.zeros(len(text)), None, "max_bytes")


def whole(text: bytes) -> bytes:
    return text[:-1] if text.endswith(b"\xc3") else text


@given(offers, st.integers(1, 4))
def test_the_best_of_each_text_best_first(given_offers: list[tuple[float, bytes]], count: int) -> None:
    kept = NBest(count)
    for score, text in given_offers:
        kept.offer(score, completion(text))
    best: dict[bytes, float] = {}
    for score, text in given_offers:
        best[whole(text)] = max(score, best.get(whole(text), -np.inf))
    scores = sorted(best.values(), reverse=True)[:count]
    assert [max(s for s, text in given_offers if text == one.text) for one in kept.best_first] == scores
    assert kept.floor == (scores[-1] if len(scores) == count else -np.inf)


def test_what_is_impossible_is_not_kept() -> None:
    kept = NBest(2)
    kept.offer(-np.inf, completion(b"a"))
    assert kept.best_first == []


def test_of_equals_the_first_one() -> None:
    kept = NBest(1)
    kept.offer(-1.0, completion(b"a"))
    kept.offer(-1.0, completion(b"b"))
    assert [one.text for one in kept.best_first] == [b"a"]


def test_a_character_that_the_prompt_began() -> None:
    kept = NBest(3, b"x\xe2")
    kept.offer(-1.0, completion(b"\x82"))
    kept.offer(-2.0, completion(b""))  # the same, as far as whole characters go
    kept.offer(-3.0, completion(b"\x82\xac"))
    assert [one.text for one in kept.best_first] == [b"\x82", b"\x82\xac"]
