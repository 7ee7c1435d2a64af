"""However data is prepared, the result is the same byte for byte; nothing is dropped without a word."""

import dataclasses
import gzip
import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bytelm.training.data import items, lines, long_lines, parts, reading, shard_files
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from corpora.making import environment
from training.data.making import SMALL, TEXTS, contents, documents, held_out, write_lines

ORDERED = [text.encode() for text in TEXTS]
COUNTS = {"null": 1, "not_text": 1, "empty": 1, "binary": 1}


def test_everything_is_there(inputs: list[Path], tmp_path: Path) -> None:
    """In the order of the inputs, and in the split that its hash tells."""
    manifest = prepare(inputs, tmp_path / "out", SMALL)
    assert documents(tmp_path / "out") == [text for text in ORDERED if not held_out(text)]
    assert documents(tmp_path / "out", "validation") == [text for text in ORDERED if held_out(text)]
    assert manifest.documents == len(TEXTS)
    assert manifest.troubles.counts == COUNTS
    assert [(source.name, source.files) for source in manifest.sources] == [
        (str(inputs[0]), 1),
        (str(inputs[1]), 1),
        (str(inputs[2]), 31),
    ]
    assert len(manifest.splits["train"].shards) > 3
    assert all(shard.bytes <= 700 for split in manifest.splits.values() for shard in split.shards)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


@pytest.mark.parametrize("processes", [2, 3])
def test_processes(inputs: list[Path], tmp_path: Path, processes: int) -> None:
    prepare(inputs, tmp_path / "one", SMALL)
    prepare(inputs, tmp_path / "many", SMALL, processes=processes)
    assert contents(tmp_path / "one") == contents(tmp_path / "many")


@pytest.mark.parametrize("piece_bytes", [13, 97, 1 << 26])
def test_pieces(inputs: list[Path], tmp_path: Path, piece_bytes: int) -> None:
    prepare(inputs, tmp_path / "one", SMALL)
    prepare(inputs, tmp_path / "other", dataclasses.replace(SMALL, piece_bytes=piece_bytes))
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_the_split_is_that_of_the_document(inputs: list[Path], tmp_path: Path) -> None:
    """Whatever else is there, and in whatever order; a larger share keeps what a smaller one held out."""
    prepare(inputs, tmp_path / "one", SMALL)
    turned = write_lines(tmp_path / "turned.jsonl", [*reversed(TEXTS), "another"])
    prepare([turned], tmp_path / "two", dataclasses.replace(SMALL, shard_bytes=1))
    prepare([turned], tmp_path / "more", dataclasses.replace(SMALL, validation=0.5))
    one, two, more = (set(documents(tmp_path / name, "validation")) for name in ("one", "two", "more"))
    assert one == two - {b"another"}
    assert two < more
    manifest = prepare([turned], tmp_path / "none", dataclasses.replace(SMALL, validation=0))
    assert list(manifest.splits) == ["train"]


def test_a_shard_holds_a_document_at_least(inputs: list[Path], tmp_path: Path) -> None:
    manifest = prepare(inputs, tmp_path / "out", dataclasses.replace(SMALL, shard_bytes=1))
    assert {shard.documents for split in manifest.splits.values() for shard in split.shards} == {1}
    assert documents(tmp_path / "out") == [text for text in ORDERED if not held_out(text)]


@pytest.mark.parametrize("processes", [1, 2])
def test_duplicates(tmp_path: Path, processes: int) -> None:
    texts = [*TEXTS[:50], *TEXTS[20:80], *TEXTS[:80], "x"]
    path = write_lines(tmp_path / "a.jsonl", texts)
    options = dataclasses.replace(SMALL, unique=True)
    manifest = prepare([path], tmp_path / "out", options, processes=processes)
    assert manifest.troubles.counts == {"duplicate": 110}
    expected = [text.encode() for text in dict.fromkeys(texts)]
    assert documents(tmp_path / "out") == [text for text in expected if not held_out(text)]
    assert documents(tmp_path / "out", "validation") == [text for text in expected if held_out(text)]
    assert prepare([path], tmp_path / "all", SMALL).documents == len(texts)


any_texts = st.lists(st.one_of(st.text(max_size=30), st.sampled_from(["", "a", "\0", "\r\n", "\ud800"])), max_size=25)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    texts=any_texts,
    shard_bytes=st.integers(1, 200),
    piece_bytes=st.integers(1, 300),
    share=st.sampled_from([0.0, 0.3]),
    unique=st.booleans(),
)
def test_any_documents(
    tmp_path: Path, texts: list[str], shard_bytes: int, piece_bytes: int, share: float, unique: bool
) -> None:
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    path = write_lines(tmp_path / "a.jsonl", [*texts, "at least this one"])
    options = Options(validation=share, shard_bytes=shard_bytes, piece_bytes=piece_bytes, unique=unique)
    manifest = prepare([path], tmp_path / "out", options)
    wanted = [text.replace("\ud800", "\ufffd").encode() for text in texts] + [b"at least this one"]
    there = [text for text in (dict.fromkeys(wanted) if unique else wanted) if text]
    assert documents(tmp_path / "out") == [text for text in there if not held_out(text, share)]
    if share:
        assert documents(tmp_path / "out", "validation") == [text for text in there if held_out(text, share)]
    counts = manifest.troubles.counts
    assert counts.get("empty", 0) == texts.count("")
    assert counts.get("surrogates", 0) == texts.count("\ud800")
    assert manifest.documents + counts.get("empty", 0) + counts.get("duplicate", 0) == len(wanted)


