"""The hub of Hugging Face: its library against a server that answers as the hub does, and that fails on demand."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from huggingface_hub import constants

from bytelm.training.data import hugging_face
from bytelm.training.data.hub import Entry, Hub, HubError, Revision
from bytelm.training.data.hugging_face import HuggingFace
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from training.data.hub_making import ONE, TWO, lines
from training.data.making import documents

FILES = {
    "README.md": b"---\n",
    "data/a b.jsonl": lines(["first", "second"]),
    "data/train-1.jsonl": lines([str(number) for number in range(20_000)]),
    "data/train-2.jsonl": lines(["last"]),
}
CONFIGS = [{"config_name": "default", "data_files": [{"split": "train", "path": "data/*"}]}]

PATH = re.compile(r"/(api/)?datasets/(?P<repository>[^/]+/[^/]+)(?:/(?P<what>\w+)/(?P<revision>[^/?]+)/?(?P<rest>.*))?")


class Server(ThreadingHTTPServer):
    """What the requests were, and how the next downloads are to fail."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []
        self.cut_off = 0
        self.status = 0


class Handler(BaseHTTPRequestHandler):
    """The four kinds of requests that the library makes."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        path, _, query = unquote(self.path).partition("?")
        found = PATH.fullmatch(path)
        span = self.headers.get("Range", "")
        self.server.requests.append(f"{self.command} {path}{' ' + span if span else ''}")
        if self.server.status:
            self._answer(self.server.status, b"{}")
        elif found is None or found["repository"] != "owner/corpus":
            self._answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif found["revision"] == "none":
            self._answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif found["what"] == "tree":
            self._tree(found["rest"], "cursor" in query)
        elif found["what"] == "resolve":
            self._file(FILES[found["rest"]], span)
        else:
            answer = {"id": "owner/corpus", "sha": ONE, "cardData": {"configs": CONFIGS, "license": "mit"}}
            self._answer(200, json.dumps(answer).encode())

    do_HEAD = do_GET

    def _tree(self, folder: str, behind: bool) -> None:
        """A page of one file, and one of all others."""
        names = [name for name in FILES if name.startswith(f"{folder}/" if folder else "")]
        if not names:
            self._answer(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            return
        entries = [
            {"type": "file", "path": name, "size": len(FILES[name]), "oid": TWO, "lfs": large(name)} for name in names
        ]
        if behind:
            self._answer(200, json.dumps(entries[1:]).encode())
            return
        headers = {"Link": f'<http://{self.headers["Host"]}{self.path}&cursor=1>; rel="next"'} if entries[1:] else {}
        folders = [{"type": "directory", "path": "data", "oid": TWO, "size": 0}]
        self._answer(200, json.dumps([*folders, *entries[:1]]).encode(), headers)

    def _file(self, data: bytes, span: str) -> None:
        begin = int(span.removeprefix("bytes=").rstrip("-") or 0)
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": ONE, "Accept-Ranges": "bytes"}
        if span:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        if self.command == "GET" and self.server.cut_off:
            self.server.cut_off -= 1
            self._answer(206 if span else 200, data[begin:], headers, sent=(len(data) - begin) // 2)
            self.close_connection = True
        else:
            self._answer(206 if span else 200, data[begin:], headers)

    def _answer(self, status: int, data: bytes, headers: dict[str, str] | None = None, sent: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data[:sent])

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


def large(name: str) -> dict[str, object] | None:
    """What the hub says of a file that Git itself does not hold."""
    data = FILES[name]
    digest = hashlib.sha256(data).hexdigest()
    return {"oid": digest, "size": len(data), "pointerSize": 130} if len(data) > 1000 else None


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def hub_of(server: Server, keep: bool = False) -> HuggingFace:
    return HuggingFace(keep, f"http://127.0.0.1:{server.server_address[1]}")


def test_a_revision(server: Server) -> None:
    hub: Hub = hub_of(server)
    assert hub.revision("owner/corpus", None) == Revision(ONE, CONFIGS)
    assert hub.revision("owner/corpus", "refs/convert/parquet").commit == ONE
    assert server.requests == [
        "GET /api/datasets/owner/corpus",
        "GET /api/datasets/owner/corpus/revision/refs/convert/parquet",
    ]


def test_entries(server: Server) -> None:
    """All pages; what tells versions apart is the hash of the file, or that of Git."""
    found = list(hub_of(server).entries("owner/corpus", ONE, ""))
    assert [entry.path for entry in found] == list(FILES)
    big = FILES["data/train-1.jsonl"]
    assert found[2] == Entry("data/train-1.jsonl", len(big), hashlib.sha256(big).hexdigest())
    assert found[0] == Entry("README.md", 4, TWO)
    assert [entry.path for entry in hub_of(server).entries("owner/corpus", ONE, "data")] == list(FILES)[1:]
    assert list(hub_of(server).entries("owner/corpus", ONE, "none")) == []


@pytest.mark.parametrize("keep", [False, True])
def test_a_file(server: Server, tmp_path: Path, keep: bool) -> None:
    told: list[int] = []
    name = "data/train-1.jsonl"
    path = hub_of(server, keep).fetch("owner/corpus", ONE, name, tmp_path / "folder", told.append)
    assert path.read_bytes() == FILES[name]
    assert path.is_relative_to(tmp_path / ("cache" if keep else "folder"))
    assert told == sorted(told)
    assert told[-1] == len(FILES[name])
    before = len(server.requests)
    for folder in ("folder", "other") if keep else ("folder",):
        assert hub_of(server).fetch("owner/corpus", ONE, name, tmp_path / folder, told.append) == path
    assert server.requests[before:] == [], "it is here"


def test_a_download_goes_on(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the line was cut."""
    from huggingface_hub import file_download

    monkeypatch.setattr(file_download.time, "sleep", lambda _: None)
    name = "data/train-1.jsonl"
    size = len(FILES[name])
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    server.cut_off = 1
    told: list[int] = []
    path = hub_of(server).fetch("owner/corpus", ONE, name, tmp_path / "folder", told.append)
    assert path.read_bytes() == FILES[name]
    spans = [int(one.rpartition("=")[2].rstrip("-")) for one in server.requests if "bytes=" in one]
    assert len(spans) == 1
    assert size // 4 < spans[0] <= size // 2
    assert told == sorted(told)
    assert told[-1] == size


