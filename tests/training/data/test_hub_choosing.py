"""Which files of a repository are read."""

import glob
import json
from pathlib import Path

import pytest

from bytelm.training.data.choosing import list_files
from bytelm.training.data.forms import compression_of, form_of, form_on_the_hub
from bytelm.training.data.hub_files import HubFile, Listing, read_listings, write_listings
from bytelm.training.data.locations import parse_location
from bytelm.training.data.patterns import folder_of, is_pattern, matcher
from training.data.hub_making import ONE, REPOSITORY, make_hub

HERE = f"hf://{REPOSITORY}"


def listed(root: Path, names: list[str], path: str = "", form: str | None = None, card: object = None) -> Listing:
    """What a location lists of a repository of these files."""
    files = dict.fromkeys(names, b"x")
    if card is not None:
        files["card.json"] = json.dumps(card).encode()
    return list_files(make_hub(root, files), parse_location(HERE + path), form)


def paths(listing: Listing) -> list[str]:
    return [file.path for file in listing.files]


def test_by_names(tmp_path: Path) -> None:
    """Of the best form, and of the training split."""
    found = listed(tmp_path, ["README.md", ".gitattributes", "data/b.parquet", "data/a.parquet", "c.txt", "d.json"])
    assert paths(found) == ["data/a.parquet", "data/b.parquet"]
    assert (found.passed, found.example) == (2, "c.txt")
    assert found.location == f"hf://{REPOSITORY}@{ONE}"
    first = found.files[0]
    assert (first.form, first.size, first.name) == ("parquet", 1, f"hf://{REPOSITORY}@{ONE}/data/a.parquet")
    found = listed(tmp_path, ["global-shard_01_of_10/shard_0.jsonl.zst", "dataset_infos.json", "state.json"])
    assert (paths(found), found.passed) == (["global-shard_01_of_10/shard_0.jsonl.zst"], 0)
    assert found.files[0].form == "jsonl"
    assert listed(tmp_path, ["en/c4-train.00000-of-01024.json.gz", "a.txt"]).files[0].form == "jsonl"
    assert listed(tmp_path, ["a.txt"]).files[0].form == "text"


SPLITS = ["data/train-0.parquet", "data/validation-0.parquet", "test/0.parquet", "data/all.parquet", "strain/x.parquet"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ["data/train-0.parquet"]),
        ("?split=validation", ["data/validation-0.parquet"]),
        ("?split=test", ["test/0.parquet"]),
        ("/test", ["test/0.parquet"]),
        ("/strain", ["strain/x.parquet"]),
        ("/data", ["data/train-0.parquet"]),
        ("/data/validation-0.parquet", ["data/validation-0.parquet"]),
        ("/data/*.parquet", ["data/all.parquet", "data/train-0.parquet", "data/validation-0.parquet"]),
        ("/**/*0*", ["data/train-0.parquet", "data/validation-0.parquet", "test/0.parquet"]),
    ],
)
def test_splits_and_paths(tmp_path: Path, path: str, expected: list[str]) -> None:
    """Files and patterns are what they say; of a folder the training split, or the only one."""
    assert paths(listed(tmp_path, SPLITS, path)) == expected


def test_splits_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no split 'dev' in 'hf://.*'; there are: test, train, validation; name"):
        listed(tmp_path, SPLITS, "?split=dev")
    with pytest.raises(ValueError, match=r"there are several splits, and none called train, in 'hf://.*'; there are"):
        listed(tmp_path, ["test.parquet", "valid.parquet"])


def test_one_form_for_all(tmp_path: Path) -> None:
    names = ["a.jsonl", "b.txt", "c.json", "d.log"]
    assert paths(listed(tmp_path, names, form="text")) == ["b.txt"]
    assert paths(listed(tmp_path, names, form="jsonl")) == ["a.jsonl"]
    found = listed(tmp_path, ["a.log", "b.log"], form="text")
    assert [(file.path, file.form) for file in found.files] == [("a.log", "text"), ("b.log", "text")]


