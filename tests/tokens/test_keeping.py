"""What is kept on disk of a tokenizer: the next one that reads it answers alike, and damage does no harm."""

from pathlib import Path
from random import Random

import numpy as np
import pytest

from bytelm.tokens import building
from bytelm.tokens.keeping import VARIABLE, folder
from bytelm.tokens.tokenizer import Tokenizer
from tokens.tiny import PATTERNS, PIECES, added, adversarial, byte_level, random_merges, save, trained

LETTERS = [bytes([byte]) for byte in "a'sré 1\n".encode()]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own, in which even small tokenizers are kept."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(building, "WORTH_KEEPING", 0)
    return tmp_path / "cache"


@pytest.fixture(params=["plain", "added", "whole", "NFC"])
def tokenizer(request: pytest.FixtureRequest, tmp_path: Path) -> Tokenizer:
    place = tmp_path / "tokenizer"
    if request.param == "plain":
        return trained(place, PATTERNS["cl100k"])
    description = byte_level(random_merges(Random(3), LETTERS, 40))
    names = description["model"]["vocab"]
    if request.param == "added":
        description["added_tokens"] = [added(len(names), "  ", special=False), added(len(names) + 1, "<x>", False)]
    if request.param == "whole":
        description["model"]["ignore_merges"] = True
        names["ar1s"] = len(names)
    if request.param == "NFC":
        description["normalizer"] = {"type": "NFC"}
    return save(place, description)


def masks(tokenizer: Tokenizer, seed: int) -> list[list[bool]]:
    random = Random(seed)
    found = []
    for _ in range(25):
        ids = tokenizer.encode(adversarial(random, pieces=[*PIECES, "a", "ar1s", "<x>", "<", "  "]))
        found.append(tokenizer.allowed_next(ids[: random.randint(0, len(ids))]).tolist())
    return found


def test_a_tokenizer_taken_up_again_answers_alike(tokenizer: Tokenizer, cache: Path, tmp_path: Path) -> None:
    first = masks(tokenizer, 1)
    assert len(list(cache.iterdir())) == 1
    again = Tokenizer(tmp_path / "tokenizer")
    assert again.vocabulary is not tokenizer.vocabulary
    assert (again.size, again.prefix, again.kind) == (tokenizer.size, tokenizer.prefix, tokenizer.kind)
    assert again.vocabulary.token_bytes == tokenizer.vocabulary.token_bytes
    assert again.vocabulary.words == tokenizer.vocabulary.words
    assert np.array_equal(again.vocabulary.index, tokenizer.vocabulary.index)
    assert masks(again, 1) == first
    assert masks(again, 2) == masks(tokenizer, 2)
    assert again.normalize("e\u0301") == tokenizer.normalize("e\u0301")
    assert again.canonical_heads("it's  12") == tokenizer.canonical_heads("it's  12")


def test_a_tokenizer_taken_up_again_learns_on(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """With nothing explored, every state is found after what was kept was taken up."""
    expected = masks(tokenizer, 4)
    (tmp_path / "cache").rename(tmp_path / "moved")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "_STATES_EXPLORED", 1)
        assert Tokenizer(tmp_path / "tokenizer").canonical is not None
    assert masks(Tokenizer(tmp_path / "tokenizer"), 4) == expected


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"PK\x03\x04"])
def test_damage_does_no_harm(cache: Path, tmp_path: Path, damage: bytes) -> None:
    tokenizer = trained(tmp_path / "tokenizer", "")
    expected = masks(tokenizer, 1)
    (file,) = cache.iterdir()
    file.write_bytes(damage or file.read_bytes()[:-50])
    assert masks(Tokenizer(tmp_path / "tokenizer"), 1) == expected
    assert file.stat().st_size > 1000, "it was written anew"


def test_another_tokenizer_is_another_file(cache: Path, tmp_path: Path) -> None:
    assert trained(tmp_path / "tokenizer", "", size=300).canonical is not None
    assert trained(tmp_path / "tokenizer", "", size=310).canonical is not None
    assert len(list(cache.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "cache"))
    assert trained(tmp_path / "tokenizer", "").allowed_next([]).any()


def test_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert folder() is None
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folder() == tmp_path / "bytelm"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert folder() == Path("~/.cache/bytelm").expanduser()


def test_small_tokenizers_are_not_kept(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "WORTH_KEEPING", 1000)
    assert trained(tmp_path / "tokenizer", "").canonical is not None
    assert not cache.exists()


def test_who_is_interrupted_leaves_nothing_behind(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(file: Path, **arrays: object) -> None:
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "tokenizer", "").allowed_next([])
    assert not list(cache.iterdir())
