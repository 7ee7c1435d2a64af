"""What a tokenizer does to the characters of a text before it cuts it.

The byte model is over the bytes that the tokenizer *sees*: those of the normalized text, with the mark U+2581 read as
the space it stands for. So the texts that count are those that the normalizer leaves alone (it is taken to be
idempotent: what it returns it does not change again). Three kinds of change are told apart:

- of characters by themselves (``ﬁ`` becomes ``fi``, ``A`` becomes ``a``): the character is never seen;
- of characters that join the ones before them (``e`` and U+0301 become ``é``): decided here, by asking the normalizer
  about the last base character and the marks behind it;
- of patterns (two spaces become one): left to :mod:`bytelm.tokens.splitting`.
"""

import json
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPACE_MARK = "\u2581"
"""The character that SentencePiece writes for a space."""

_JOINING = {"NFC", "NFD", "NFKC", "NFKD", "Precompiled", "BertNormalizer", "StripAccents"}
_LOCAL = _JOINING | {"Lowercase", "Nmt"}
_PATTERNED = {"Replace", "Strip"}
_SEPARATOR = "|"
_LONGEST_OPEN_END = 32
_CACHED = 2**14
_PROBED = 6

Change = Callable[[str], str]


class Normalization:
    """The normalizer of a tokenizer.

    Args:
        description: the ``normalizer`` entry of a ``tokenizer.json``.
        marked: whether the tokenizer writes U+2581 for spaces.

    Attributes:
        prepended: what it puts before every text, as bytes of the text seen.
        patterns: the parts that replace patterns.
        marks: whether it is the normalizer that writes U+2581 for spaces.
    """

    def __init__(self, description: dict[str, Any] | None, marked: bool) -> None:
        parts = list(parts_of(description, "normalizers"))
        self._unknown = [part["type"] for part in parts if part["type"] not in _LOCAL | _PATTERNED | {"Prepend"}]
        self._marked = marked
        self.prepended = "".join(part["prepend"] for part in parts if part["type"] == "Prepend")
        self.prepended = self.prepended.replace(SPACE_MARK, " ") if marked else self.prepended
        kept = [part for part in parts if not _marks_spaces(part)]
        self.marks = len(kept) < len(parts)
        self.patterns = [part for part in kept if part["type"] in _PATTERNED]
        local = [part for part in kept if part["type"] in _LOCAL]
        self._whole = _changer([part for part in parts if part["type"] != "Prepend"])
        self._replaced = _changer([part for part in parts if part["type"] in _PATTERNED])
        self._local = _changer(local) if local else None
        self.joins = any(part["type"] in _JOINING for part in local)
        self._spaces_out = any(part["type"] == "BertNormalizer" for part in local)
        self._open = lru_cache(maxsize=_CACHED)(self._composes)

    def check(self) -> None:
        """Make sure that every part can be followed.

        Raises:
            ValueError: a part cannot.
        """
        if self._unknown:
            raise ValueError(
                f"the tokenizer has a normalizer {self._unknown[0]!r} that bytelm cannot follow; it follows "
                f'{", ".join(sorted(_LOCAL | _PATTERNED | {"Prepend"}))}; load the model with segmentation="all"'
            )

    def unstable(self) -> str | None:
        """A short text of which the parts that replace patterns make another one that they change again, if any."""
        if not self.patterns:
            return None
        written = "".join(
            part["content"] + part["pattern"].get("String", "") for part in self.patterns if part["type"] == "Replace"
        )
        characters = "".join(dict.fromkeys(written[:_PROBED] + " a"))
        probes = ("".join(chosen) for length in range(1, 5) for chosen in product(characters, repeat=length))
        longer = (char * count for char in characters for count in range(5, 10))
        return next((text for text in (*probes, *longer) if self.seen(self.seen(text)) != self.seen(text)), None)

    def seen(self, text: str) -> str:
        """What is left of a text, without what is put before it."""
        return self._read(self._whole(text))

    def replaced(self, text: str) -> str:
        """What the patterns alone make of a text."""
        return self._read(self._replaced(text))

    def _read(self, changed: str) -> str:
        return changed.replace(SPACE_MARK, " ") if self._marked else changed

    def unchanged(self, text: str) -> NDArray[np.bool_]:
        """Which characters of a text are left as they are, each by itself: bool ``(len(text),)``."""
        kept = np.ones(len(text), dtype=bool)
        if self._local is not None:
            changed = self._local(_SEPARATOR + _SEPARATOR.join(text) + _SEPARATOR).split(_SEPARATOR)[1:-1]
            if len(changed) != len(text):  # the separator itself is in the text, or is changed
                changed = [self._local(char) for char in text]
            kept = np.array([self._same(*pair) for pair in zip(changed, text, strict=True)], dtype=bool)
        if self._marked:
            kept &= np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32) != ord(SPACE_MARK)
        return kept

    def holds(self, open_end: str, text: str) -> bool:
        """Whether a text stays as it is behind the open end of another."""
        if self._local is None or not self.joins or (not open_end and text.isascii()):
            return True
        whole = open_end + text
        return self._same(self._local(whole), whole)

    def _same(self, changed: str, text: str) -> bool:
        """Whether nothing has changed; BertNormalizer puts spaces around Chinese characters."""
        return changed == text or (self._spaces_out and changed.replace(" ", "") == text.replace(" ", ""))

    def open_end(self, text: str) -> str:
        """The last base character of a text and the marks behind it, if what follows could join them; else ``""``."""
        if not self.joins or not text:
            return ""
        start = len(text) - 1
        while start > 0 and joins(text[start]) and len(text) - start < _LONGEST_OPEN_END:
            start -= 1
        end = text[start:]
        return end if len(end) > 1 or joins(end) or self._open(end) else ""

    def _composes(self, base: str) -> bool:
        """Whether any mark joins a base character."""
        assert self._local is not None, "only normalizers that join ask this"
        return any(self._local(base + mark) != base + mark for mark in _composing_marks())


