"""Datasets of a hub are prepared as their files are that lie here; what is cut off goes on, and takes the same."""

import dataclasses
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bytelm.training.data import fetching, items, lines, preparing, reading
from bytelm.training.data.finding import Source
from bytelm.training.data.hub import HubError
from bytelm.training.data.items import Item
from bytelm.training.data.manifest import read_manifest
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from training.data import hub_making
from training.data.hub_making import CORPUS, ONE, REPOSITORY, TWO, FolderHub, make_hub
from training.data.making import SMALL, TEXTS, contents, documents, held_out

HERE = f"hf://{REPOSITORY}"
ORDERED = [text.encode() for text in TEXTS]
SIZES = {name: len(data) for name, data in CORPUS.items() if name.startswith("data/train")}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads that fail are tried again without waiting."""
    monkeypatch.setattr(fetching, "SECONDS_BETWEEN", (0.0, 0.0, 0.0))


@pytest.fixture
def hub(tmp_path: Path) -> FolderHub:
    return make_hub(tmp_path / "hub", CORPUS)


@pytest.mark.parametrize("processes", [1, 2])
def test_everything_is_there(hub: FolderHub, tmp_path: Path, processes: int) -> None:
    """As it is when the files lie here, and their place is nowhere in the result."""
    out = tmp_path / "out"
    manifest = prepare([HERE], out, SMALL, processes=processes, hub=hub)
    assert documents(out) == [text for text in ORDERED if not held_out(text)]
    assert documents(out, "validation") == [text for text in ORDERED if held_out(text)]
    assert manifest.sources == (Source(HERE, 4, sum(SIZES.values()), f"{HERE}@{ONE}"),)
    assert manifest.troubles.counts == {"null": 1, "not_text": 1, "empty": 1, "passed_over": 2}
    assert manifest.troubles.examples["passed_over"] == (
        f"'{HERE}@{ONE}': of another form or split, as 'data/test-0.jsonl'",
    )
    assert manifest.troubles.examples["null"][0].startswith(f"'{HERE}@{ONE}/data/train-0.jsonl', byte ")
    assert hub.downloads() == sorted(SIZES.items())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hub", "out"]
    assert read_manifest(out) == manifest
    prepare(
        [str(hub.root / ONE / "data" / f"train-{n}.jsonl{'.gz' * (n == 1)}") for n in range(4)],
        tmp_path / "local",
        SMALL,
    )
    shards = [
        {name: data for name, data in contents(path).items() if "/" in name} for path in (out, tmp_path / "local")
    ]
    assert shards[0] == shards[1]


def test_number_of_processes(hub: FolderHub, tmp_path: Path) -> None:
    for processes in (1, 3):
        prepare([HERE], tmp_path / str(processes), SMALL, processes=processes, hub=hub)
    assert contents(tmp_path / "1") == contents(tmp_path / "3")


def test_beside_other_inputs(hub: FolderHub, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"here")
    options = Options(validation=0)
    prepare(
        [tmp_path / "a.txt", f"{HERE}?split=test", f"{HERE}/data/train-3.jsonl"], tmp_path / "out", options, hub=hub
    )
    assert documents(tmp_path / "out") == [b"here", b"of the test", *ORDERED[120:]]
    with pytest.raises(ValueError, match=r"'hf://.*/data/test-0.jsonl' is among the inputs twice; name it, or"):
        prepare([f"{HERE}/data/*", f"{HERE}?split=test"], tmp_path / "other", options, hub=hub)


@pytest.mark.parametrize(("name", "processes"), [*((name, 1) for name in sorted(SIZES)), ("data/train-3.jsonl", 2)])
def test_a_download_that_is_cut_off(hub: FolderHub, tmp_path: Path, name: str, processes: int) -> None:
    """What is here as a whole comes over once, and the repository may have changed meanwhile."""
    prepare([HERE], tmp_path / "expected", SMALL, hub=hub)
    hub.downloads()
    hub = dataclasses.replace(hub, passing=processes == 1)  # the waiting of other processes is real
    hub.fail(Path(name).name, 4 if hub.passing else 1)
    out = tmp_path / "out"
    with pytest.raises(ValueError, match=f"the hub does not give '{name}'"):
        prepare([HERE], out, SMALL, processes=processes, hub=hub)
    before = hub.downloads()
    make_hub(hub.root, {"other.jsonl": hub_making.lines(["of another commit"])}, TWO)
    told: list[tuple[int, int, str]] = []
    prepare([HERE], out, SMALL, processes=processes, hub=hub, progress=lambda *one: told.append(one))
    assert contents(out) == contents(tmp_path / "expected")
    whole = sorted(path for path, size in [*before, *hub.downloads()] if size == SIZES[path] > 0)
    once = sorted(path for path, size in SIZES.items() if size)
    assert whole == once if processes == 1 else set(whole) <= set(once), "one may be killed before it says so"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["expected", "hub", "out"]
    read = [one for one in told if one[2] == "bytes downloaded and read"]
    assert [one[0] for one in read] == sorted(one[0] for one in read)
    assert read[-1][:2] == (sum(SIZES.values()),) * 2


def test_failures_that_pass(hub: FolderHub, tmp_path: Path) -> None:
    """Three in a row are no reason to give up."""
    for name in SIZES:
        hub.fail(Path(name).name, 3)
    prepare([HERE], tmp_path / "out", SMALL, hub=hub)
    assert len(documents(tmp_path / "out")) == sum(not held_out(text) for text in ORDERED)


def test_failures_that_do_not_pass(hub: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def refuse(hub: FolderHub, repository: str, commit: str, path: str, *_: object) -> Path:
        calls.append(path)
        raise HubError("refused", passing=False)

    monkeypatch.setattr(FolderHub, "fetch", refuse)
    with pytest.raises(ValueError, match="refused"):
        prepare([HERE], tmp_path / "out", SMALL, hub=hub)
    assert calls == ["data/train-0.jsonl"]


@pytest.mark.parametrize("stop_at", range(3))
def test_an_interruption_of_reading(
    hub: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    """A file that is here is not downloaded again."""
    prepare([HERE], tmp_path / "expected", SMALL, hub=hub)
    hub.downloads()
    whole = preparing.read_piece
    calls = 0

    def interrupted(*arguments: object) -> Iterator[Item]:
        nonlocal calls
        calls += 1
        yield from whole(*arguments)  # type: ignore[arg-type]
        if calls > stop_at:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(preparing, "read_piece", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare([HERE], tmp_path / "out", SMALL, hub=hub)
    assert len(list((tmp_path / "out.parts" / "downloads").iterdir())) == 1
    prepare([HERE], tmp_path / "out", SMALL, hub=hub)
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")
    assert hub.downloads() == sorted(SIZES.items())


def test_a_kill_between_reading_and_removing(hub: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(fetching.shutil, "rmtree", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare([HERE], tmp_path / "out", SMALL, hub=hub)
    downloads = tmp_path / "out.parts" / "downloads"
    assert len(list(downloads.iterdir())) == 1
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "write_shard", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare([HERE], tmp_path / "out", SMALL, hub=hub)
    assert list(downloads.iterdir()) == []


def raise_interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_what_is_here_needs_no_hub(hub: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the writing of shards, nor the same command again."""
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "write_shard", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare([HERE], tmp_path / "out", SMALL, hub=hub)
    (hub.root / "away").touch()
    manifest = prepare([HERE], tmp_path / "out", SMALL, hub=hub)
    assert prepare([HERE], tmp_path / "out", SMALL, hub=hub) == manifest
    with pytest.raises(ValueError, match=r"prepared with other settings \(validation: 0.2 then, 0.3 now\)"):
        prepare([HERE], tmp_path / "out", dataclasses.replace(SMALL, validation=0.3), hub=hub)
    with pytest.raises(ValueError, match="the hub is away"):
        prepare([HERE], tmp_path / "other", SMALL, hub=hub)
    (hub.root / "away").unlink()
    with pytest.raises(ValueError, match=r"\(inputs: .* then, .* now; files of .*; give another name"):
        prepare([f"{HERE}@{ONE}"], tmp_path / "out", SMALL, hub=hub)
    shutil.rmtree(tmp_path / "out")
    make_hub(hub.root, {"other.jsonl": hub_making.lines(["of another commit"])}, TWO)
    assert prepare([HERE], tmp_path / "out", Options(validation=0), hub=hub).documents == 1