def test_bars_that_tell() -> None:
    """They begin where the library says, show nothing, and leave no semaphore behind that processes share."""
    told: list[int] = []
    kind = hugging_face._told(told.append)
    assert isinstance(kind, type), "some versions of the library take classes only"
    assert isinstance(kind.get_lock(), type(threading.RLock()))
    with kind(total=10, initial=3, name="huggingface_hub.http_get", desc="a", unit="B") as bar:
        bar.update(2)
        bar.set_postfix_str("5 B/s")
        bar.update(None)
        bar.update(5)
        bar.refresh()
    assert told == [5, 5, 10]


def test_what_a_kill_leaves(server: Server, tmp_path: Path) -> None:
    """The library gives each download a name of its own; half a file does not stay beside the whole."""
    left = tmp_path / "folder" / ".cache" / "huggingface" / "download" / "x.abc.incomplete"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    path = hub_of(server).fetch("owner/corpus", ONE, "README.md", tmp_path / "folder", lambda _: None)
    assert path.read_bytes() == FILES["README.md"]
    assert not left.exists()


@pytest.mark.parametrize(
    ("repository", "revision", "complaint"),
    [
        ("owner/other", None, "the hub has no dataset 'owner/other'; look at its name, or, if it is private, say who"),
        ("owner/corpus", "none", "'owner/corpus' has no such revision; its page lists its branches and tags: http"),
    ],
)
def test_what_is_not_there(server: Server, repository: str, revision: str | None, complaint: str) -> None:
    with pytest.raises(HubError, match=complaint) as caught:
        hub_of(server).revision(repository, revision)
    assert not caught.value.passing


@pytest.mark.parametrize(("status", "passing"), [(400, False), (403, False), (429, True), (503, True)])
def test_refusals(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, passing: bool) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    server.status = status
    with pytest.raises(HubError) as caught:
        hub_of(server).revision("owner/corpus", None)
    assert caught.value.passing == passing
    said = "ask on https://huggingface.co/datasets/owner/corpus" if status == 403 else "the dataset 'owner/corpus' ("
    assert said in str(caught.value)


def test_a_hub_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with Server() as server:
        hub = hub_of(server)
    complaint = (
        r"the hub does not give the dataset 'a/b' \(ConnectError: .*\); when it can be reached, the same command"
    )
    with pytest.raises(HubError, match=complaint) as caught:
        hub.revision("a/b", None)
    assert caught.value.passing
    with pytest.raises(
        HubError, match=r"the hub does not give 'c.jsonl' of 'a/b' \(LocalEntryNotFoundError: "
    ) as caught:
        hub.fetch("a/b", ONE, "c.jsonl", tmp_path, lambda _: None)
    assert caught.value.passing


def test_a_full_disk_is_no_fault_of_the_hub(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        hub_of(server).fetch("owner/corpus", ONE, "README.md", tmp_path, lambda _: None)
    assert caught.value.errno == 28


def test_all_of_it(server: Server, tmp_path: Path) -> None:
    manifest = prepare(["hf://owner/corpus"], tmp_path / "out", Options(validation=0), hub=hub_of(server))
    assert documents(tmp_path / "out") == [b"first", b"second", *(b"%d" % number for number in range(20_000)), b"last"]
    assert manifest.sources[0].location == f"hf://owner/corpus@{ONE}"
    assert not (tmp_path / "out.parts").exists()
