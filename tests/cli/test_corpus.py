"""``bytelm score`` on records: what its options do, and what it says."""

import io
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bytelm
import bytelm.loading as real_loading
from bytelm.cli.corpus import open_on_device
from bytelm.cli.corpus_progress import CorpusProgress, duration
from bytelm.cli.main import build_parser, main
from bytelm.corpora.parts import Parts
from bytelm.corpora.rows import Totals
from bytelm.corpora.working import Scored
from cli.fake_loading import FakeLoading
from corpora.making import write_lines

Capture = pytest.CaptureFixture[bytes]

RECORDS = [{"body": "abc", "id": "x"}, {"body": "", "id": "y"}]


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    return str(write_lines(tmp_path / "in.jsonl", RECORDS))


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, loading: FakeLoading) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def score(*argv: str) -> int:
    return main(["score", "--device", "cpu", *argv])


def error(capture: Capture, *argv: str) -> str:
    assert score(*argv) == 2
    out, err = capture.readouterr()
    assert (out, err.count(b"\n")) == (b"", 1)
    return err.decode().removeprefix("bytelm: error: ").rstrip("\n")


def test_to_standard_output(capsysbinary: Capture, corpus: str) -> None:
    assert score(corpus, "--field", "body", "--keep", "id", "--per-byte") == 0
    out, err = capsysbinary.readouterr()
    bits = 1 / math.log(2)
    assert err == b""
    assert [json.loads(line) for line in out.splitlines()] == [
        {
            "file": corpus,
            "record": 0,
            "id": "x",
            "bytes": 3,
            "logprob": -3.0,
            "bits_per_byte": pytest.approx(bits),
            "logprobs": [0.0, -1.0, -2.0],
        },
        {"file": corpus, "record": 1, "id": "y", "bytes": 0, "logprob": 0.0, "bits_per_byte": None, "logprobs": []},
    ]


def test_standard_input(capsysbinary: Capture, type_in: Callable[[bytes], None]) -> None:
    type_in(b'{"text": "ab"}\n')
    assert score("-", "--format", "jsonl") == 0
    found = json.loads(capsysbinary.readouterr().out)
    assert (found["file"], found["record"], found["logprob"]) == ("-", 0, -1.0)
    assert "logprobs" not in found


def test_to_a_file(capsysbinary: Capture, corpus: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out.jsonl")
    assert score(corpus, "--field", "body", "--out", out) == 0
    shown, said = capsysbinary.readouterr()
    assert (shown.decode(), said) == (f"2 documents, 3 bytes, 1.4427 bits per byte: {out}\n", b"")
    assert len(Path(out).read_bytes().splitlines()) == 2


def test_records_as_texts(capsysbinary: Capture, corpus: str) -> None:
    """``--format text`` scores the lines as they are."""
    assert score(corpus, "--format", "text", "--json") == 0
    assert json.loads(capsysbinary.readouterr().out)["total"]["bytes"] == Path(corpus).stat().st_size


def test_bad_records_are_left_out(capsysbinary: Capture, tmp_path: Path) -> None:
    corpus = write_lines(tmp_path / "in.jsonl", [{"text": "ab"}, *({"body": n} for n in range(12)), {"text": "c"}])
    assert "(record 1) has no field 'text'" in error(capsysbinary, str(corpus), "--out", str(tmp_path / "out.jsonl"))
    assert score(str(corpus), "--skip-bad", "--out", str(tmp_path / "out.jsonl")) == 0
    shown, said = capsysbinary.readouterr()
    assert shown.startswith(b"2 documents, 3 bytes, 0.4809 bits per byte, 12 records left out: ")
    lines = said.decode().splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("note: left out: '")
    assert lines[0].endswith(
        ", line 2 (record 1) has no field 'text'; its fields are 'body': name the text's with --field"
    )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["a.txt", "--out", "x.jsonl"], "--out is for records; give .jsonl or .parquet files, or say --format jsonl"),
        (["a.txt", "--skip-bad"], "--skip-bad is for records; give .jsonl or .parquet files, or say --format jsonl"),
        (["a.txt", "--chunk-bytes", "5"], "--chunk-bytes is for records; give"),
        (["a.txt", "b.jsonl"], "some files hold records, but 'a.txt' is no .jsonl or .parquet; say --format"),
        (["a.jsonl", "--json"], "--json is for texts; the results of records are JSON Lines as it is, so leave it out"),
        (["a.jsonl", "--processes", "2"], "several workers, --overwrite and --out-format need a place for the results"),
        (["a.jsonl", "--overwrite"], "several workers, --overwrite and --out-format need a place for the results"),
        (["a.jsonl", "--processes", "0"], "--processes is 0; expected a whole number of at least 1"),
        (["a.jsonl", "--chunk-bytes", "0"], "a chunk of 0 bytes cannot be; give at least 1"),
        (["a.jsonl", "--keep", "bytes"], "a field called 'bytes' cannot be copied: the results have one of their own"),
        (["a.jsonl", "--out", "x.csv"], "results go to a .jsonl or .parquet file or into a folder, not to 'x.csv'"),
        (["none.jsonl"], "cannot read 'none.jsonl': No such file or directory; give a file that can be read, or - for"),
        (["empty.jsonl"], "there is nothing to score: no records; give inputs that are not empty"),
    ],
)
def test_mistakes(
    capsysbinary: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "a.jsonl", [{"text": "a"}])
    write_lines(tmp_path / "empty.jsonl", [])
    assert error(capsysbinary, *argv).startswith(message)


