from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import Tokenizer as Encoder
from tokenizers import models

from bytelm.tokens.merges import Merges
from tokens.tiny import merges_of, random_merges

Pairs = Sequence[tuple[str, str]]


class Pair:
    """The same merges twice: ours, and the tokenizer library's byte-pair encoding."""

    def __init__(self, characters: str, merges: Pairs) -> None:
        names = list(dict.fromkeys([*characters, *(left + right for left, right in merges)]))
        self.names = names
        self.ids = {name: i for i, name in enumerate(names)}
        self.encoder = Encoder(models.BPE(vocab=self.ids, merges=list(merges)))
        ranked = {
            (self.ids[left], self.ids[right]): (rank, self.ids[left + right])
            for rank, (left, right) in enumerate(merges)
        }
        self.merges = Merges(ranked, [self.ids[char] for char in characters], len(names))

    def encode(self, text: str) -> list[int]:
        return list(self.encoder.encode(text).ids)

    def allowed_after(self, left: int) -> NDArray[np.bool_]:
        """Which reachable tokens may follow ``left``: bool ``(size,)`` by token id."""
        places = self.merges.positions(np.arange(len(self.names)))
        return self.merges.reachable & ~self.merges.refused_after(left)[places]

    def check(self) -> None:
        """Reachability and all pairs, one by one and as masks."""
        size = len(self.names)
        alone = [self.encode(name) == [i] for i, name in enumerate(self.names)]
        assert self.merges.reachable.tolist() == alone
        for left in np.flatnonzero(alone).tolist():
            expected = [alone[r] and self.encode(self.names[left] + self.names[r]) == [left, r] for r in range(size)]
            assert self.allowed_after(left).tolist() == expected, self.names[left]
            one_by_one = [alone[right] and self.merges.allows(left, right) for right in range(size)]
            assert one_by_one == expected, self.names[left]


def merge_lists(ordered: bool = True) -> st.SearchStrategy[Pairs]:
    numbers = st.integers(0, 20)
    choices = st.lists(st.tuples(numbers, numbers), max_size=14)
    return choices.map(lambda drawn: merges_of("abc", drawn, longest=8, ordered=ordered))


@given(merge_lists())
def test_every_pair_of_tokens_is_judged_as_running_bpe_on_it_does(merges: Pairs) -> None:
    Pair("abc", merges).check()


@settings(max_examples=300)
@given(merge_lists(ordered=False))
def test_merges_before_those_of_their_parts_are_judged_rightly_or_refused(merges: Pairs) -> None:
    try:
        pair = Pair("abc", merges)
    except ValueError as error:
        event(str(error)[-60:])
    else:
        pair.check()


@pytest.mark.parametrize("seed", range(12))
def test_many_merges_of_few_letters(seed: int) -> None:
    letters = "abcd"[: 1 + seed % 4]
    Pair(letters, random_merges(Random(seed), letters, 90, longest=5)).check()


def test_a_token_made_by_several_merges_is_reached_by_the_one_that_its_text_takes() -> None:
    pair = Pair("abc", [("b", "c"), ("a", "b"), ("ab", "c"), ("a", "bc")])
    assert pair.encode("abc") == [pair.ids["abc"]]
    assert pair.merges.reachable.all()
    pair.check()


def test_a_token_that_its_own_text_does_not_reach_is_not_reachable() -> None:
    pair = Pair("abc", [("b", "c"), ("a", "b"), ("ab", "c")])
    assert not pair.merges.reachable[pair.ids["abc"]]
    assert not pair.allowed_after(pair.ids["a"])[pair.ids["abc"]]
    pair.check()


def test_a_merge_listed_before_that_of_its_part_has_its_turn_after_it() -> None:
    pair = Pair("x the", [(" ", "the"), ("h", "e"), ("x", " "), ("t", "he")])
    assert pair.encode(" the") == [pair.ids[" the"]]
    assert pair.encode("x the") == [pair.ids["x "], pair.ids["the"]]
    assert pair.merges.reachable.all()
    assert pair.merges.allows(pair.ids["x "], pair.ids["the"])
    assert not pair.merges.allows(pair.ids["x"], pair.ids[" the"])
    pair.check()


def test_merges_whose_order_depends_on_the_text_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"merge 0 of the tokenizer comes before merge 1 .* depends on the text"):
        Pair("th", [("th", "t"), ("t", "h")])


def test_equal_merges_go_leftmost_first() -> None:
    pair = Pair("a", [("a", "a")])
    double, single = pair.ids["aa"], pair.ids["a"]
    assert pair.merges.allows(double, single)
    assert not pair.merges.allows(single, double)
    assert not pair.merges.allows(single, single)
    assert pair.merges.allows(double, double)


@given(merge_lists(), st.lists(st.sampled_from("abc"), max_size=10))
def test_bpe_of_a_text_is_the_one_sequence_whose_neighbours_are_all_allowed(merges: Pairs, text: list[str]) -> None:
    pair = Pair("abc", merges)
    whole = "".join(text)

    def segmentations(start: int, last: int) -> list[list[int]]:
        if start == len(whole):
            return [[]]
        found = []
        for end in range(start + 1, len(whole) + 1):
            token = pair.ids.get(whole[start:end], -1)
            if token >= 0 and pair.merges.reachable[token] and (last < 0 or pair.merges.allows(last, token)):
                found += [[token, *rest] for rest in segmentations(end, token)]
        return found

    assert segmentations(0, -1) == [pair.encode(whole)]
