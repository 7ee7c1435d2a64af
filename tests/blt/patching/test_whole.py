from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blt.patching.reference import (
    PLAIN_MODES,
    as_arrays,
    draw_document,
    draw_entropies,
    draw_ids,
    draw_patching,
    starts_packed,
)
from bytelm.blt.patching.options import MODES, Patching
from bytelm.blt.patching.spaces import space_ends
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import BOS, EOS, document

SEEDS = st.integers(0, 2**32)


def pieces(text: bytes, starts: np.ndarray) -> list[bytes]:
    """The patches of a document's text; its BOS is one."""
    assert starts[:2].all()
    cuts = [position - 1 for position in np.flatnonzero(starts[: len(text) + 1])][1:]
    return [text[begin:end] for begin, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]


@given(SEEDS, st.booleans())
def test_starts_are_those_of_the_definition(seed: int, documents: bool) -> None:
    random = Random(seed)
    patching, ids = draw_patching(random), draw_ids(random)
    entropies = draw_entropies(random, len(ids))
    found = patch_starts(patching, *as_arrays(ids, entropies), documents=documents)
    assert found.dtype == np.bool_
    assert found.tolist() == starts_packed(patching, ids, entropies, documents)


@given(SEEDS)
def test_packed_documents_are_cut_as_if_alone(seed: int) -> None:
    random = Random(seed)
    patching = draw_patching(random)
    alone = [draw_document(random) for _ in range(random.randint(1, 4))]
    entropies = [draw_entropies(random, len(ids)) for ids in alone]
    packed = as_arrays([id for ids in alone for id in ids], [entropy for each in entropies for entropy in each])
    found = patch_starts(patching, *packed)
    each = [patch_starts(patching, *as_arrays(*pair))[:-1] for pair in zip(alone, entropies, strict=True)]
    assert found.tolist() == [*np.concatenate(each), True]


@given(SEEDS, st.booleans())
def test_what_comes_does_not_change_what_was(seed: int, documents: bool) -> None:
    """The past and the next position are the same whatever follows; but for a BOS, which no one could foresee."""
    random = Random(seed)
    patching = draw_patching(random)
    past, one, other = ([id for id in draw_ids(random, 12) if id != BOS] for _ in range(3))
    before = draw_entropies(random, len(past))
    alone = patch_starts(patching, *as_arrays([BOS, *past], [0.0, *before]), documents=documents)
    for more in (one, other):
        ids, entropies = [BOS, *past, *more], [0.0, *before, *draw_entropies(random, len(more))]
        found = patch_starts(patching, *as_arrays(ids, entropies), documents=documents)
        assert found[: len(alone)].tolist() == alone.tolist()


@given(SEEDS, st.integers(1, 6))
def test_no_patch_is_longer_than_the_longest(seed: int, longest: int) -> None:
    random = Random(seed)
    options = draw_patching(random)
    ids = draw_ids(random)
    arrays = as_arrays(ids, draw_entropies(random, len(ids)))
    free, cut = (
        patch_starts(Patching(options.mode, options.threshold, options.rise, options.size, limit), *arrays)
        for limit in (None, longest)
    )
    ends = np.append(np.flatnonzero(cut), len(cut))
    assert np.diff(ends).max() <= longest
    assert (free <= cut).all()
    assert np.flatnonzero(cut & ~free).tolist() == [
        place
        for begin, end in zip(np.flatnonzero(free), np.append(np.flatnonzero(free)[1:], len(free)), strict=True)
        for place in range(begin + longest, end, longest)
    ]


#            ids: BOS  a    b    c    d    e    f
ENTROPIES = [9.0, 0.5, 2.0, 2.5, 1.0, 2.0, 1.5]