def test_ranks(capsysbinary: Capture, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = str(tmp_path / "out.jsonl")
    argv = [corpus, "--field", "body", "--out", out, "--chunk-bytes", "1"]
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        assert score(*argv) == 0
    shown, said = capsysbinary.readouterr()
    assert said.decode() == f"note: rank 0 of 2 is done; the rank that finishes last writes '{out}'\n"
    assert shown.startswith(b"2 documents, 3 bytes, ")
    expected = "RANK and WORLD_SIZE are set, as by torchrun: leave out --processes and --engine"
    assert error(capsysbinary, *argv, "--processes", "2") == expected
    assert error(capsysbinary, corpus).startswith("several workers, --overwrite and --out-format need a place")


def test_a_full_disk_says_how_to_go_on(
    capsysbinary: Capture, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = str(tmp_path / "out.jsonl")
    argv = [corpus, "--field", "body", "--out", out, "--chunk-bytes", "1"]
    put = Parts.put

    def full(parts: Parts, index: int, data: bytes) -> None:
        if index == room:
            raise OSError(28, "No space left on device")
        put(parts, index, data)

    monkeypatch.setattr(Parts, "put", full)
    room = 0
    assert error(capsysbinary, *argv) == "[Errno 28] No space left on device; nothing was finished"
    assert not Path(out + ".parts").exists()
    room = 1
    assert error(capsysbinary, *argv) == (
        f"[Errno 28] No space left on device; what is finished is kept in '{out}.parts': "
        "the same command goes on from there"
    )
    room = 2
    assert score(*argv) == 0
    assert len(Path(out).read_bytes().splitlines()) == 2


def test_the_bundled_model(capsysbinary: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real model scores the documents of a chunk as it scores each alone."""
    monkeypatch.setitem(sys.modules, "bytelm.loading", real_loading)
    records = [{"text": "import numpy as np\n"}, {"text": "def main(argv=None):\n    pass"}, {"text": "x = 1"}]
    out = tmp_path / "out.jsonl"
    argv = [str(write_lines(tmp_path / "in.jsonl", records)), "--per-byte", "--chunk-bytes", "80"]
    assert score(*argv, "--out", str(out)) == 0
    capsysbinary.readouterr()
    model = bytelm.load()
    scored = [json.loads(line)["logprobs"] for line in out.read_bytes().splitlines()]
    for one, record in zip(scored, records, strict=True):
        assert one == pytest.approx(model.score(record["text"]).tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("device", "expected"), [(None, "cuda:1"), ("cuda", "cuda:1"), ("cpu", "cpu"), ("cuda:3", "cuda:3")]
)
def test_workers_take_a_device_each(
    loading: FakeLoading, monkeypatch: pytest.MonkeyPatch, device: str | None, expected: str
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    arguments = build_parser().parse_args(["score", *(["--device", device] if device else [])])
    open_on_device(arguments, 5)
    assert loading.calls[0]["device"] == expected
    assert arguments.device == device


def test_progress() -> None:
    times = iter([0.0, 0.0, 10.0, 20.0, 20.1])
    stream = io.StringIO()
    with CorpusProgress(stream, True, 1000, clock=lambda: next(times)) as progress:
        progress.update(Scored(4, Totals(2, 50, -50 * math.log(2)), 400))
        progress.update(Scored(5, Totals(2, 50, -100 * math.log(2), 1, 3), 600, ("why",)))
        progress.update(Scored(6, Totals(), 700))
    assert stream.getvalue().splitlines() == [
        "2 documents, 50 bytes, 1.0000 bits per byte (40.0 % of the input), 5 bytes/s",
        "note: left out: why",
        "4 documents, 100 bytes, 1.5152 bits per byte without the 1 bytes that no text of the tokenizer has, "
        "3 records left out (60.0 % of the input), 5 bytes/s, 40 s left",
    ]


def test_progress_within_a_chunk() -> None:
    times = iter([0.0, 0.0, 10.0, 20.0])
    stream = io.StringIO()
    with CorpusProgress(stream, True, 0, clock=lambda: next(times)) as progress:
        progress.update(Scored(0, Totals(1, 10, -10 * math.log(2)), 0))
        progress.within(5, 100)
    assert stream.getvalue().splitlines() == [
        "1 documents, 10 bytes, 1.0000 bits per byte, 1 bytes/s",
        "1 documents, 10 bytes, 1.0000 bits per byte, then 5 of 100 bytes",
    ]


def test_durations() -> None:
    assert [duration(seconds) for seconds in (5.4, 119, 150, 7300)] == ["5 s", "119 s", "2 min", "2 h 02 min"]
