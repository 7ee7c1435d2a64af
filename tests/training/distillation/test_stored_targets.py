"""Targets on disk against the teacher's distributions; the same for any number of processes, and after a kill."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bytelm
from bytelm.covers.model import TokenizedLM
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from bytelm.training.data.shards import Shards
from bytelm.training.distillation.computing_targets import compute_targets
from bytelm.training.distillation.pieces import PackedRows, Pieces, predicted, texts_of
from bytelm.training.distillation.stored_targets import StoredTargets
from bytelm.training.distillation.symbols import divergence, keep
from bytelm.training.distillation.target_files import TargetPart, Targets, read_targets, record
from bytelm.training.distillation.targets_work import Teaching, teacher_checksum
from corpora.making import environment
from training.data.making import contents, write_lines

PROGRAM = Path(__file__).with_name("targets_program.py")
TEACHER = "bundled:code"
LENGTH = 48
PART_PIECES = 3
TEXTS = [f"def function_{number}(é):\n    return {number} + é * {number}\n" for number in range(12)]


@pytest.fixture(autouse=True, scope="module")
def no_power_is_lost() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        yield


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given")
    prepare([write_lines(folder / "texts.jsonl", TEXTS)], folder / "prepared", Options(validation=0.2))
    return folder / "prepared"


@pytest.fixture(scope="module")
def stored(prepared: Path) -> Path:
    """The targets, computed by one process."""
    folder = prepared.with_name("stored")
    compute(prepared, folder)
    return folder


@pytest.fixture
def copied(stored: Path, tmp_path: Path) -> Path:
    """The same, to damage."""
    return Path(shutil.copytree(stored, tmp_path / "copied"))


@pytest.fixture(scope="module")
def teacher() -> TokenizedLM:
    found = bytelm.load(TEACHER, tolerance=0.01, device="cpu")
    assert isinstance(found, TokenizedLM)
    return found


def compute(prepared: Path, folder: Path, **options: Any) -> Targets:
    return compute_targets(prepared, TEACHER, folder, **{"length": LENGTH, "part_pieces": PART_PIECES, **options})


def pieces_of(prepared: Path, split: str) -> list[bytes]:
    pieces = Pieces(Shards(prepared, split), LENGTH)
    return [pieces.piece(number).data.tobytes() for number in range(len(pieces))]


def opened(folder: Path, prepared: Path, split: str = "train") -> StoredTargets:
    return StoredTargets(folder, Shards(prepared, split), LENGTH)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_they_are_the_distributions(stored: Path, prepared: Path, teacher: TokenizedLM, split: str) -> None:
    """To half a unit in the last place of float16, 2^-11 of a log-probability; and each sums to one."""
    targets = opened(stored, prepared, split)
    targets.verify()
    texts = pieces_of(prepared, split)
    assert (len(targets), targets.kind, targets.keep) == (len(texts), "exact", 16)
    for number, text in enumerate(texts):
        found = targets.of(number)
        assert [(one.shape, one.dtype) for one in found] == [
            ((len(text) + 1, 16), torch.float32),
            ((len(text) + 1, 16), torch.int64),
            ((len(text) + 1,), torch.float32),
        ]
        # Alone instead of beside others, a text may ask for other side heads: within the tolerance.
        logs = torch.from_numpy(teacher.distributions(text))
        assert (logs.exp().gather(-1, found.symbols_NK) - found.log_NK.exp()).abs().max() < 0.01
        whole = torch.cat([found.log_NK.double(), found.rest_log_N.double()[:, None]], -1)
        assert torch.allclose(whole.logsumexp(-1), torch.zeros(len(text) + 1, dtype=torch.float64), atol=1e-6)


def test_what_is_rounded(prepared: Path, teacher: TokenizedLM, stored: Path, tmp_path: Path) -> None:
    """The bound that the module states, and the values of one pass over the same pieces."""
    texts = pieces_of(prepared, "train")[:PART_PIECES]
    expected = teacher.distributions(texts)
    targets = opened(stored, prepared)
    lost, off = [], []
    for number, logs in enumerate(expected):
        kept, found = keep(torch.from_numpy(logs), 16), targets.of(number)
        assert torch.equal(found.symbols_NK, kept.symbols_NK)
        torch.testing.assert_close(found.log_NK.double(), kept.log_NK, rtol=2**-10, atol=1e-3)
        torch.testing.assert_close(found.rest_log_N.double(), kept.rest_log_N, rtol=2**-10, atol=1e-3)
        before, after = (
            torch.cat([one.log_NK.double(), one.rest_log_N.double()[:, None]], -1) for one in (kept, found)
        )
        lost.append(divergence(before, after))
        off.append((before.exp() - after.exp()).abs().sum(-1) / 2)
    assert float(torch.cat(lost).mean()) < 1e-7
    assert float(torch.cat(off).mean()) < 1e-4


def test_along_the_path(prepared: Path, teacher: TokenizedLM, tmp_path: Path) -> None:
    targets = compute(prepared, tmp_path / "out", kind="path", keep=5, part_pieces=100)
    assert (targets.settings.tolerance, targets.settings.kind) == (None, "path")
    found = opened(tmp_path / "out", prepared)
    texts = pieces_of(prepared, "train")
    for number, logs in enumerate(teacher.path_distributions(texts)):
        kept = keep(torch.from_numpy(logs), 5)
        torch.testing.assert_close(found.of(number).log_NK.double(), kept.log_NK, rtol=2**-10, atol=1e-3)


def test_of_a_batch(stored: Path, prepared: Path) -> None:
    """The rows where something is predicted: all places of a text, but the last one where its document goes on."""
    targets = opened(stored, prepared)
    rows = PackedRows(Pieces(Shards(prepared, "train"), LENGTH), LENGTH, seed=0)
    batch = rows.batch(range(rows.rows_per_epoch))
    texts = texts_of(batch)
    found = targets.at(texts, batch, torch.device("cpu"))
    assert len(found.log_NK) == batch.weights.sum()
    parts = [[one[predicted(text, batch)] for one in targets.of(text.number)] for text in texts]
    for one, expected in zip(found, zip(*parts, strict=True), strict=True):
        assert torch.equal(one, torch.cat(expected))


def test_what_json_says(stored: Path, prepared: Path) -> None:
    found = json.loads((stored / "targets.json").read_bytes())
    assert found.pop("splits").keys() == {"train", "validation"}
    assert len(found.pop("teacher_sha256")) == len(found.pop("data_sha256")) == 64
    assert found == {
        "format": "bytelm-targets",
        "version": 1,
        "complete": True,
        "kind": "exact",
        "tolerance": 0.01,
        "dtype": "auto",
        "length": LENGTH,
        "keep": 16,
        "part_pieces": PART_PIECES,
    }
    targets, texts = read_targets(stored), pieces_of(prepared, "train") + pieces_of(prepared, "validation")
    assert (targets.pieces, targets.places) == (len(texts), sum(len(text) + 1 for text in texts))
    assert record(16).itemsize == 66


def test_again(copied: Path, prepared: Path) -> None:
    """Where all is there, checksums are compared, and nothing is written."""
    before, told = contents(copied), []
    compute(prepared, copied, processes=2, progress=lambda *now: told.append(now))
    assert contents(copied) == before
    assert {unit for _, _, unit in told} == {"places checked"}
    done, total, _ = told[-1]
    assert done == total


def run(prepared: Path, out: Path, seconds: float = 0) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, str(PROGRAM), str(prepared), str(out), "2", str(LENGTH), str(PART_PIECES)]
    variables = environment(BYTELM_TEST_SECONDS=str(seconds), CUDA_VISIBLE_DEVICES="")
    return subprocess.Popen(argv, stderr=subprocess.PIPE, env=variables, start_new_session=True)


def finished(out: Path) -> dict[str, int]:
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in sorted(out.glob("*/*.targets"))}


def test_processes_and_a_kill(stored: Path, prepared: Path, tmp_path: Path) -> None:
    """Two processes, killed by SIGKILL when some parts were finished; two more go on, and the parts are kept."""
    out = tmp_path / "out"
    with run(prepared, out, 0.3) as process:
        deadline = time.monotonic() + 60
        while len(finished(out)) < 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    time.sleep(1)  # its workers finish a part, and find that nobody hears of it
    before = finished(out)
    assert len(before) < len(finished(stored))
    with pytest.raises(ValueError, match=r"the targets in '.*out' are not finished; go on with the bytelm targets"):
        opened(out, prepared)
    (out / "train" / ".000000.targets.abc").write_bytes(b"half of a part")
    with run(prepared, out) as process:
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")
    assert contents(out) == contents(stored)
    after = finished(out)
    assert before == {name: after[name] for name in before}


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_where_nothing_was_finished(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left that would refuse other settings."""
    with monkeypatch.context() as patch:
        patch.setattr(TargetPart, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            compute(prepared, tmp_path / "out", kind="path")
    assert contents(tmp_path / "out") == {}


def test_what_a_teacher_cannot_do(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def impossible(*_: object) -> None:
        raise FloatingPointError("zero")

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(TokenizedLM, "path_distributions", impossible)
    with pytest.raises(ValueError, match=r"of the pieces 0 to 2 of 'train' the teacher finds one impossible \(zero\)"):
        compute(prepared, tmp_path / "out", kind="path")
    monkeypatch.setattr(TokenizedLM, "path_distributions", full)
    with pytest.raises(ValueError, match="cpu has too little memory for the teacher; use fewer processes or a short"):
        compute(prepared, tmp_path / "out", kind="path")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "other"}, "kind is 'other'; expected one of exact, path"),
        ({"tolerance": 1.0}, "tolerance is 1.0; expected a fraction from 0"),
        ({"keep": 0}, "keep is 0; expected a number of symbols from 1 to 257"),
        ({"keep": 258}, "keep is 258; expected a number of symbols"),
        ({"dtype": "int8"}, "dtype is 'int8'; expected auto or one of float32, bfloat16, float16"),
        ({"processes": 0}, "processes is 0; expected at least 1"),
        ({"part_pieces": 0}, "part_pieces is 0; expected at least 1"),
        ({"length": 8}, "need a length of at least 16 ids, got 8"),
    ],
)
def test_options(prepared: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compute(prepared, tmp_path / "out", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": 8}, r"holds targets that were computed with other settings \(keep: 16 then, 8 now\); give the earl"),
        ({"kind": "path"}, r"\(kind: 'exact' then, 'path' now; tolerance: 0.01 then, None now\)"),
        ({"length": 32}, r"\(length: 48 then, 32 now\)"),
    ],
)
def test_other_settings(stored: Path, prepared: Path, options: dict[str, Any], message: str) -> None:
    before = contents(stored)
    with pytest.raises(ValueError, match=message):
        compute(prepared, stored, **options)
    assert contents(stored) == before