@pytest.mark.parametrize(
    ("patching", "expected"),
    [
        (Patching("entropy", 1.5), [0, 1, 3, 4, 6]),
        (Patching("entropy", np.inf), [0, 1]),
        (Patching("entropy", -np.inf), [0, 1, 2, 3, 4, 5, 6, 7]),
        (Patching("monotonic", 0.75), [0, 1, 2, 3, 6]),  # 2 whatever the rise from the BOS
        (Patching("monotonic", np.inf), [0, 1, 2]),
        (Patching("both", 1.5, rise=0.25), [0, 1, 2, 4, 6]),  # 3 never
        (Patching("both", 1.5, rise=0.75), [0, 1, 2, 6]),
        (Patching("both", 2.25, rise=0.25), [0, 1, 2, 4]),
        (Patching("static", size=3), [0, 1, 4, 7]),
        (Patching("static", size=3, longest=2), [0, 1, 3, 4, 6, 7]),
        (Patching("byte"), [0, 1, 2, 3, 4, 5, 6, 7]),
        (Patching("space"), [0, 1]),
        (Patching("entropy", 3.0, longest=4), [0, 1, 5]),
    ],
)
def test_by_hand(patching: Patching, expected: list[int]) -> None:
    found = patch_starts(patching, document(b"abcdef"), np.array(ENTROPIES))
    assert np.flatnonzero(found).tolist() == expected


def test_spaces_by_hand() -> None:
    text = "I see,  2 naïve\n\nfoxes: 中文".encode()
    found = pieces(text, patch_starts(Patching("space"), document(text)))
    assert found == [
        *[b"I ", b"see,", b"  2 ", b"na\xc3", b"\xafve\n", b"\nfoxes:", b" \xe4\xb8\xad\xe6", b"\x96\x87"],
    ]
    assert pieces(b" a", patch_starts(Patching("space"), document(b" a"))) == [b" a"]  # BOS is like a space


def test_the_two_rules_of_spaces_agree() -> None:
    ids = [id for before in range(260) for other in range(260) for id in (before, other)]
    found = patch_starts(Patching("space"), np.array(ids), documents=False)
    assert found[2:].tolist() == [space_ends(id, before) for before, id in pairwise(ids)]


def test_positions_of_documents_by_hand() -> None:
    ids = np.array([BOS, 70, 71, EOS, BOS, 70, BOS, 71, 71, EOS])
    never = Patching("entropy", np.inf)
    found = patch_starts(never, ids, np.zeros(len(ids)))
    assert np.flatnonzero(found).tolist() == [0, 1, 4, 5, 6, 7, 10]
    assert np.flatnonzero(patch_starts(never, ids, np.zeros(len(ids)), documents=False)).tolist() == [0, 1]
    assert patch_starts(never, np.empty(0, dtype=np.int64), np.empty(0)).tolist() == [True]


def test_the_arguments_are_left_alone() -> None:
    ids, entropies = document(b"abc", ended=True), np.ones(5)
    for mode in PLAIN_MODES:
        patch_starts(Patching(mode, longest=2), ids, entropies)  # type: ignore[arg-type]
    assert ids.tolist() == [1, 101, 102, 103, 2]
    assert entropies.tolist() == [1.0] * 5


def test_errors() -> None:
    ids = document(b"abc")
    with pytest.raises(ValueError, match=r"'both' needs the entropy .* behind each of the 4 ids, got none; .* space, "):
        patch_starts(Patching("both"), ids)
    with pytest.raises(ValueError, match=r"expected 4 entropies, one behind each id, got an array of shape \(3,\)"):
        patch_starts(Patching(), ids, np.zeros(3))
    with pytest.raises(ValueError, match=r"entropies must be finite numbers of nats, got nan at position 2"):
        patch_starts(Patching(), ids, np.array([0, 0, np.nan, 0]))
    with pytest.raises(ValueError, match=r"integers in one dimension, got int64 of shape \(1, 4\); patch the rows"):
        patch_starts(Patching(), ids[None], np.zeros(4))
    with pytest.raises(ValueError, match=r"integers in one dimension, got float64 of shape \(4,\)"):
        patch_starts(Patching("byte"), ids.astype(float))
    with pytest.raises(ValueError, match=r"'tokenizer' follows .* got none; give tokenizer=bytelm.Tokenizer"):
        patch_starts(Patching("tokenizer"), ids)


def test_all_modes_are_tested() -> None:
    assert {*PLAIN_MODES, "tokenizer"} == set(MODES)
