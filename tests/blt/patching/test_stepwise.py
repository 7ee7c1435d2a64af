from dataclasses import FrozenInstanceError
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blt.patching.reference import as_arrays, draw_document, draw_entropies, draw_ids, draw_patching, starts_packed
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.stepwise import PatchState, begin
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import BOS, EOS


def walk(state: PatchState, ids: list[int], entropies: list[float]) -> list[bool]:
    """Whether a patch starts at each position, ``(n + 1,)``, byte by byte."""
    found = [state.starts]
    for id, entropy in zip(ids, entropies, strict=True):
        state = state.after(id, entropy)
        found.append(state.starts)
    return found


def unforeseen(ids: list[int]) -> list[int]:
    """Where a document begins without the one before having ended."""
    return [p for p in range(1, len(ids)) if ids[p] == BOS and ids[p - 1] != EOS]


@given(st.integers(0, 2**32))
def test_byte_by_byte_is_the_same_as_whole(seed: int) -> None:
    random = Random(seed)
    patching = draw_patching(random)
    ids = [id for _ in range(random.randint(1, 4)) for id in draw_document(random)]
    ids = ids[: random.randint(0, len(ids))]
    entropies = draw_entropies(random, len(ids))
    for documents in (True, False):
        whole = patch_starts(patching, *as_arrays(ids, entropies), documents=documents)
        assert walk(begin(patching, documents=documents), ids, entropies) == whole.tolist()


def test_ten_thousand_random_sequences() -> None:
    """Whole, byte by byte and by definition, whatever the order of the ids; only a BOS cannot be foreseen."""
    random = Random(7)
    for _ in range(10_000):
        patching, ids, documents = draw_patching(random), draw_ids(random), random.random() < 0.7
        entropies = draw_entropies(random, len(ids))
        whole = patch_starts(patching, *as_arrays(ids, entropies), documents=documents).tolist()
        assert whole == starts_packed(patching, ids, entropies, documents), (patching, ids, entropies, documents)
        steps = walk(begin(patching, documents=documents), ids, entropies)
        for place in unforeseen(ids) if documents else ():
            steps[place] = True
        assert steps == whole, (patching, ids, entropies, documents)


def test_random_entropies_of_any_precision() -> None:
    """Also where the last bits decide."""
    random = np.random.default_rng(3)
    for mode in ("entropy", "monotonic", "both"):
        entropies = random.gamma(2.0, 0.5, 2000).astype(np.float32)
        ids = np.append([BOS], random.integers(4, 260, 1999))
        thresholds = [float(entropies[500]), float(entropies[500]) - float(entropies[499])]
        for threshold in thresholds:
            patching = Patching(mode, threshold)  # type: ignore[arg-type]
            whole = patch_starts(patching, ids, entropies)  # type: ignore[arg-type]
            assert walk(begin(patching), ids.tolist(), list(entropies)) == whole.tolist()


def test_states_are_frozen() -> None:
    state = begin(Patching("entropy", 1.0, longest=3)).after(BOS, 0.0).after(70, 0.0)
    assert not state.starts
    assert state.after(71, 2.0).starts
    assert state.after(EOS, 0.0).starts
    assert not state.after(71, 0.5).starts
    assert state.after(71, 0.5).after(72, 0.5).starts
    assert not state.starts
    with pytest.raises(FrozenInstanceError):
        state.starts = True  # type: ignore[misc]


def test_a_document_behind_another_is_a_fresh_one() -> None:
    state = begin(Patching("static", size=3))
    for id in (BOS, 70, 70):
        state = state.after(id)
    for ended in (state, state.after(EOS)):
        assert [ended.after(BOS).starts, ended.after(BOS).place] == [True, 1]
        assert walk(ended.after(BOS), [70] * 6, [0.0] * 6) == [True, False, False, True, False, False, True]


def test_errors() -> None:
    with pytest.raises(ValueError, match="'entropy' needs the entropy of the next byte behind the id, got none"):
        begin(Patching()).after(BOS)
    with pytest.raises(ValueError, match="entropies must be finite numbers of nats, got inf"):
        begin(Patching()).after(BOS, float("inf"))
    with pytest.raises(ValueError, match=r"'tokenizer' follows .* got none; give tokenizer="):
        begin(Patching("tokenizer"))