def test_a_file_that_is_not_as_it_was_listed(hub: FolderHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = FolderHub.fetch

    def cut(*arguments: object) -> Path:
        path = whole(*arguments)  # type: ignore[arg-type]
        path.write_bytes(path.read_bytes()[:-1])
        return path

    monkeypatch.setattr(FolderHub, "fetch", cut)
    with pytest.raises(
        ValueError, match=r"'hf://.*0.jsonl' is here as '.*there' with 2,\d+ bytes, where the hub says 2"
    ):
        prepare([HERE], tmp_path / "out", SMALL, hub=hub)


def test_a_slip_in_the_field(hub: FolderHub, tmp_path: Path) -> None:
    """It is found with the first file, not when all of a corpus was downloaded."""
    with pytest.raises(ValueError, match=r"was downloaded has no text: 'hf://.*', byte 0: no field 'body'; its fields"):
        prepare([HERE], tmp_path / "out", dataclasses.replace(SMALL, field="body"), hub=hub)
    assert len(hub.downloads()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["hub"]
    prepare([HERE], tmp_path / "out", SMALL, hub=hub)


def test_troubles_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is cut off, damaged, empty or gigantic, of every form."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install 'bytelm[parquet]'")
    arrow = pytest.importorskip("pyarrow")
    zstandard = pytest.importorskip("zstandard", reason="zstandard is not installed: pip install 'bytelm[datasets]'")
    for module in (items, lines, reading):
        monkeypatch.setattr(module, "LARGE", 1 << 16)
    made = random.Random(0)
    texts = ["".join(made.choices("abcdé ", k=2000)) for _ in range(100)]
    packed = zstandard.compress(hub_making.lines(texts))
    parquet.write_table(arrow.table({"text": ["good", "", None]}), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    files = {
        "0-cut.jsonl.zst": packed[: len(packed) // 2],
        "1-whole.jsonl.zst": zstandard.compress(hub_making.lines(["x" * 300_000, "whole", ""])),
        "2-none.jsonl.zst": b"no compression at all",
        "3-good.parquet": whole,
        "4-cut.parquet": whole[:-9],
        "5-lines.jsonl": b'{"text": "fine"}\n{"text": \n',
    }
    out = tmp_path / "out"
    manifest = prepare([f"{HERE}/*"], out, Options(validation=0), hub=make_hub(tmp_path / "hub", files))
    assert manifest.troubles.counts == {"corrupt": 1, "null": 1, "empty": 2, "damaged": 3}
    found = documents(out)
    assert 30 < len(found) < 70
    assert found[:-4] == [text.encode() for text in texts[: len(found) - 4]]
    assert found[-4:] == [b"x" * 300_000, b"whole", b"good", b"fine"]
    first, second, third = manifest.troubles.examples["damaged"]
    assert first == (
        f"'{HERE}@{ONE}/0-cut.jsonl.zst': Compressed file ended before the end-of-stream marker was reached"
    )
    assert second.startswith(f"'{HERE}@{ONE}/2-none.jsonl.zst': ")
    assert third.startswith(f"'{HERE}@{ONE}/4-cut.parquet': Parquet magic bytes not found in footer")


def test_some_of_the_files(hub: FolderHub, tmp_path: Path) -> None:
    """They are a function of the seed, and are recorded."""
    options = dataclasses.replace(SMALL, files=2, seed=3)
    manifest = prepare([HERE], tmp_path / "out", options, hub=hub)
    assert {name: manifest.settings[name] for name in ("files", "seed")} == {"files": 2, "seed": 3}
    assert manifest.sources[0].files == 2
    taken = hub.downloads()
    assert len(taken) == 2
    prepare([HERE], tmp_path / "again", options, processes=2, hub=hub)
    assert hub.downloads() == taken
    assert contents(tmp_path / "again") == contents(tmp_path / "out")
    with pytest.raises(ValueError, match=r"prepared with other settings \(files: 2 then, 3 now; files of hf"):
        prepare([HERE], tmp_path / "out", dataclasses.replace(options, files=3), hub=hub)
    listing = json.loads((tmp_path / "out" / "hub.json").read_bytes())
    assert [file[0] for file in listing[HERE]["files"]] == sorted(SIZES), "all of them"
