"""How datasets are named."""

from pathlib import Path

import pytest

from bytelm.training.data.locations import CORPORA, Location, location_of, parse_location


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf://owner/name", Location("owner/name")),
        ("hf://datasets/owner/name", Location("owner/name")),
        ("hf://owner/name/config", Location("owner/name", path="config")),
        ("hf://owner/name/a/b.parquet", Location("owner/name", path="a/b.parquet")),
        ("hf://owner/name@v1", Location("owner/name", "v1")),
        ("hf://owner/name@v1/a/*.jsonl", Location("owner/name", "v1", "a/*.jsonl")),
        ("hf://owner/name/config@v1", Location("owner/name", "v1", "config")),
        ("hf://owner/name@refs/convert/parquet", Location("owner/name", "refs/convert/parquet")),
        ("hf://owner/name@refs/convert/parquet/a", Location("owner/name", "refs/convert/parquet", "a")),
        ("hf://owner/name/a@refs/pr/3", Location("owner/name", "refs/pr/3", "a")),
        ("hf://owner/name?split=test", Location("owner/name", split="test")),
        ("hf://owner/name/a/?split=test", Location("owner/name", path="a", split="test")),
        ("hf://owner/name/a@v1?split=test", Location("owner/name", "v1", "a", "test")),
    ],
)
def test_locations(text: str, expected: Location) -> None:
    assert parse_location(text) == expected
    assert parse_location(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    ["hf://", "hf://name", "hf://datasets/name", "hf://a/b@c/d@e", "hf://a/b?name=x", "hf://a/b?split=", "hf://a/b@"],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no dataset; expected hf://OWNER/NAME, behind it @REVISION, then /CONFIG"):
        location_of(text)


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is here comes before a corpus of that name."""
    monkeypatch.chdir(tmp_path)
    assert location_of("fineweb-edu-10bt") == Location("HuggingFaceFW/fineweb-edu", path="sample-10BT")
    assert location_of("dclm") == Location("mlfoundations/dclm-baseline-1.0")
    assert all(location_of(name) is not None for name in CORPORA)
    (tmp_path / "dclm").mkdir()
    assert location_of("dclm") is None
    assert location_of("corpus.jsonl") is None
