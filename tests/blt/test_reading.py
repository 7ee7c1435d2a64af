"""What is read on from anywhere is what one pass over the whole text says, at every byte."""

import numpy as np
import pytest
import torch

from blt.networks import difference, ids_of_text, starts_of, uncertainties
from blt.readers import WAYS, Case, case, chunks, steps
from bytelm.blt import reader as reading
from bytelm.blt.vocabulary import BOS

CLOSE = 1e-4
PART = 100


@pytest.fixture(scope="module", params=WAYS)
def made(request: pytest.FixtureRequest) -> Case:
    return case(request.param)


def test_patches_start_and_have_bytes(made: Case) -> None:
    """So that the tests below mean something."""
    patching = made.network.config.patching
    mean = len(made.ids) / starts_of(made.network, made.ids, made.tokenizer).sum()
    if patching.mode == "byte" or patching.size == 500 or patching.threshold == 99.0:
        assert (mean < 1.1) == (patching.mode == "byte")
    else:
        assert 1.3 < mean < 6


def test_byte_by_byte(made: Case) -> None:
    """Parts of the text side by side, each from its own place: windows are crossed in all of them."""
    reader, wanted = made.reader(), made.wanted
    begins = range(1, len(made.ids) - PART, PART)
    opened = reader.open([made.ids[:begin] for begin in begins])
    for begin, read in zip(begins, opened, strict=True):
        assert difference(read.logits_NV, wanted[:begin]) < CLOSE
    found = steps(reader, [read.place for read in opened], [made.ids[begin : begin + PART] for begin in begins])
    assert difference(torch.cat(found), wanted[1 : 1 + len(begins) * PART]) < CLOSE


@pytest.mark.parametrize("most", [3, 200])
def test_parts_of_any_length(made: Case, most: int) -> None:
    reader, wanted = made.reader(), made.wanted
    (read,) = reader.open([made.ids[:1]])
    rest, many = made.ids[1:], 150 if most == 3 else len(made.ids) - 1
    for part in chunks(many, most, seed=most):
        (read,) = reader.read([read.place], [rest[part]])
        assert difference(read.logits_NV, wanted[1:][part]) < CLOSE
    place = read.place
    assert place.is_end
    starts = starts_of(made.network, made.ids[: place.length], made.tokenizer)
    np.testing.assert_array_equal(place.row.ids(place.length), made.ids[: place.length])
    np.testing.assert_array_equal(place.row.starts(place.length + 1), starts)
    assert (place.closed, place.opened) == (starts[1:].sum(), np.flatnonzero(starts)[-1])


def test_texts_of_different_lengths_side_by_side(made: Case) -> None:
    """Parts of one text, behind each other: some are long and some short, some close many patches and some none."""
    reader, wanted = made.reader(), made.wanted
    begins = [1, 2, 30, 131, 700, 1201]
    parts = [130, 1, 64, 65, 7, 190]
    opened = reader.open([made.ids[:begin] for begin in begins])
    places = [read.place for read in opened]
    for _ in range(2):
        texts = [made.ids[place.length :][:part] for place, part in zip(places, parts, strict=True)]
        reads = reader.read(places, texts)
        for place, text, read in zip(places, texts, reads, strict=True):
            assert difference(read.logits_NV, wanted[place.length :][: len(text)]) < CLOSE
        places, parts = [read.place for read in reads], parts[::-1]


def test_whole_texts_in_batches(made: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """With batches of few positions, so that there are several of them."""
    monkeypatch.setattr(reading, "PADDED", 300)
    lengths = [1, 90, 2, 400, 150, 33, 7]
    texts = [made.ids[:length] for length in lengths]
    reader, wanted = made.reader(), made.wanted
    found = dict(reader.logits(texts))
    opened = reader.open(texts)
    for index, length in enumerate(lengths):
        assert difference(found[index], wanted[:length]) < CLOSE
        assert difference(opened[index].logits_NV, wanted[:length]) < CLOSE
        assert opened[index].place.length == length
    assert reader.open([]) == []
    assert list(reader.logits([])) == []
    assert reader.read([], []) == []


def test_starts_and_entropies(made: Case) -> None:
    reader = made.reader()
    np.testing.assert_array_equal(reader.starts(made.ids), starts_of(made.network, made.ids, made.tokenizer))
    if made.network.patcher is not None:
        found = reader.entropies(made.ids)
        np.testing.assert_allclose(found, uncertainties(made.network, made.ids), atol=1e-5)


def test_one_text_byte_by_byte_from_its_first() -> None:
    made = case("entropy")
    reader = made.reader()
    (read,) = reader.open([made.ids[:1]])
    (found,) = steps(reader, [read.place], [made.ids[1:500]])
    assert difference(found, made.wanted[1:500]) < CLOSE


def test_patches_that_go_on_for_thousands_of_bytes() -> None:
    """What is remembered of an open patch grows with it."""
    made = case("a patch without an end")
    ids = ids_of_text(3000, seed=5)
    reader = made.reader()
    (read,) = reader.open([ids[:1]])
    (read,) = reader.read([read.place], [ids[1:2900]])
    (after,) = reader.read([read.place], [ids[2900:]])
    assert difference(torch.cat([read.logits_NV, after.logits_NV]), made.judged(ids)[1:]) < CLOSE
    assert read.place.opened == 1


def test_a_text_may_begin_without_bytes() -> None:
    made = case("space")
    (read,) = made.reader().open([np.array([BOS])])
    assert (read.place.length, read.place.closed, read.place.opened) == (1, 1, 1)