def test_what_is_in_the_way(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path, tmp_path / "file"):
        with pytest.raises(ValueError, match="exists already and holds no targets; empty it, or give another name"):
            compute(prepared, folder)
    with pytest.raises(ValueError, match=r"there is no folder '.*none' to make 'out' in; make it first"):
        compute(prepared, tmp_path / "none" / "out")


def test_alone(prepared: Path, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / ".lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match=r"another process is at work in '.*out'; wait for it, or give another"):
            compute(prepared, tmp_path / "out")


def test_teachers(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no config.json in .*empty: that is no model directory"):
        compute_targets(prepared, tmp_path / "empty", tmp_path / "out")
    with pytest.raises(ValueError, match="holds a Byte Latent Transformer, and a token model is needed"):
        compute_targets(prepared, "bundled:blt", tmp_path / "out")
    assert not contents(tmp_path / "out")


def test_the_checksum_of_a_teacher(tmp_path: Path) -> None:
    """Names and contents of what decides count, and nothing else."""
    for name in ("config.json", "model.safetensors", "README.md"):
        (tmp_path / name).write_bytes(b"1")
    found = [teacher_checksum(tmp_path)]
    (tmp_path / "README.md").write_bytes(b"2")
    assert teacher_checksum(tmp_path) == found[0]
    changes: list[Callable[[], object]] = [
        lambda: (tmp_path / "model.safetensors").write_bytes(b"2"),
        lambda: (tmp_path / "model.safetensors").rename(tmp_path / "other.safetensors"),
        lambda: (tmp_path / "tokenizer.json").write_bytes(b"1"),
    ]
    for change in changes:
        change()
        found.append(teacher_checksum(tmp_path))
    assert len(set(found)) == 4


def test_other_data(stored: Path, prepared: Path, tmp_path: Path) -> None:
    prepare([write_lines(tmp_path / "texts.jsonl", TEXTS[1:])], tmp_path / "other", Options(validation=0.2))
    with pytest.raises(ValueError, match=r"are of data with SHA-256 \w+, and '.*other' has \w+; give the folder made"):
        opened(stored, tmp_path / "other")
    with pytest.raises(
        ValueError, match=r"rows of 48 ids, and the rows have 64; use length=48, or compute the targets"
    ):
        StoredTargets(stored, Shards(prepared, "train"), 64)
    with pytest.raises(ValueError, match=r"\(data_sha256: "):
        compute(tmp_path / "other", stored)
    with pytest.raises(IndexError, match="piece 99; there are "):
        opened(stored, prepared).of(99)


def test_damage(copied: Path, prepared: Path) -> None:
    path = copied / "train" / "000001.targets"
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    message = "000001.targets' is not as it was written: its SHA-256 does not fit; copy it again from where"
    with pytest.raises(ValueError, match=message):
        opened(copied, prepared).verify()
    with pytest.raises(ValueError, match=message):
        compute(prepared, copied)
    path.write_bytes(data[:-1])
    with pytest.raises(ValueError, match=r"000001.targets' is not as it was written: it has [\d,]+ bytes; expected"):
        opened(copied, prepared)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"000001.targets' is gone; copy it from where the targets were comp"):
        opened(copied, prepared)


def test_damaged_begins(copied: Path, prepared: Path) -> None:
    path = copied / "train" / "begins.npy"
    begins = np.load(path)
    np.save(path, np.concatenate([begins[:1], begins[1:2] + 1, begins[2:]]))
    with pytest.raises(ValueError, match=r"begins.npy' is not as it was written: its SHA-256 is \w+; expected"):
        opened(copied, prepared).verify()
    for damaged, message in (
        (begins[1:], r"it is int64 \(\d+,\); expected int64"),
        (begins + 1, "it goes from 1 to "),
    ):
        np.save(path, damaged)
        with pytest.raises(ValueError, match=f"begins.npy' is not as it was written: {message}"):
            opened(copied, prepared)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"begins.npy' is not as it was written: it is no array"):
        opened(copied, prepared)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"begins.npy' is gone"):
        opened(copied, prepared)


