"""Training with precomputed entropies is training with those that the entropy model gives on the fly."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import bytelm
from bytelm.blt.model import Blt
from bytelm.blt.patching.statistics import PatchSizes, patch_sizes
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import BOS
from bytelm.training.data.measuring import measure
from bytelm.training.data.options import Options
from bytelm.training.data.order import shuffled
from bytelm.training.data.preparing import prepare
from bytelm.training.data.rows import Rows
from bytelm.training.data.shards import Shards
from bytelm.training.data.uncertainties import Uncertainties
from bytelm.training.entropy_models import open_entropy_model
from bytelm.training.inputs import open_data
from bytelm.training.stages import calibrated, entropy_steps, starts_of
from training.data.entropies_making import all_of, slowly
from training.data.making import write_lines
from training.runs import CPU, Watching, configured, trained

ROW = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where there is a trained entropy model, data each of whose documents fills a row, and their entropies."""
    folder = tmp_path_factory.mktemp("given")
    made = random.Random(0)
    lines = ["".join(made.choices("ab\n", k=ROW - 2)) for _ in range(60)]
    prepare([write_lines(folder / "lines.jsonl", lines)], folder / "prepared", Options(validation=0.2))
    trained(configured(folder, "first", f"data={folder / 'prepared'}"))
    measure(folder / "prepared", folder / "first", folder / "entropies")
    return folder


def with_model(folder: Path) -> list[str]:
    return [f"data={folder / 'prepared'}", f"entropy_model={folder / 'first'}"]


def with_entropies(folder: Path) -> list[str]:
    return [*with_model(folder), f"entropies={folder / 'entropies'}"]


@pytest.fixture
def no_entropy_model_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Blt, "entropy_logits")


def between_two_numbers(folder: Path) -> float:
    """A threshold that rounding to float16 moves no entropy across."""
    values = np.concatenate(list(all_of(folder / "prepared", folder / "entropies").values()))
    low = np.quantile(values, 0.75).astype(np.float16)
    return float(low.astype(np.float64) + np.nextafter(low, np.float16(9)).astype(np.float64)) / 2


def test_the_same_losses_where_rows_begin_with_documents(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ["mean_patch=none", f"model.patching.threshold={between_two_numbers(folder)!r}", "validate_every=6"]
    fly, known = Watching(), Watching()
    trained(configured(tmp_path, "fly", *with_model(folder), *common), fly)
    monkeypatch.delattr(Blt, "entropy_logits")
    config = configured(tmp_path, "known", *with_entropies(folder), *common)
    assert entropy_steps(config) == 0
    trained(config, known)
    assert [report.bits_per_byte for report in known.reports] == [report.bits_per_byte for report in fly.reports]
    assert len(known.validations) == 2
    assert known.validations == fly.validations
    one, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("fly", "known"))
    assert one == other


@pytest.mark.usefixtures("no_entropy_model_runs")
@pytest.mark.parametrize("mode", ["entropy", "monotonic", "both"])
def test_the_threshold_is_calibrated_to_them(folder: Path, tmp_path: Path, mode: str) -> None:
    changes = [f"model.patching.mode={mode}", "mean_patch=3", "accumulate=2"]
    run = trained(configured(tmp_path, "run", *with_entropies(folder), *changes))
    data = open_data(run.config)
    batch = data.rows.batch(range(32))
    assert batch.entropies is not None
    patching = run.network.config.patching
    sizes = PatchSizes()
    for ids, entropies in zip(batch.ids[:, :-1], batch.entropies, strict=True):
        sizes += patch_sizes(ids, patch_starts(patching, ids, entropies.astype(np.float64)))
    assert sizes.mean == pytest.approx(3, rel=0.05)
    assert calibrated(run.network, batch, 3, CPU).patching == patching


def test_a_document_that_began_before_its_row_is_known_from_its_beginning(folder: Path) -> None:
    """There, on the fly, the entropy model sees less."""
    shards = Shards(folder / "prepared")
    rows = Rows(shards, 24, 3, 1, Uncertainties(folder / "entropies", shards))
    network = bytelm.load(folder / "first", device="cpu").network
    patching = replace(network.config.patching, threshold=between_two_numbers(folder))
    network.config = replace(network.config, patching=patching)
    model, _ = open_entropy_model(folder / "first")
    assert rows.count is not None
    batch = rows.batch(range(rows.count - 1))
    ids, first = (torch.from_numpy(array.copy()) for array in (batch.ids[:, :-1], batch.first))
    found = starts_of(network, ids, first, batch.entropies).numpy()
    order = shuffled(shards.documents, 3, 0).tolist()
    stream = np.concatenate([[*slowly(model, bytes(shards.document(index))), 0.0] for index in order])
    stream = stream.astype(np.float16).astype(np.float64)
    for number, row in enumerate(ids.numpy()):
        assert (found[number] == patch_starts(patching, row, stream[number * 24 : (number + 1) * 24])).all()
    fly = starts_of(network, ids, first).numpy()
    whole = ids[:, 0].numpy() == BOS
    assert (fly[whole] == found[whole]).all()
    assert (fly != found).any()


def test_what_does_not_belong_together(folder: Path, tmp_path: Path) -> None:
    trained(configured(tmp_path, "other", f"data={folder / 'prepared'}", "seed=8"))
    changes = [*with_entropies(folder), f"entropy_model={tmp_path / 'other'}"]
    with pytest.raises(
        ValueError, match=r"entropies' are those of the entropy model \w{64}, and '.*other' holds \w{64}"
    ):
        open_data(configured(tmp_path, "run", *changes))
    changes = [f"entropies={folder / 'entropies'}", f"entropy_model={folder / 'first'}"]
    with pytest.raises(ValueError, match=r"are of data with SHA-256 \w{64}, and '.*data' has \w{64}; give the folder"):
        open_data(configured(tmp_path, "run", *changes))
    with pytest.raises(FileNotFoundError, match=r"there is no '.*entropies\.json'; compute the entropies"):
        open_data(configured(tmp_path, "run", *with_model(folder), f"entropies={tmp_path}"))


def test_configurations_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="entropies 'x' were computed by a trained entropy model, and entropy_model is"
    ):
        configured(tmp_path, "run", "entropies=x")
    with pytest.raises(ValueError, match="entropies is for kind 'blt' with patches by an entropy model; leave it out"):
        configured(tmp_path, "run", "entropies=x", "model.patching.mode=space", "mean_patch=none")
    with pytest.raises(
        ValueError, match=r"resets_at_newlines is for models that were trained so elsewhere.*; set it to false"
    ):
        configured(tmp_path, "run", "model.patching.resets_at_newlines=true").check_runnable()
