"""Precomputed entropies are those of the model read document by document, however they were computed."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bytelm.blt.model import Blt
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import BOS, document
from bytelm.blt.weights.reading import open_checkpoint
from bytelm.blt.weights.writing import save_directory
from bytelm.corpora.files import only_one
from bytelm.training.data import measuring
from bytelm.training.data.entropy_passes import Bytes, EntropyPasses, Values
from bytelm.training.data.measuring import measure
from bytelm.training.data.order import shuffled
from bytelm.training.data.pool import Tell
from bytelm.training.data.rows import Rows
from bytelm.training.data.shards import Shards
from bytelm.training.data.uncertainties import Uncertainties
from bytelm.training.entropy_models import open_entropy_model
from training.data.entropies_making import PART_BYTES, all_of, prepared_texts, save_model, slowly
from training.data.making import contents


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared_texts(tmp_path_factory.mktemp("data") / "prepared")


@pytest.fixture(scope="module")
def expected(prepared: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("expected") / "entropies"
    measure(prepared, model, folder, part_bytes=PART_BYTES)
    return folder


def test_there_is_much_to_do(prepared: Path, expected: Path) -> None:
    """Several shards, of several parts each, and no file but the results."""
    assert len(json.loads((expected / "entropies.json").read_bytes())["splits"]["train"]["shards"]) > 2
    names = {name.split("/")[0] for name in contents(expected)}
    assert names == {"entropies.json", "train", "validation"}


@pytest.mark.parametrize("positions", [3, 64, 1 << 14])
def test_it_is_the_model_document_by_document(prepared: Path, model: Path, tmp_path: Path, positions: int) -> None:
    """Also where a document is read in many stretches. float16 takes away half of its last place at most."""
    measured = measure(prepared, model, tmp_path / "out", positions=positions)
    network, checksum = open_entropy_model(model)
    found = all_of(prepared, tmp_path / "out")
    for text, values in found.items():
        exact = slowly(network, text)
        assert values.shape == exact.shape
        assert (abs(values - exact) <= exact / 2048 + 2e-5).all()
    assert measured.model_sha256 == checksum
    assert measured.documents == len(found) == 203
    assert measured.values == sum(map(len, found.values())) == measured.bytes + measured.documents


def test_a_model_without_a_window(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = save_model(tmp_path / "model", window=None)
    measure(prepared, model, tmp_path / "out", positions=64)
    network, _ = open_entropy_model(model)
    for text, values in all_of(prepared, tmp_path / "out").items():
        np.testing.assert_allclose(values, slowly(network, text), rtol=1 / 2000)
    monkeypatch.setattr(measuring, "MOST_WITHOUT_WINDOW", 899)
    with pytest.raises(ValueError, match=r"has 900 bytes, and the entropy model has no window: .* 899 are the most; "):
        measure(prepared, model, tmp_path / "other")


def test_parts_and_threads_change_nothing(prepared: Path, model: Path, expected: Path, tmp_path: Path) -> None:
    """Documents go through passes in the company of their part, so parts change rounding alone; threads nothing."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        measure(prepared, model, tmp_path / "out", part_bytes=PART_BYTES)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert contents(tmp_path / "out") == contents(expected)
    measure(prepared, model, tmp_path / "one", part_bytes=1 << 30)
    wanted = all_of(prepared, expected)
    for text, values in all_of(prepared, tmp_path / "one").items():
        np.testing.assert_allclose(values, wanted[text], rtol=1 / 1000)


def test_a_patch_starts_elsewhere_only_within_rounding(prepared: Path, model: Path, expected: Path) -> None:
    network, _ = open_entropy_model(model)
    found = all_of(prepared, expected)
    exact = {text: slowly(network, text) for text in found}
    threshold = float(np.median(np.concatenate(list(exact.values()))))
    patching, moved, wanted = Patching(threshold=threshold), 0, 0
    for text, values in found.items():
        starts, rounded = (patch_starts(patching, document(text), one) for one in (exact[text], values))
        differ = starts != rounded
        assert (abs(exact[text][differ[1:]] - threshold) <= threshold / 2048 + 2e-5).all()
        moved += int(differ.sum())
        wanted += int(starts[3:].sum())
    assert wanted > 1000
    assert moved < wanted / 20


