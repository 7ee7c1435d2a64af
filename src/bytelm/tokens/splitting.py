"""The pre-tokenizer as a function from a text to borders, and the character classes its pattern distinguishes.

Borders are asked of the tokenizer's own pre-tokenizer, never computed from the pattern; the pattern is only read
for the classes of characters that it can tell apart.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from bytelm.tokens.normalizing import SPACE_MARK, Normalization, parts_of
from bytelm.tokens.patterns import literal, pattern_atoms

GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""What the ``ByteLevel`` pre-tokenizer splits by when ``use_regex`` is set."""

_PUNCTUATION = [r"\p{P}", r"[!-/:-@\[-`{-~]"]
_CHINESE = (
    r"[\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}\x{2B740}-\x{2B81F}\x{2B920}-\x{2CEAF}"
    r"\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}]"
)
_ATOMS: dict[str, list[str]] = {
    "Digits": [r"\p{N}"],
    "Punctuation": _PUNCTUATION,
    "BertPreTokenizer": [r"\s", *_PUNCTUATION, _CHINESE],
    "WhitespaceSplit": [r"\s"],
    "Metaspace": [" "],
}
"""What the parts without a pattern distinguish."""

_WORDS = {"BertPreTokenizer", "WhitespaceSplit"}
"""Parts that leave out the white space between words; the text seen has one space before every word."""

Piece = tuple[int, int]


class Splitter:
    """Where a text is cut into pre-tokens.

    Args:
        atoms: regular expressions of one character each; characters that match the same ones are treated alike.
        pieces: the spans of the pre-tokens of a text, in characters; ``None`` if texts are not cut.
        seen: what the normalizer's patterns make of a text; a text that it changes is never seen.
        prefix: what stands before every text, and is not shown to ``seen``.
        swallowed: whether that is put only before texts that do not begin with it.
        words: whether every pre-token has one space before it that ``pieces`` leave out.
        gapless: whether ``pieces`` never leave anything out.
    """

    def __init__(
        self,
        atoms: Sequence[str] = (),
        pieces: Callable[[str], Sequence[Piece]] | None = None,
        seen: Callable[[str], str] | None = None,
        prefix: str = "",
        swallowed: bool = False,
        words: bool = False,
        gapless: bool = False,
    ) -> None:
        self.atoms = tuple(dict.fromkeys(atoms))
        self._pieces = pieces
        self._seen = seen
        self._prefix = prefix
        self._swallowed = swallowed
        self._words = words
        self._gapless = gapless

    def pieces(self, text: str) -> Sequence[Piece]:
        """The spans of the pre-tokens of a text, in characters."""
        return self._pieces(text) if self._pieces is not None else [(0, len(text))] * bool(text)

    def borders(self, text: str) -> tuple[int, ...] | None:
        """The ends of the pre-tokens of ``text``, as character counts; the last one is the length of the text.

        ``None`` if the tokenizer never sees such a text, whatever it is given.
        """
        if self._seen is not None:
            given = text.removeprefix(self._prefix)
            given = text if self._swallowed and given.startswith(self._prefix) else given
            if self._seen(given) != given:
                return None
        if not text:
            return ()
        if self._pieces is None:
            return (len(text),)
        pieces = self._pieces(text)
        ends = tuple([end for _, end in pieces])
        if self._gapless:
            return ends
        gap = " " if self._words else ""
        exact = all(text[end:start] == gap for end, (start, _) in zip((0, *ends), pieces, strict=False))
        return ends if exact and ends and ends[-1] == len(text) else None


def splitter_of(
    description: dict[str, Any] | None, normalization: Normalization | None = None, normalizer: Any = None
) -> Splitter:
    """The splitter that the ``pre_tokenizer`` and ``normalizer`` entries of a ``tokenizer.json`` describe.

    Raises:
        ValueError: an entry has a part whose borders cannot be followed.
    """
    normalization = normalization or Normalization(None, marked=False)
    parts = list(parts_of(description, "pretokenizers"))
    words = any(part["type"] in _WORDS for part in parts)
    cutting = _words_parts(parts) if words else list(chain.from_iterable(_cutting(parts)))
    patterns = normalization.patterns
    atoms = [atom for part in (*cutting, *patterns) for atom in _atoms_of_part(part)]
    seen = normalization.replaced if patterns else None
    prefix = text_prefix(description, normalization)
    swallowed = prefix != normalization.prepended
    if not cutting:
        return Splitter(atoms, None, seen, prefix, swallowed)
    cut = _asker(cutting, normalizer if words else None)
    if normalization.marks and not words:
        return Splitter(
            [" ", *atoms], lambda text: cut(text.replace(" ", SPACE_MARK)), seen, prefix, swallowed, gapless=True
        )
    return Splitter([" ", *atoms] if words else atoms, cut, seen, prefix, swallowed, words, gapless=not words)


def text_prefix(description: dict[str, Any] | None, normalization: Normalization) -> str:
    """What the tokenizer puts before every text, in characters of the text seen."""
    if normalization.prepended.startswith(" "):
        return normalization.prepended
    spaced = any(
        (part["type"] == "ByteLevel" and part.get("add_prefix_space", True))
        or (part["type"] == "Metaspace" and _scheme(part) != "never")
        or part["type"] == "BertPreTokenizer"
        for part in parts_of(description, "pretokenizers")
    )
    return (" " if spaced else "") + normalization.prepended


