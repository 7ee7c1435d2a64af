"""``bytelm data prepare`` with datasets of a hub."""

import json
from pathlib import Path

import pytest

from bytelm.cli.main import main
from bytelm.training.data import fetching, hugging_face
from training.data.hub_making import CORPUS, ONE, FolderHub, make_hub
from training.data.making import TEXTS, documents

Capture = pytest.CaptureFixture[bytes]
HERE = "hf://owner/corpus"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderHub:
    found = make_hub(tmp_path / "hub", CORPUS)
    monkeypatch.setattr(hugging_face, "HuggingFace", lambda keep: found)
    monkeypatch.setattr(fetching, "SECONDS_BETWEEN", ())
    return found


@pytest.mark.usefixtures("hub")
def test_prepare_and_inspect(capsysbinary: Capture, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["data", "prepare", HERE, "--out", str(out), "--validation", "0", "--keep-downloads"]) == 0
    text, err = capsysbinary.readouterr()
    assert err == b""
    assert "            2  files of datasets, of another form or split than those that were taken\n" in text.decode()
    assert len(documents(out)) == len(TEXTS)
    assert main(["data", "inspect", str(out)]) == 0
    size = sum(len(data) for name, data in CORPUS.items() if name.startswith("data/train"))
    assert f"            4  {size:17,}  {HERE} ({HERE}@{ONE})\n" in capsysbinary.readouterr().out.decode()


@pytest.mark.usefixtures("hub")
def test_some_of_the_files(capsysbinary: Capture, tmp_path: Path) -> None:
    argv = ["data", "prepare", HERE, "--out", str(tmp_path / "out"), "--json", "--validation", "0"]
    assert main([*argv, "--bytes", "2e3", "--seed", "1"]) == 0
    found = json.loads(capsysbinary.readouterr().out)
    assert found["inputs"][0]["location"] == f"{HERE}@{ONE}"
    assert (found["settings"]["bytes"], found["settings"]["seed"]) == (2000, 1)
    assert main([*argv, "--bytes", "many"]) == 2
    assert (
        b"argument --bytes: 'many' is no number of bytes; expected one such as 2e9; see"
        in capsysbinary.readouterr().err
    )
    assert main([*argv, "--bytes", "1", "--files", "1"]) == 2
    assert b"files is 1 and bytes is 1; give one of them" in capsysbinary.readouterr().err


def test_a_hub_that_fails(capsysbinary: Capture, tmp_path: Path, hub: FolderHub) -> None:
    """What is finished stays, and the same command goes on."""
    hub.fail("train-3.jsonl", 1)
    argv = ["data", "prepare", HERE, "--out", str(tmp_path / "out")]
    assert main(argv) == 2
    assert capsysbinary.readouterr().err == b"bytelm: error: the hub does not give 'data/train-3.jsonl'\n"
    assert main(argv) == 0
    assert sum(path == "data/train-0.jsonl" for path, _ in hub.downloads()) == 1
    assert main(["data", "prepare", "hf://owner/none", "--out", str(tmp_path / "other")]) == 2
    assert b"the hub has no dataset 'owner/none'" in capsysbinary.readouterr().err
    assert main(["data", "prepare", "hf://none", "--out", str(tmp_path / "other")]) == 2
    assert b"'hf://none' is no dataset; expected hf://OWNER/NAME" in capsysbinary.readouterr().err