def test_progress(inputs: list[Path], tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    prepare(inputs, tmp_path / "out", SMALL, progress=lambda *one: told.append(one))
    for unit in ("bytes read", "bytes written"):
        done = [one[:2] for one in told if one[2] == unit]
        assert done == sorted(done)
        assert done[-1][0] == done[-1][1]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large is small."""
    for module in (items, lines, reading):
        monkeypatch.setattr(module, "LARGE", 64)
    for module in (items, lines, reading, long_lines, parts, shard_files):
        monkeypatch.setattr(module, "CHUNK", 16)
    monkeypatch.setattr(long_lines, "SHORT", 10)


@pytest.mark.usefixtures("small")
def test_large_documents_go_to_their_split(tmp_path: Path) -> None:
    """They are on the disk before their hash is known."""
    made = random.Random(0)
    texts = ["".join(made.choices("abcdé\n", k=made.choice([5, 30, 100, 1000]))) for _ in range(60)]
    path = write_lines(tmp_path / "a.jsonl", texts)
    manifest = prepare([path], tmp_path / "out", SMALL)
    there = [text.encode() for text in texts]
    assert documents(tmp_path / "out") == [text for text in there if not held_out(text)]
    assert documents(tmp_path / "out", "validation") == [text for text in there if held_out(text)]
    assert max(shard.bytes for shard in manifest.splits["train"].shards) > 1000
    assert manifest.troubles.counts == {}


@pytest.mark.usefixtures("small")
def test_a_large_text_whose_reading_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half of it stays."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / name).write_bytes(name.encode() * 1000)
    whole = reading._chunks

    def failing(file: object) -> Iterator[bytes]:
        found = whole(file)  # type: ignore[arg-type]
        yield next(found)
        if str(file.name).endswith("b"):  # type: ignore[attr-defined]
            raise items.ReadingError("damaged", "Input/output error")
        yield from found

    monkeypatch.setattr(reading, "_chunks", failing)
    manifest = prepare([folder], tmp_path / "out", Options(validation=0))
    assert documents(tmp_path / "out") == [b"a" * 1000, b"c" * 1000]
    assert manifest.troubles.examples == {"damaged": (f"'{folder}/b': Input/output error",)}


def test_memory_of_a_large_document(tmp_path: Path) -> None:
    """A document of 100 MB takes no more memory than a small one takes, whatever it is in."""
    text = "gigantic é\n" * 8_000_000
    (tmp_path / "a.txt").write_text(text, "utf-8")
    with (tmp_path / "b.jsonl").open("w") as file:
        json.dump({"text": text}, file, ensure_ascii=False)
    with gzip.open(tmp_path / "c.jsonl.gz", "wt", compresslevel=1) as packed:
        json.dump({"id": 1, "text": text}, packed)
    expected = hashlib.sha256(text.encode()).hexdigest()
    del text
    for name in ("a.txt", "b.jsonl", "c.jsonl.gz"):
        argv = [sys.executable, "-c", MEASURED, str(tmp_path / name), str(tmp_path / f"{name}.out")]
        done = subprocess.run(argv, check=True, capture_output=True, env=environment())
        assert int(done.stdout) < 80_000, "kilobytes"
        (shard,) = read_shards(tmp_path / f"{name}.out")
        assert shard == expected


MEASURED = """
import resource, sys
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
prepare(sys.argv[1:2], sys.argv[2], Options(validation=0))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def read_shards(directory: Path) -> list[str]:
    found = json.loads((directory / "data.json").read_bytes())
    return [shard["bin_sha256"] for shard in found["splits"]["train"]["shards"]]


def test_a_result_among_its_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert prepare(["."], "out", Options(validation=0)).documents == 1


def test_nothing_to_train_on(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", ["", None])
    with pytest.raises(ValueError, match=r"there is no document in '.*a.jsonl'; left out: 1 records whose field"):
        prepare([path], tmp_path / "out")
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"there is no document in '.*a.jsonl'; left out: nothing"):
        prepare([path], tmp_path / "out")
    text = next(text for text in TEXTS if held_out(text.encode()))
    write_lines(path, [text, text])
    with pytest.raises(ValueError, match="all 2 documents were held out for validation; give more, or a smaller share"):
        prepare([path], tmp_path / "out", SMALL)
    assert [one.name for one in tmp_path.iterdir()] == ["a.jsonl"]


def test_what_is_in_the_way(inputs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").write_bytes(b"")
    for name in ("file", "folder"):
        with pytest.raises(ValueError, match=rf"{name}' exists already and holds no prepared data; empty it, or give"):
            prepare(inputs, tmp_path / name)
    (tmp_path / "out.parts").mkdir()
    with pytest.raises(ValueError, match=r"out.parts' is in the way: unfinished data would be there, and"):
        prepare(inputs, tmp_path / "out")
    with pytest.raises(ValueError, match=r"there is no folder '.*none' to make 'out' in; make it first"):
        prepare(inputs, tmp_path / "none" / "out")
    with pytest.raises(ValueError, match=r"'\.' has no name to put data under; give a directory of its own"):
        prepare(inputs, ".")
    with pytest.raises(ValueError, match="processes is 0; expected at least 1"):
        prepare(inputs, tmp_path / "other", processes=0)


def test_options_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"validation is 1.0; expected a share of the documents, from 0 to below 1"):
        Options(validation=1.0)
    with pytest.raises(
        ValueError, match="form is 'csv'; expected one of jsonl, parquet, arrow, text, or None for what"
    ):
        Options(form="csv")
    with pytest.raises(ValueError, match="shard_bytes is 0; expected at least 1"):
        Options(shard_bytes=0)
    with pytest.raises(ValueError, match="piece_bytes is 0; expected at least 1"):
        Options(piece_bytes=0)
    assert np.isfinite(Options().validation)