def parts_of(description: dict[str, Any] | None, members: str) -> Iterator[dict[str, Any]]:
    """The parts of a ``normalizer`` or ``pre_tokenizer`` entry, sequences in sequences laid flat."""
    if description is None:
        return
    if description["type"] == "Sequence":
        for part in description[members]:
            yield from parts_of(part, members)
    else:
        yield description


@cache
def joins(char: str) -> bool:
    """Whether a character belongs to the one before it: a mark, or a Hangul vowel or final consonant."""
    code = ord(char)
    return (
        unicodedata.category(char).startswith("M")
        or 0x1160 <= code <= 0x11FF
        or 0xD7B0 <= code <= 0xD7FF
        or code in (0x200C, 0x200D)
    )


@cache
def _composing_marks() -> tuple[str, ...]:
    """The characters that are the second part of a canonical composition, one Hangul vowel and final among them."""
    decompositions = (unicodedata.decomposition(chr(code)) for code in range(0x20000))
    seconds = {chr(int(d.split()[1], 16)) for d in decompositions if d and not d.startswith("<") and " " in d}
    return (*sorted(seconds), "\u1161", "\u11a8")


def _marks_spaces(part: dict[str, Any]) -> bool:
    return bool(part["type"] == "Replace" and part["pattern"].get("String") == " " and part["content"] == SPACE_MARK)


def _changer(parts: list[dict[str, Any]]) -> Change:
    """The parts as a function, by the tokenizer library."""
    if not parts:
        return str
    from tokenizers import Tokenizer

    skeleton = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": parts},
        "model": {"type": "BPE", "vocab": {}, "merges": []},
    }
    change: Change = Tokenizer.from_str(json.dumps(skeleton)).normalizer.normalize_str
    return change