class Interrupting:
    """Passes that are interrupted behind some parts (mutable)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, parts: int) -> None:
        values, self.calls = EntropyPasses.values, 0

        def interrupted(passes: EntropyPasses, documents: Sequence[Bytes], tell: Tell) -> Values:
            self.calls += 1
            if self.calls > parts:
                raise KeyboardInterrupt
            return values(passes, documents, tell)

        monkeypatch.setattr(EntropyPasses, "values", interrupted)


@pytest.mark.parametrize("parts", [0, 1, 5, 10])
def test_an_interruption(
    prepared: Path, model: Path, expected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        Interrupting(patch, parts)
        with pytest.raises(KeyboardInterrupt):
            measure(prepared, model, out, part_bytes=PART_BYTES)
    with pytest.raises(FileNotFoundError, match=r"there is no '.*entropies\.json'; compute the entropies, or go on"):
        Uncertainties(out, Shards(prepared))
    with monkeypatch.context() as patch:
        counting = Interrupting(patch, 1000)
        told: list[tuple[int, int, str]] = []
        measure(prepared, model, out, part_bytes=PART_BYTES, progress=lambda *one: told.append(one))
    assert counting.calls == _parts(prepared) - parts
    own = [done for done, _, unit in told if unit == "bytes"]
    assert (own[0] > 0) == (parts > 0), "what was computed is not computed again"
    assert (own[-1], own) == (told[-1][1], sorted(own))
    assert contents(out) == contents(expected)


def _parts(prepared: Path) -> int:
    """How many there are: of each shard, the stretches in which documents begin."""
    found = 0
    for path in prepared.glob("*/*.offsets.npy"):
        found += len(set((np.load(path)[:-1] // PART_BYTES).tolist()))
    return found


def test_the_same_again_is_checked(
    prepared: Path, model: Path, expected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shutil.copytree(expected, out)
    monkeypatch.delattr(EntropyPasses, "values")
    measure(prepared, model, out)
    assert contents(out) == contents(expected)
    path = out / "train" / "00001.npy"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"\1")
    with pytest.raises(ValueError, match=r"train/00001\.npy' is not as it was written: its SHA-256 is .*; copy it"):
        measure(prepared, model, out)
    path.write_bytes(data[:-2])
    with pytest.raises(ValueError, match=r"train/00001\.npy' is not as it was written: it is no array: "):
        Uncertainties(out, Shards(prepared))
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"train/00001\.npy' is gone; copy it from where"):
        measure(prepared, model, out)


def test_damage_of_what_is_unfinished(
    prepared: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        Interrupting(patch, 6)
        with pytest.raises(KeyboardInterrupt):
            measure(prepared, model, out, part_bytes=PART_BYTES)
    (part, *_) = sorted(out.glob("unfinished/parts/*/*"))
    data = part.read_bytes()
    part.write_bytes(b"\1" + data[1:])
    with pytest.raises(ValueError, match=rf"'{part}' is not as it was written; remove it, and it is computed anew"):
        measure(prepared, model, out, part_bytes=PART_BYTES)
    part.unlink()
    shard = out / "train" / "00000.npy"
    data = shard.read_bytes()
    shard.write_bytes(data[:-1])
    with pytest.raises(ValueError, match=r"train/00000\.npy' is not as it was written: its SHA-256 is"):
        measure(prepared, model, out, part_bytes=PART_BYTES)
    shard.unlink()
    with pytest.raises(ValueError, match=r"train/00000\.npy' is not as it was written: .* that of no file; expected"):
        measure(prepared, model, out, part_bytes=PART_BYTES)


def test_what_does_not_belong_together(
    prepared: Path, model: Path, expected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_model, other_data = save_model(tmp_path / "model", seed=1), prepared_texts(tmp_path / "data", ["a", "bc"] * 9)
    for wrong in ((other_data, model), (prepared, other_model)):
        with pytest.raises(ValueError, match=r"holds entropies of model \w{64} for data \w{64}, not of model .* give"):
            measure(*wrong, expected)
    with pytest.raises(ValueError, match=r"are of data with SHA-256 \w{64}, and '.*data' has \w{64}; give the folder"):
        Uncertainties(expected, Shards(other_data))
    with monkeypatch.context() as patch:
        Interrupting(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            measure(prepared, model, tmp_path / "out", part_bytes=PART_BYTES)
    with pytest.raises(ValueError, match=r"begun with other settings \(model_sha256: .* then, .* now\); give the earl"):
        measure(prepared, other_model, tmp_path / "out", part_bytes=PART_BYTES)
    with pytest.raises(
        ValueError, match=r"begun with other settings \(data_sha256: .*; part_bytes: 400 then, 99 now\)"
    ):
        measure(other_data, model, tmp_path / "out", part_bytes=99)
    with only_one(tmp_path / "out" / "unfinished" / "lock") as alone:
        assert alone
        with pytest.raises(ValueError, match=r"another process is at work in '.*out'; wait for it, or give another"):
            measure(prepared, model, tmp_path / "out", part_bytes=PART_BYTES)


def test_the_same_data_prepared_elsewhere(model: Path, expected: Path, tmp_path: Path) -> None:
    """What counts is what is in the shards."""
    again = prepared_texts(tmp_path / "again")
    assert Uncertainties(expected, Shards(again)).document(0).shape == Shards(again).document(0).shape + np.array([1])
    assert measure(again, model, expected).documents == 203


def test_damaged_data_is_named(prepared: Path, model: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared, tmp_path / "data")
    path = tmp_path / "data" / "train" / "00002.bin"
    path.write_bytes(b"X" + path.read_bytes()[1:])
    with pytest.raises(ValueError, match=r"00002\.bin' is not as it was written: its SHA-256 is"):
        measure(tmp_path / "data", model, tmp_path / "out")


def test_a_model_that_gives_no_numbers(prepared: Path, tmp_path: Path) -> None:
    source = save_model(tmp_path / "source")
    checkpoint = open_checkpoint(source)
    made = Blt(checkpoint.config)
    made.load_state_dict({name: checkpoint[name] for name in checkpoint.names})
    assert made.patcher is not None
    with torch.no_grad():
        made.patcher.lm_head.weight[7, 3] = torch.nan
    save_directory(tmp_path / "broken", made.config, made.state_dict())
    with pytest.raises(ValueError, match="gives entropies that are no numbers; give one that was trained well"):
        measure(prepared, tmp_path / "broken", tmp_path / "out")


def test_mistakes(prepared: Path, model: Path, tmp_path: Path) -> None:
    for name in ("processes", "positions", "part_bytes"):
        with pytest.raises(ValueError, match=f"{name} is 0; expected at least 1"):
            measure(prepared, model, tmp_path / "out", **{name: 0})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"there is no folder '.*none' to make 'out' in; make it first"):
        measure(prepared, model, tmp_path / "none" / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_bytes(b"")
    with pytest.raises(ValueError, match=r"full' exists already and holds no entropies; empty it, or give another"):
        measure(prepared, model, tmp_path / "full")
    with pytest.raises(FileNotFoundError, match=r"there is no '.*data\.json'; make the directory with"):
        measure(tmp_path, model, tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "was not written by bytelm blt entropies; give a folder that was"),
        ({"version": 2}, "is of version 2, and this bytelm reads version 1; compute"),
        ({"splits": {"train": {"shards": [{"values": 1}]}}}, r"is not as bytelm blt entropies writes it \(TypeError: "),
    ],
)
def test_a_manifest_that_is_another(
    prepared: Path, expected: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    shutil.copytree(expected, tmp_path / "out")
    path = tmp_path / "out" / "entropies.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}))
    with pytest.raises(ValueError, match=message):
        Uncertainties(tmp_path / "out", Shards(prepared))
    path.write_text("{")
    with pytest.raises(ValueError, match=r"entropies\.json' cannot be read: .*; compute the entropies anew"):
        Uncertainties(tmp_path / "out", Shards(prepared))


class Known:
    """Documents in memory, whose entropies say which place of which document they are behind."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self.texts = texts
        self.sizes = np.array([len(text) for text in texts], np.int64)

    def document(self, index: int, /) -> NDArray[np.uint8]:
        return np.frombuffer(self.texts[index], np.uint8)