CARD = [
    {"config_name": "default", "data_files": [{"split": "train", "path": "data/*/*"}]},
    {"config_name": "sample-10BT", "data_files": [{"split": "train", "path": "sample/10BT/*"}]},
    {
        "config_name": "both",
        "data_files": [{"split": "a", "path": ["x/*", "y/*.jsonl"]}, {"split": "b", "path": "z/*"}],
    },
    {"config_name": "plain", "data_files": "x/*", "data_dir": "within"},
    {"config_name": "list", "data_files": ["x/0.jsonl", "within/**"]},
    {"config_name": "folder", "data_dir": "within"},
]
CARD_FILES = [
    "data/a/0.parquet",
    "data/b/0.parquet",
    "data/0.parquet",
    "sample/10BT/0.parquet",
    "x/0.jsonl",
    "y/0.jsonl",
]
CARD_FILES += ["y/0.parquet", "z/0.jsonl", "within/x/0.jsonl", "within/x/notes.md", "within/1.jsonl"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ["data/a/0.parquet", "data/b/0.parquet"]),
        ("/sample-10BT", ["sample/10BT/0.parquet"]),
        ("/sample/10BT", ["sample/10BT/0.parquet"]),
        ("/both?split=a", ["x/0.jsonl", "y/0.jsonl"]),
        ("/both?split=b", ["z/0.jsonl"]),
        ("/plain", ["within/x/0.jsonl"]),
        ("/list", ["within/1.jsonl", "within/x/0.jsonl", "x/0.jsonl"]),
        ("/folder", ["within/1.jsonl", "within/x/0.jsonl"]),
    ],
)
def test_configurations(tmp_path: Path, path: str, expected: list[str]) -> None:
    """What the card lists, in each form in which it may."""
    assert paths(listed(tmp_path, CARD_FILES, path, card=CARD)) == expected


def test_the_default_configuration(tmp_path: Path) -> None:
    assert paths(listed(tmp_path, CARD_FILES, card=CARD[1:2])) == ["sample/10BT/0.parquet"]
    assert paths(listed(tmp_path, CARD_FILES, card=[CARD[2], {**CARD[1], "default": True}])) == [
        "sample/10BT/0.parquet"
    ]
    with pytest.raises(ValueError, match=r"'owner/corpus' has several configurations: sample-10BT, both; name one: hf"):
        listed(tmp_path, CARD_FILES, card=CARD[1:3])
    with pytest.raises(ValueError, match=r"several splits, and none called train, in 'hf://.*/both'; there are: a, b;"):
        listed(tmp_path, CARD_FILES, "/both", card=CARD)


@pytest.mark.parametrize("path", ["", "/none", "/none/*", "/a.csv", "/none.jsonl"])
def test_nothing_to_read(tmp_path: Path, path: str) -> None:
    with pytest.raises(
        ValueError, match=r"no Parquet, JSON Lines, Arrow or text file in 'hf://.*@refs/convert/parquet"
    ):
        listed(tmp_path, ["a.csv", "README.md"], path)


@pytest.mark.parametrize("pattern", ["*", "a/*", "**", "**/*.x", "a/**", "**/b/*", "a/[!b]*", "*/[a-c].y", "a/b.x"])
def test_patterns(tmp_path: Path, pattern: str) -> None:
    """As ``glob`` of the standard library has them."""
    names = ["a.x", "a/a.x", "a/b.x", "a/b/c.y", "b/a.y", "b/d.y", "a/b/b/c.x", "ab.x"]
    make_hub(tmp_path, dict.fromkeys(names, b""))
    found = {name for name in glob.glob(pattern, root_dir=tmp_path / ONE, recursive=True) if name in names}  # noqa: PTH207
    assert {name for name in names if matcher(pattern).fullmatch(name)} == found
    assert all(name.startswith(folder_of(pattern)) for name in found)
    assert is_pattern(pattern) == (pattern != "a/b.x")
    assert folder_of("a/b/c*/d") == "a/b"


def test_forms() -> None:
    names = [
        "a.jsonl",
        "a.jsonl.gz",
        "a.jsonl.zst",
        "a.parquet",
        "a.arrow",
        "a.json",
        "a.json.gz",
        "a.txt",
        "a",
        "b.md",
    ]
    assert [form_of(name) for name in names] == ["jsonl"] * 3 + ["parquet", "arrow"] + ["text"] * 5
    assert [form_on_the_hub(name) for name in names] == (
        ["jsonl"] * 3 + ["parquet", "arrow", "jsonl", "jsonl", "text", None, None]
    )
    assert [compression_of(name) for name in names[:4]] == ["", "gz", "zst", ""]


def test_listings_are_kept(tmp_path: Path) -> None:
    file = HubFile("a/b", ONE, "x.jsonl", "jsonl", 5, "abc")
    listings = {"a": Listing("hf://a/b", (file,)), "b": Listing("hf://b/b", (file, file), 2, "é")}
    write_listings(tmp_path / "hub.json", listings)
    assert read_listings(tmp_path / "hub.json") == listings
    assert read_listings(tmp_path / "none") == {}
    assert read_listings(tmp_path / "hub.json" / "below") == {}
    (tmp_path / "hub.json").write_text('{"a": 5}')
    with pytest.raises(ValueError, match=r"hub.json' is not as bytelm data prepare writes it \(TypeError: .*; remove"):
        read_listings(tmp_path / "hub.json")
