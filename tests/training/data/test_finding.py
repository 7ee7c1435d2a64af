"""Which files there are to read."""

import os
from pathlib import Path

import pytest

from bytelm.training.data.finding import File, Source, changed_files, find_inputs


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of what folders have in them."""
    root = tmp_path / "tree"
    for name in ("b/z.py", "b/a.txt", "a.jsonl", "c/d/e.parquet", "c.jsonl.gz", ".hidden", ".git/config", "b/.x/y"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    os.mkfifo(root / "pipe")
    (root / "broken").symlink_to("nowhere")
    (root / "link.py").symlink_to("b/z.py")
    (root / "loop").symlink_to(root)
    return root


def names(files: tuple[File, ...], root: Path) -> list[tuple[str, str]]:
    return [(str(Path(file.name).relative_to(root)), file.form) for file in files]


def test_a_folder(tree: Path) -> None:
    found = find_inputs([str(tree)])
    assert names(found.files, tree) == [
        ("a.jsonl", "jsonl"),
        ("c.jsonl.gz", "jsonl"),
        ("link.py", "text"),
        ("b/a.txt", "text"),
        ("b/z.py", "text"),
        ("c/d/e.parquet", "parquet"),
    ]
    assert found.sources == (Source(str(tree), 6, 30),)
    assert found.size == 30
    assert found.troubles.counts == {"hidden": 3, "special": 3}
    assert found.troubles.examples["special"][1] == f"'{tree}/broken': no ordinary file"
    assert [file.compression for file in found.files] == ["", "gz", "", "", "", ""]


def test_folders_that_are_passed_over(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a result in the middle of its inputs is none of them."""
    monkeypatch.chdir(tree)
    found = find_inputs(["."], apart=(tree / "b", Path("c")))
    assert [file.name for file in found.files] == ["a.jsonl", "c.jsonl.gz", "link.py"]


def test_one_form_for_all(tree: Path) -> None:
    found = find_inputs([str(tree / "a.jsonl"), str(tree / "b" / "z.py")], "text")
    assert [file.form for file in found.files] == ["text", "text"]


def test_changes(tree: Path) -> None:
    files = find_inputs([str(tree)]).files
    assert changed_files(files) == []
    (tree / "a.jsonl").write_bytes(b"123456")
    (tree / "b" / "a.txt").unlink()
    os.utime(tree / "c.jsonl.gz", (0, 0))
    changed = [str(Path(name).relative_to(tree)) for name in changed_files(files)]
    assert changed == ["a.jsonl", "c.jsonl.gz", "b/a.txt"]


def test_a_folder_that_cannot_be_listed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_inputs([str(tree)])
    assert found.troubles.counts["unreadable"] == 1
    assert found.troubles.examples["unreadable"] == (f"'{tree}/b': Permission denied",)


def test_what_cannot_be(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read '.*none': No such file or directory; give files and"):
        find_inputs([str(tree / "none")])
    with pytest.raises(ValueError, match="standard input cannot be read again after an interruption; write it to a"):
        find_inputs(["-"])
    with pytest.raises(ValueError, match=r"'.*a.jsonl' is among the inputs twice; name it, or the folder it is in"):
        find_inputs([str(tree), str(tree / "b" / ".." / "a.jsonl")])
    with pytest.raises(
        ValueError, match=r"'/dev/null' is no ordinary file; write what it holds to a file, and name that"
    ):
        find_inputs(["/dev/null"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"there is no file in '.*empty'; name files, or folders that hold some"):
        find_inputs([str(tmp_path / "empty")])
    with pytest.raises(ValueError, match="there is no file in no input at all"):
        find_inputs([])