class Places:
    def __init__(self, texts: Sequence[bytes]) -> None:
        self._texts = texts

    def document(self, index: int, /) -> NDArray[np.float16]:
        return (np.arange(len(self._texts[index]) + 1) + 16 * index + 1).astype(np.float16)


texts = st.lists(st.binary(max_size=12), min_size=1, max_size=8)


@given(texts=texts, length=st.integers(1, 40), epochs=st.integers(1, 3))
def test_rows_have_the_entropies_behind_their_inputs(texts: list[bytes], length: int, epochs: int) -> None:
    rows = Rows(Known(texts), length, 5, epochs, Places(texts))
    plain = Rows(Known(texts), length, 5, epochs)
    wanted: list[float] = []
    for epoch in range(epochs):
        for index in shuffled(len(texts), 5, epoch).tolist():
            wanted += [*(16 * index + 1 + place for place in range(len(texts[index]) + 1)), 0.0]
    assert rows.count is not None
    batch = rows.batch(range(rows.count))
    assert batch.entropies is not None
    assert (batch.entropies.shape, batch.entropies.dtype) == (batch.first.shape, np.float32)
    assert batch.entropies.ravel().tolist() == wanted + [0.0] * (rows.count * length - len(wanted))
    assert (batch.ids == plain.batch(range(rows.count)).ids).all()
    row = rows.row(rows.count - 1)
    assert row.entropies is not None
    assert (row.entropies == batch.entropies[-1]).all()
    parts = list(batch.parts(rows.count))
    assert [part.entropies.tolist() for part in parts if part.entropies is not None] == batch.entropies[
        :, None
    ].tolist()


def test_rows_of_prepared_data(prepared: Path, model: Path, expected: Path) -> None:
    """Also those of a document that began before the row."""
    shards = Shards(prepared)
    rows = Rows(shards, 40, 3, 1, Uncertainties(expected, shards))
    network, _ = open_entropy_model(model)
    assert rows.count is not None
    batch = rows.batch(range(rows.count))
    assert batch.entropies is not None
    ids, found = batch.ids[:, :-1].ravel(), batch.entropies.ravel()
    begins = [*np.flatnonzero(ids == BOS).tolist(), len(ids)]
    for index, begin in zip(shuffled(shards.documents, 3, 0).tolist(), begins, strict=False):
        text = bytes(shards.document(index))
        exact = slowly(network, text)
        np.testing.assert_allclose(found[begin : begin + len(exact)], exact, rtol=1 / 2000)
        assert found[begin + len(exact)] == 0
