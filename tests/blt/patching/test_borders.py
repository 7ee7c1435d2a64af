"""Patches by the borders of a tokenizer, against their definition: the open token sequences, walked from the root."""

import time
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blt.patching.reference import begins_of
from bytelm.blt.patching.borders import borders_move
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.stepwise import begin
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import BOS, EOS, document, ids_of
from bytelm.covers.settling import begin_anywhere
from bytelm.tokens.lattice import advance_lattice, begin_lattice, restart_lattice
from bytelm.tokens.tokenizer import Tokenizer
from tokens.families import unigram, word_piece
from tokens.tiny import CORPUS, PATTERNS, adversarial, byte_level, save, sentencepiece, trained

BY_BORDERS = Patching("tokenizer")


@pytest.fixture(scope="module", params=["gpt2", "cl100k", "no pattern", "sentencepiece", "unigram"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("borders")
    if request.param == "sentencepiece":
        return save(folder, sentencepiece("▁aé中😀s'1", [("▁", "a"), ("a", "a"), ("s", "a"), ("▁a", "aa")]))
    if request.param == "unigram":
        return save(folder, unigram("always", by_bytes=True))
    return trained(folder, PATTERNS[request.param])


def slowly(tokenizer: Tokenizer, text: bytes) -> list[bool]:
    """Whether each byte makes a border certain; the deepest common head is looked for anew behind each."""
    rule, moved = tokenizer.canonical, []
    lattice = begin_lattice(rule, end=-len(tokenizer.prefix))
    for byte in tokenizer.prefix:
        lattice = advance_lattice(rule, lattice, byte)
    (settled,) = begin_anywhere(lattice).pending
    for byte in text:
        after = advance_lattice(rule, lattice, byte)
        lattice = after if after.cursors else restart_lattice(rule, lattice, byte)
        (now,) = begin_anywhere(lattice).pending
        moved.append(not after.cursors or now.end > settled.end)
        settled = now
    return moved


def texts() -> st.SearchStrategy[bytes]:
    hard = st.integers(0, 2**32).map(lambda seed: adversarial(Random(seed)).replace("▁", "").encode())
    return hard | st.text("as 1'é中\n", max_size=12).map(str.encode) | st.binary(max_size=8)


@given(texts())
def test_borders_are_those_of_the_definition(tokenizer: Tokenizer, text: bytes) -> None:
    assert borders_move(tokenizer, ids_of(text)).tolist() == slowly(tokenizer, text)


@given(st.lists(texts(), max_size=3), st.none() | st.integers(1, 4))
@settings(max_examples=50)
def test_packed_and_byte_by_byte(tokenizer: Tokenizer, several: list[bytes], longest: int | None) -> None:
    patching = Patching("tokenizer", longest=longest)
    alone = [patch_starts(patching, document(text, ended=True), tokenizer=tokenizer)[:-1] for text in several]
    ids = np.concatenate([document(text, ended=True) for text in several] or [document(b"")])
    whole = patch_starts(patching, ids, tokenizer=tokenizer)
    if several:
        assert whole.tolist() == [*np.concatenate(alone), True]
    state, found = begin(patching, tokenizer), [True]
    for id in ids.tolist():
        state = state.after(id)
        found.append(state.starts)
    assert found == whole.tolist()


@given(texts(), texts(), texts())
def test_what_comes_does_not_change_what_was(tokenizer: Tokenizer, past: bytes, one: bytes, other: bytes) -> None:
    first, second = (
        patch_starts(BY_BORDERS, document(past + more), tokenizer=tokenizer)[: len(past) + 2] for more in (one, other)
    )
    assert first.tolist() == second.tolist()


def test_by_hand(tmp_path: Path) -> None:
    """With ``ab`` and ``abc`` there are two ways on behind ``a`` and ``ab``, and one behind all else."""
    tokenizer = save(tmp_path, byte_level([(b"a", b"b"), (b"ab", b"c")]))
    starts = patch_starts(BY_BORDERS, document(b"xabdabcay"), tokenizer=tokenizer)
    # x is a token at once. Behind "ab" it may be ab or abc; d settles that, and is a token itself; "abc" is settled.
    assert np.flatnonzero(starts).tolist() == [0, 1, 2, 5, 8, 10]


def test_special_ids_begin_a_text_anew(tokenizer: Tokenizer) -> None:
    for special in (0, BOS, EOS, 3, 260):
        ids = np.concatenate([document(b"a"), [special], ids_of(b"as a")])
        moved = borders_move(tokenizer, ids)
        assert moved[2]
        assert moved[3:].tolist() == slowly(tokenizer, b"as a")
    ids = np.concatenate([document(b"aas", ended=True), document(b"a")])
    assert begins_of(ids.tolist()) == [0, 5]
    assert patch_starts(BY_BORDERS, ids, tokenizer=tokenizer, documents=False)[5]


def test_bytes_that_no_text_contains(tokenizer: Tokenizer) -> None:
    ids = document(b"aa\xffaa\xff\xff")
    assert patch_starts(BY_BORDERS, ids, tokenizer=tokenizer)[[4, 7, 8]].all()


def test_no_tokens_of_bytes_are_needed(tmp_path: Path) -> None:
    tokenizer = save(tmp_path, word_piece(lower=True))
    starts = patch_starts(BY_BORDERS, document(b"the H\xff the "), tokenizer=tokenizer)
    assert starts[[6, 7]].all()


def test_a_character_that_has_no_bytes_settles_nothing_before_its_end(tmp_path: Path) -> None:
    tokenizer = save(tmp_path, unigram("always"))
    text = CORPUS[:250].encode()
    assert borders_move(tokenizer, ids_of(text)).tolist() == slowly(tokenizer, text)


def test_long_undecided_text_does_not_slow_it_down(tmp_path: Path) -> None:
    """Where the number of letters decides the first token, nothing is settled before the run of letters ends."""
    description = unigram("always", by_bytes=True)
    pieces = description["model"]["vocab"]
    description["model"]["vocab"] = [*(pair for pair in pieces if set(pair[0]) != {"a"}), ["a", -10.0], ["aa", -1.0]]
    tokenizer = save(tmp_path, description)
    moved = borders_move(tokenizer, ids_of(b"a" * 500 + b" a"))
    assert not moved[1:500].any()
    assert moved[500:].any()
    times = []
    borders_move(tokenizer, ids_of(b"a" * 8000))  # the steps of the rule are kept
    for length in (500, 8000):
        began = time.perf_counter()
        borders_move(tokenizer, ids_of(b"a" * length))
        times.append((time.perf_counter() - began) / length)
    assert times[1] < 4 * times[0]
