"""Trees of dataclasses as flat settings, and back."""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from bytelm.training.settings import build, merged, read_data, read_texts, schema_of, settings_of


@dataclass(frozen=True)
class Leaf:
    size: int
    name: str = "leaf"

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError(f"size must be at least 0, got {self.size}")


@dataclass(frozen=True)
class Needle:
    length: float


@dataclass(frozen=True)
class Branch:
    leaf: Leaf
    other: Leaf | None = None


@dataclass(frozen=True)
class Tree:
    branch: Branch
    top: Leaf | Needle
    height: float = 2.0
    root: Leaf = field(default_factory=lambda: Leaf(7))


SCHEMA = schema_of(Tree, {"top": Needle})

TREE = Tree(Branch(Leaf(1), Leaf(2, "two")), Needle(0.5))

SETTINGS = {
    "branch.leaf.size": 1,
    "branch.leaf.name": "leaf",
    "branch.other.size": 2,
    "branch.other.name": "two",
    "top.length": 0.5,
    "height": 2.0,
    "root.size": 7,
    "root.name": "leaf",
}


def built(settings: dict[str, object]) -> Tree:
    return build(Tree, SCHEMA, settings)


def test_a_tree_and_its_settings() -> None:
    assert settings_of(TREE) == SETTINGS
    assert built(SETTINGS) == TREE
    without = Tree(Branch(Leaf(1)), Needle(0.5))
    assert settings_of(without)["branch.other"] is None
    assert built(settings_of(without)) == without


def test_what_is_not_said_has_its_default() -> None:
    found = built({"branch.leaf.size": 1, "top.length": 3.0})
    assert found == Tree(Branch(Leaf(1, "leaf"), None), Needle(3.0), 2.0, Leaf(7))


def test_all_fields_are_known() -> None:
    assert [key for key in SCHEMA if key.startswith(("branch", "top"))] == [
        *("branch", "branch.leaf", "branch.leaf.size", "branch.leaf.name"),
        *("branch.other", "branch.other.size", "branch.other.name"),
        *("top", "top.length"),
    ]


@pytest.mark.parametrize(
    ("over", "wanted"),
    [
        ({}, Leaf(2, "two")),
        ({"branch.other.size": 5}, Leaf(5, "two")),
        ({"branch.other": None}, None),
    ],
)
def test_settings_over_others(over: dict[str, object], wanted: Leaf | None) -> None:
    assert build(Tree, SCHEMA, merged(SETTINGS, over)).branch.other == wanted


def test_a_group_that_is_made_again() -> None:
    settings = merged(merged(SETTINGS, {"branch.other": None}), {"branch.other.size": 5})
    assert build(Tree, SCHEMA, settings).branch.other == Leaf(5, "leaf"), "nothing is left of the first one"
    assert read_texts(SCHEMA, [("branch.other", "none"), ("branch.other.size", "5")]) == {"branch.other.size": 5}
    assert read_texts(SCHEMA, [("branch.other.size", "5"), ("branch.other", "none")]) == {"branch.other": None}


def test_files_and_texts() -> None:
    data = {"branch": {"leaf": {"size": 3}, "other": "none"}, "top.length": 4, "height": 1}
    found = read_data(SCHEMA, data, "a file")
    assert found == {"branch.leaf.size": 3, "branch.other": None, "top.length": 4.0, "height": 1.0}
    assert read_texts(SCHEMA, [("height", "1"), ("height", "3")]) == {"height": 3.0}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"hight": 1}, "a file: unknown key hight; did you mean height?"),
        ({"branch": {"leave": {"size": 1}}}, "a file: unknown key branch.leave.size; did you mean branch.leaf.size"),
        ({"length": 3.0}, "a file: unknown key length; did you mean top.length?"),
        ({"zzz": 3.0}, "a file: unknown key zzz"),
        ({"height": {"feet": 3}}, "a file: unknown key height.feet; did you mean height?"),
        ({"height": "tall"}, "a file: height must be a number, got 'tall'"),
        ({"branch": {"leaf": {"size": 1.5}}}, "a file: branch.leaf.size must be a whole number, got 1.5"),
        ({"branch": 3}, "a file: branch must be a group of settings, such as branch.leaf, got 3"),
        ({"branch": {"other": 3}}, "branch.other must be a group of settings, such as branch.other.size, or none"),
        ({"top": "none"}, "a file: top must be a group of settings, such as top.length, got 'none'"),
        ({"top": {"length": 1.0}, "top.length": 2.0}, "a file: top.length stands there twice"),
    ],
)
def test_files_that_are_wrong(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_data(SCHEMA, data, "a file")


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("hight", "1", "hight=1: unknown key hight; did you mean height?"),
        ("size", "1", "size=1: unknown key size; did you mean branch.leaf.size or branch.other.size or root.size?"),
        ("height", "tall", "height=tall: height must be a number, got 'tall'"),
        ("root", "3", "root=3: root must be a group of settings, such as root.size, got '3'"),
        ("", "3", "=3: unknown key "),
    ],
)
def test_changes_that_are_wrong(key: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_texts(SCHEMA, [(key, text)])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top.length": 1.0}, "branch must be given: a group of settings, such as branch.leaf"),
        ({"branch.leaf.name": "a"}, "branch.leaf.size must be given: a whole number"),
        ({**SETTINGS, "branch.leaf.size": -1}, "branch.leaf: size must be at least 0, got -1"),
    ],
)
def test_settings_that_make_no_tree(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        built(settings)