def test_damaged_json(copied: Path, prepared: Path, tmp_path: Path) -> None:
    path = copied / "targets.json"
    found = json.loads(path.read_bytes())
    for changed, message in (
        ([], "was not written by bytelm targets; give a folder that was"),
        (found | {"version": 2}, "is of version 2, and this bytelm reads version 1; compute the targets anew"),
        (found | {"splits": None}, "is not as bytelm targets writes it"),
        ({name: value for name, value in found.items() if name != "keep"}, r"writes it \(KeyError: 'keep'\)"),
    ):
        path.write_text(json.dumps(changed))
        with pytest.raises(ValueError, match=message):
            opened(copied, prepared)
    path.write_bytes(b"{")
    with pytest.raises(ValueError, match=r"targets.json' cannot be read: .*; compute the targets anew"):
        opened(copied, prepared)
    with pytest.raises(FileNotFoundError, match=r"there is no '.*targets.json'; compute the targets with: bytelm targ"):
        opened(tmp_path / "nowhere", prepared)


def test_an_unfinished_part_that_is_damaged(copied: Path, prepared: Path) -> None:
    """What goes on checks what is there."""
    read = read_targets(copied)
    Targets(read.settings, read.splits, complete=False).write(copied)
    path = copied / "train" / "000000.targets"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"000000.targets' is not as it was written"):
        compute(prepared, copied)


def test_a_part_with_many_bytes(prepared: Path, monkeypatch: pytest.MonkeyPatch, stored: Path, tmp_path: Path) -> None:
    """Some pieces at a time: in order, all of them, and within the tolerance the same."""
    monkeypatch.setattr("bytelm.training.distillation.targets_work.TOGETHER", 50)
    told: list[int] = []
    part = TargetPart("train", 0, 5, sum(len(text) + 1 for text in pieces_of(prepared, "train")[:5]), tmp_path / "part")
    settings = read_targets(stored).settings
    Teaching(prepared, Path(str(bytelm.loading.resolve(TEACHER))), settings)(part, told.append)
    assert len(told) > 1
    assert sum(told) == part.bytes
    part.check(settings.keep)
    found = np.fromfile(part.path, record(settings.keep), count=part.places)
    targets = opened(stored, prepared)
    expected = torch.cat([targets.of(number).log_NK[:, 0] for number in range(5)])
    assert np.abs(np.exp(found["log"][:, 0].astype(np.float32)) - expected.exp().numpy()).max() < 0.01