def text_seen(description: dict[str, Any] | None, normalization: Normalization, text: str) -> str:
    """What the tokenizer sees of a text, without what it puts before it."""
    seen = normalization.seen(text)
    parts = list(parts_of(description, "pretokenizers"))
    if any(part["type"] in _WORDS for part in parts):
        cut = _library_splitter(_words_parts(parts)).pre_tokenize_str
        return " ".join(word for word, _ in cut(seen))
    # Where a pre-tokenizer and not the normalizer puts a space before the text, it does so if there is none.
    return seen[1:] if normalization.prepended != text_prefix(description, normalization) and seen[:1] == " " else seen


def section_prefix(description: dict[str, Any] | None, normalization: Normalization) -> str:
    """What the tokenizer puts before the text behind an added token."""
    first = any(
        part["type"] == "Metaspace" and _scheme(part) == "first" for part in parts_of(description, "pretokenizers")
    )
    return "" if first else text_prefix(description, normalization)


def _scheme(metaspace: dict[str, Any]) -> str:
    scheme: str = metaspace.get("prepend_scheme", "always" if metaspace.get("add_prefix_space", True) else "never")
    return scheme


def _cutting(parts: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The parts that cut, without the byte-to-character mapping of ``ByteLevel``."""
    cut, mapped = False, False
    for part in parts:
        kind = part["type"]
        spaced = (kind == "ByteLevel" and part.get("add_prefix_space", True)) or (
            kind == "Metaspace" and _scheme(part) == "always"
        )
        if spaced and cut:
            raise ValueError(
                f"the tokenizer's pre-tokenizer has a part {kind!r} that puts a space before every piece that others "
                'have cut, and bytelm cannot follow that; load the model with segmentation="all"'
            )
        found = _cut(part)
        if found and mapped:
            raise ValueError(
                f"the tokenizer's pre-tokenizer has a part {kind!r} behind 'ByteLevel', where it cuts bytes and not "
                'characters, and bytelm cannot follow that; load the model with segmentation="all"'
            )
        mapped = mapped or kind == "ByteLevel"
        cut = cut or bool(found)
        yield found


def _cut(part: dict[str, Any]) -> list[dict[str, Any]]:
    kind = part["type"]
    if kind == "ByteLevel":
        return [_split({"Regex": GPT2_PATTERN})] if part.get("use_regex", True) else []
    if kind == "Metaspace":
        return [{**part, "prepend_scheme": "never"}] if part.get("split", True) else []
    if (kind == "Split" and part["behavior"] != "Removed") or kind in ("Digits", "Punctuation"):
        return [part]
    raise ValueError(
        f"the tokenizer's pre-tokenizer has a part {kind!r} whose borders bytelm cannot follow; "
        'load the model with segmentation="all"'
    )


def _words_parts(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The part that finds the words, if a space in front of each is put there by the next or goes without saying."""
    match [(part["type"], part) for part in parts]:
        case [("BertPreTokenizer", found)]:
            return [found]
        case [("WhitespaceSplit", found), ("Metaspace", spaces)] if _scheme(spaces) == "always":
            return [found]
    raise ValueError(
        f"the tokenizer's pre-tokenizer {[part['type'] for part in parts]} leaves out the white space between words, "
        "so its tokens do not say which bytes they stand for"
    )


def _split(pattern: dict[str, str]) -> dict[str, Any]:
    return {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}


def _asker(parts: list[dict[str, Any]], normalizer: Any) -> Callable[[str], list[Piece]]:
    """The spans that parts of a pre-tokenizer cut, by the tokenizer library, behind ``normalizer`` if given."""
    if normalizer is None:
        cut = _library_splitter(parts).pre_tokenize_str
        return lambda text: [span for _, span in cut(text)]
    asked = _skeleton(parts, normalizer)
    return lambda text: list(asked.encode(text).offsets)


def _library_splitter(parts: list[dict[str, Any]]) -> Any:
    return _skeleton(parts, None).pre_tokenizer


def _skeleton(parts: list[dict[str, Any]], normalizer: Any) -> Any:
    """A tokenizer of the tokenizer library to which every pre-token is one token."""
    from tokenizers import Tokenizer

    description = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": parts},
        "model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"},
    }
    return Tokenizer.from_str(json.dumps(description))


def _atoms_of_part(part: dict[str, Any]) -> list[str]:
    kind = part["type"]
    if kind == "Strip":
        return [r"\s"]
    if kind in _ATOMS:
        return _ATOMS[kind]
    pattern = part["pattern"]
    if "Regex" in pattern:
        return pattern_atoms(pattern["Regex"])
    return [literal(char) for char in pattern["String"]]


def pattern_splitter(pattern: str) -> Splitter:
    """The splitter of a pattern as tiktoken understands it: what it does not match is left out of every text."""
    import regex

    compiled = regex.compile(_end_of_text(pattern))
    return Splitter(pattern_atoms(pattern), lambda text: [found.span() for found in compiled.finditer(text)])


def _end_of_text(pattern: str) -> str:
    r"""``pattern`` with ``$`` for the end of the text alone, not for the place before a last line end."""
    return re.sub(r"(\\.|\[(?:\\.|[^\]\\])*\])|\$", lambda found: found.group(1) or r"\Z", pattern)
