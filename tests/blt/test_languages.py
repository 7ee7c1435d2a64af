"""The language of a file, by its name."""

import pytest

from bytelm.blt.languages import language_of


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("app.py", "Python"),
        ("a/b.c", "C"),
        ("a/b.h", "C"),
        ("lib.RS", "Rust"),
        ("README.md", "Markdown"),
        ("notes.txt", "text"),
        ("data.tar.json", "JSON"),
        ("src/Makefile", "Make"),
        ("README", "text"),
        ("x.unknown", "other"),
        ("-", "other"),
        (".py", "other"),
        ("", "other"),
    ],
)
def test_languages(name: str, language: str) -> None:
    assert language_of(name) == language
