"""Texts of any length, cut as the network cuts them."""

from dataclasses import replace

import numpy as np
import pytest

from blt.networks import TINY, ids_of_text, network, text
from blt.networks import cut as calibrated
from bytelm.blt import cutting
from bytelm.blt.cutting import cut, entropies_behind, repatched
from bytelm.blt.lm import BltLM
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.statistics import PatchSizes
from bytelm.blt.vocabulary import document
from bytelm.protocol import FloatArray

MODES = ("entropy", "monotonic", "both", "space", "static", "byte")


def model(patching: Patching) -> BltLM:
    return BltLM(calibrated(network(patching), ids_of_text(400)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("longest", [None, 5])
def test_texts_are_cut_as_the_model_cuts_them(mode: str, longest: int | None) -> None:
    lm = model(Patching(mode=mode, longest=longest))  # type: ignore[arg-type]
    data = text(300, 1)
    found = cut(lm, data)
    assert found.patches == lm.patches(data)
    assert len(found.starts) == len(data) + 1
    assert (found.entropies is not None) == lm.config.patching.needs_entropies
    sizes = list(map(len, found.patches))
    assert found.sizes == PatchSizes(tuple((size, sizes.count(size)) for size in sorted(set(sizes))))


def test_entropies_are_about_each_byte_and_what_follows() -> None:
    lm, data = model(Patching()), text(100, 2)
    found = cut(lm, data).entropies
    assert found is not None
    assert np.array_equal(found[:-1], lm.entropies(data))
    assert np.array_equal(found, lm.reader.entropies(document(data)))


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
def test_reading_in_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch, resets: bool, layers: int) -> None:
    assert TINY.entropy is not None
    made = network(Patching(resets_at_newlines=resets), entropy=replace(TINY.entropy, layers=layers))
    lm = BltLM(made.double())  # What is left is the rounding of rotary angles, as parts begin elsewhere.
    ids = ids_of_text(500, 3)
    whole, seen = entropies_behind(lm, ids), []
    monkeypatch.setattr(cutting, "PART", 37)

    def progress(done: int, total: int) -> None:
        seen.append((done, total))

    assert np.abs(entropies_behind(lm, ids, progress) - whole).max() < 1e-5
    assert seen == [(min(done, 500), 500) for done in range(37, 537, 37)]


def test_the_layers_together_look_so_far_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what one layer looks back to before each part, the entropies of three layers are others."""
    assert TINY.entropy is not None
    lm = BltLM(network(entropy=replace(TINY.entropy, layers=3)))
    ids = ids_of_text(500, 3)
    whole = entropies_behind(lm, ids)
    monkeypatch.setattr(cutting, "PART", 37)
    assert lm.network.patcher is not None
    lm.network.patcher.config = TINY.entropy
    assert np.abs(entropies_behind(lm, ids) - whole).max() > 1e-3


def test_an_entropy_model_without_a_window_reads_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TINY.entropy is not None
    lm = BltLM(network(entropy=replace(TINY.entropy, window=None)))
    monkeypatch.setattr(cutting, "PART", 10)
    ids = ids_of_text(50)
    assert np.array_equal(entropies_behind(lm, ids), lm.reader.entropies(ids))


def test_stretches_are_cut_where_the_text_is() -> None:
    lm, data = model(Patching()), text(200, 4)
    found = cut(lm, data)
    part = found.stretch(31, 77)
    assert part.text == data[31:77] == b"".join(part.patches)
    assert np.array_equal(part.starts, found.starts[31:78])
    borders = 31 + np.cumsum([0, *map(len, part.patches)])[:-1]
    assert set(np.flatnonzero(found.starts[31:77]) + 31) == set(borders[not found.starts[31] :].tolist())
    assert part.entropies is not None
    assert np.array_equal(part.entropies, cast_entropies(found.entropies)[31:78])
    assert found.stretch(0, 200).patches == found.patches


def cast_entropies(entropies: FloatArray | None) -> FloatArray:
    assert entropies is not None
    return entropies


def test_no_text_has_no_patches() -> None:
    found = cut(model(Patching()), b"")
    assert (found.patches, found.sizes.patches, len(found.starts)) == ([], 0, 1)


def test_other_patches_of_the_same_weights() -> None:
    lm = model(Patching())
    own = lm.config
    other = repatched(lm, Patching(mode="static", size=3))
    assert lm.config == own
    assert other.patches(b"abcdefgh") == [b"abc", b"def", b"gh"]
    shared = zip(lm.network.parameters(), other.network.parameters(), strict=True)
    assert all(one is another for one, another in shared)
    assert np.isfinite(other.score(b"abcdefgh")).all()


def test_what_a_network_cannot_cut() -> None:
    lm = BltLM(network(Patching(mode="space"), entropy=None))
    with pytest.raises(ValueError, match="patching by 'entropy' needs an entropy model, and the model has none"):
        repatched(lm, Patching())
