"""Values of settings, from text and from files, and as TOML."""

import re
import tomllib
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.training.values import check_choice, expected, near, toml_of, value_of_data, value_of_text

Fruit = Literal["apple", "pear"]

READ: list[tuple[Any, str, object]] = [
    (int, "12", 12),
    (int, "1_000", 1000),
    (int, "-3", -3),
    (float, "3e-4", 3e-4),
    (float, "7", 7.0),
    (bool, "true", True),
    (bool, "False", False),
    (str, "none", "none"),
    (str, "", ""),
    (str, "a=b, c", "a=b, c"),
    (Fruit, "pear", "pear"),
    (int | None, "none", None),
    (int | None, "5", 5),
    (tuple[int, ...], "3,4,5", (3, 4, 5)),
    (tuple[int, ...], "3, 4", (3, 4)),
    (tuple[int, ...], "", ()),
    (tuple[float, float], "0.9,1", (0.9, 1.0)),
]


@pytest.mark.parametrize(("hint", "text", "value"), READ)
def test_text(hint: Any, text: str, value: object) -> None:
    found = value_of_text(hint, text)
    assert found == value
    assert type(found) is type(value)


REFUSED: list[tuple[Any, object, str]] = [
    (int, "1.5", "a whole number"),
    (int, "ten", "a whole number"),
    (int, "", "a whole number"),
    (int, "none", "a whole number"),
    (float, "fast", "a number"),
    (bool, "1", "true or false"),
    (Fruit, "plum", "one of apple, pear"),
    (int | None, "None", "a whole number, or none"),
    (tuple[int, ...], "3,,5", "whole numbers separated by commas"),
    (tuple[float, float], "0.9", "2 numbers separated by commas"),
    (tuple[float, float], "1,2,3", "2 numbers separated by commas"),
]


@pytest.mark.parametrize(("hint", "text", "form"), REFUSED)
def test_texts_that_are_something_else(hint: Any, text: str, form: str) -> None:
    with pytest.raises(ValueError, match=f"^must be {form}, got {re.escape(repr(text))}$"):
        value_of_text(hint, text)


@pytest.mark.parametrize(
    ("hint", "value", "wanted"),
    [
        (float, 1, 1.0),
        (float, 2.5, 2.5),
        (int | None, "none", None),
        (float | None, None, None),
        (tuple[int, ...], [], ()),
        (tuple[float, float], [0, 1.5], (0.0, 1.5)),
        (Fruit, "apple", "apple"),
    ],
)
def test_data(hint: Any, value: object, wanted: object) -> None:
    found = value_of_data(hint, value)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        *[(int, "3"), (int, 3.0), (int, True), (int, None), (float, "3"), (float, False), (float, 10**400)],
        *[(bool, 1), (bool, "true"), (str, 3), (Fruit, "plum"), (Fruit, ["apple"]), (int | None, "3")],
        *[(tuple[int, ...], 3), (tuple[int, ...], [3.5]), (tuple[int, ...], "3,4"), (tuple[float, float], [1.0])],
    ],
)
def test_data_that_is_something_else(hint: Any, value: object) -> None:
    with pytest.raises(ValueError, match=f"^must be {re.escape(expected(hint))}, got {re.escape(repr(value))}$"):
        value_of_data(hint, value)


TYPED = st.one_of(
    st.tuples(st.just(int | None), st.none() | st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just(float), st.floats(allow_nan=False)),
    st.tuples(st.just(bool), st.booleans()),
    st.tuples(st.just(str), st.text()),
    st.tuples(st.just(tuple[float, ...]), st.lists(st.floats(allow_nan=False)).map(tuple)),
    st.tuples(st.just(tuple[str, ...]), st.lists(st.text()).map(tuple)),
)


@given(TYPED)
def test_toml_says_the_same(typed: tuple[Any, object]) -> None:
    hint, value = typed
    found = value_of_data(hint, tomllib.loads(f"x = {toml_of(value)}")["x"])
    assert repr(found) == repr(value), "equal, and of the same types"


def test_names_that_are_near() -> None:
    assert near("aple", ["apple", "pear"]) == "; did you mean apple?"
    assert near("xyz", ["apple", "pear"]) == ""
    with pytest.raises(ValueError, match=r"^fruit must be one of apple, pear, got 'aple'; did you mean apple\?$"):
        check_choice("fruit", "aple", Fruit)
    check_choice("fruit", "apple", Fruit)
