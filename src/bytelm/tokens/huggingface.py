"""Reading a ``tokenizer.json``: the bytes of its tokens, and how it cuts texts.

Both the form of transformers 5 and that of transformers 4 are read (merges as pairs or as strings).
"""

import json
import math
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bytelm.tokens.added import AddedToken
from bytelm.tokens.byte_unigram import is_over_bytes, settled
from bytelm.tokens.json_files import read_json
from bytelm.tokens.limits import check_limits
from bytelm.tokens.merges import Ranked
from bytelm.tokens.normalizing import SPACE_MARK, Normalization
from bytelm.tokens.specification import (
    BytePairFamily,
    Family,
    LongestFamily,
    Specification,
    UnigramFamily,
)
from bytelm.tokens.spelling import ByteFallback
from bytelm.tokens.splitting import Splitter, section_prefix, splitter_of, text_prefix, text_seen
from bytelm.tokens.writing import STAND_INS, Writing, is_marked

KINDS = ("BPE", "Unigram", "WordPiece")

OVER_BYTES = "byte-level Unigram"
"""What Unigram models over bytes are called."""


class LibraryEncoder:
    """The tokenizer library's own tokenizer.

    Args:
        path: its file.
        over_bytes: whether it is a Unigram model over bytes.
    """

    def __init__(self, path: Path, over_bytes: bool = False) -> None:
        from tokenizers import Tokenizer

        if over_bytes:
            self._tokenizer = Tokenizer.from_str(json.dumps(settled(read_json(path))))
        else:
            self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def find(self, content: str) -> int | None:
        found = self._tokenizer.token_to_id(content)
        return None if found is None else int(found)


def read_huggingface(path: Path, size: int | None = None) -> Specification:
    """Read a ``tokenizer.json``.

    Args:
        path: the file.
        size: leave out the tokens from this id on.

    Raises:
        ValueError: the file is not a tokenizer, or one of a kind whose tokens do not say which bytes they stand for.
    """
    description = read_json(path)
    model = description.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict | list):
        raise ValueError(f"{path} is not a tokenizer: it has no model with a vocabulary")
    kind = model.get("type", "BPE" if "merges" in model else None)
    if kind not in KINDS:
        raise ValueError(f"{path} holds a {kind} tokenizer; bytelm reads {', '.join(KINDS[:-1])} and {KINDS[-1]}")
    over_bytes = is_over_bytes(description)
    if over_bytes:
        description = settled(description)
        model = description["model"]
    ids = _ids(model["vocab"])
    # A token that is added though the vocabulary has it keeps its id there.
    listed = [{**entry, "id": ids.get(entry["content"], entry["id"])} for entry in description.get("added_tokens", [])]
    entries = [entry for entry in listed if size is None or entry["id"] < size]
    if size is not None:
        # Merges need the tokens that are left out no more.
        kept = {name for name, i in ids.items() if i < size}
        ids = {name: i for name, i in ids.items() if name in kept}
        pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in model.get("merges", ()))
        model = {**model, "merges": [pair for pair in pairs if {*pair, "".join(pair)} <= kept]}
    marked = is_marked(description)
    writing = Writing(description, path, marked)
    produced = [entry for entry in entries if not entry["special"] and _is_produced(entry, ids, marked)]
    silent = {entry["id"] for entry in entries if entry["special"]} | _unknown(model, ids)
    token_bytes = [b""] * (1 + max([*ids.values(), *(entry["id"] for entry in entries)]))
    for name, i in ids.items():
        token_bytes[i] = b"" if i in silent else writing.of(name)
    normalization = Normalization(description.get("normalizer"), marked)
    for entry in produced:
        token_bytes[entry["id"]] = _pattern(entry, normalization).encode()
    facts = {
        "kind": _describe(kind, writing, over_bytes),
        "description": {name: description.get(name) for name in ("normalizer", "pre_tokenizer")},
        "dropout": model.get("dropout"),
        "entries": entries,
        "produced": [entry["id"] for entry in produced],
        "marked": marked,
        "fallback": _fallback(model, ids, silent, writing),
        "named": _named_tokens(path.with_name("tokenizer_config.json"), ids, entries),
    }
    return _specify(path, facts, tuple(token_bytes), _family(model, ids, silent, writing, path, over_bytes))


def restore_huggingface(
    path: Path, size: int | None, facts: Mapping[str, Any], token_bytes: tuple[bytes, ...]
) -> Specification:
    """The specification of a byte-pair encoding with the same ``facts`` and tokens as one that was read before."""
    return _specify(path, facts, token_bytes, BytePairFamily(partial(_ranked_again, path, size), *facts["family"]))


def _ranked_again(path: Path, size: int | None) -> Ranked:
    family = read_huggingface(path, size).family
    assert isinstance(family, BytePairFamily), "only byte-pair encodings are kept"
    return family.ranked()


def _specify(path: Path, facts: Mapping[str, Any], token_bytes: tuple[bytes, ...], family: Family) -> Specification:
    pre_tokenizer = facts["description"]["pre_tokenizer"]
    normalization = Normalization(facts["description"]["normalizer"], facts["marked"])
    fallback, ids = facts["fallback"], set(facts["produced"])
    produced = [entry for entry in facts["entries"] if entry["id"] in ids]
    prefix, behind = text_prefix(pre_tokenizer, normalization), section_prefix(pre_tokenizer, normalization)
    added = tuple(_added_token(entry, normalization, behind) for entry in produced)
    return Specification(
        kind=facts["kind"],
        token_bytes=token_bytes,
        family=family,
        normalization=normalization,
        seen=partial(text_seen, pre_tokenizer, normalization),
        splitter=partial(_splitter, facts, added, normalization),
        encoder=partial(LibraryEncoder, path, facts["kind"] == OVER_BYTES),
        entries=tuple(facts["entries"]),
        normalizer=facts["description"]["normalizer"],
        added=added,
        fallback=ByteFallback(frozenset(fallback[0]), frozenset(fallback[1])) if fallback is not None else None,
        prefix=prefix,
        section_prefix=behind,
        swallows=prefix != normalization.prepended,
        named=facts["named"],
        facts={**facts, "family": [family.atoms, family.ignore_merges]} if isinstance(family, BytePairFamily) else None,
    )


def _ids(vocabulary: Mapping[str, int] | list[Any]) -> dict[str, int]:
    if isinstance(vocabulary, list):
        return {piece: i for i, (piece, _) in enumerate(vocabulary)}
    return dict(vocabulary)


def _is_produced(entry: Mapping[str, Any], ids: Mapping[str, int], marked: bool) -> bool:
    """Whether texts produce an added token: not if it is written with a mark that no text seen has."""
    return not (marked and SPACE_MARK in entry["content"] and entry["content"] in ids)


def _pattern(entry: Mapping[str, Any], normalization: Normalization) -> str:
    """What of the text seen an added token stands for."""
    content: str = entry["content"]
    return normalization.prepended + normalization.seen(content) if entry["normalized"] else content


def _added_token(entry: Mapping[str, Any], normalization: Normalization, prefix: str) -> AddedToken:
    # Those looked for in the normalized text are cut out of it behind the normalizer, which puts nothing there again.
    behind = prefix.removesuffix(normalization.prepended) if entry["normalized"] else prefix
    pattern = _pattern(entry, normalization)
    return AddedToken(entry["id"], pattern, entry["lstrip"], entry["rstrip"], behind, entry["normalized"])


def _unknown(model: Mapping[str, Any], ids: Mapping[str, int]) -> set[int]:
    """The token that stands for what the vocabulary lacks."""
    if model.get("unk_id") is not None:
        return {int(model["unk_id"])}
    return {ids[model["unk_token"]]} if model.get("unk_token") in ids else set()


def _family(
    model: Mapping[str, Any], ids: Mapping[str, int], silent: set[int], writing: Writing, path: Path, over_bytes: bool
) -> Family:
    if model.get("type") == "Unigram":
        pieces, scores = zip(*model["vocab"], strict=True)
        scores = tuple(map(float, scores))
        if over_bytes:
            hidden = ((writing.of(name).decode("latin-1"), scores[i]) for i, name in enumerate(pieces) if i in silent)
            return UnigramFamily(scores, dict(hidden), over_bytes)
        written = {name: i for i, name in enumerate(pieces) if i in silent or (writing.by_bytes and name in STAND_INS)}
        others = {writing.read(name): scores[i] for name, i in written.items()}
        scores = tuple(
            math.nan if writing.is_unmarked(name) else score for name, score in zip(pieces, scores, strict=True)
        )
        return UnigramFamily(scores, others)
    if model.get("type") == "WordPiece":
        never = tuple(writing.of(name) for name, i in ids.items() if i in silent)
        return LongestFamily(int(model.get("max_input_chars_per_word", 100)), never)
    ranked = _rank(model["merges"], ids, path)
    return BytePairFamily(lambda: ranked, writing.atoms(ids), bool(model.get("ignore_merges")))


def _rank(
    merges: Iterable[str | list[str]], ids: Mapping[str, int], path: Path
) -> dict[tuple[int, int], tuple[int, int]]:
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
    try:
        ranked = {(ids[a], ids[b]): (rank, ids[a + b]) for rank, (a, b) in enumerate(pairs)}
    except KeyError as error:
        rank, (left, right) = next(
            (rank, pair) for rank, pair in enumerate(pairs) if not {*pair, "".join(pair)} <= ids.keys()
        )
        raise ValueError(
            f"{path}: merge {rank} ({left!r}, {right!r}) needs the token {error}, which is missing"
        ) from None
    if len(ranked) < len(pairs):  # of a merge that is listed twice the first counts
        for rank, (a, b) in reversed(list(enumerate(pairs))):
            ranked[ids[a], ids[b]] = (rank, ids[a + b])
    return ranked


def _fallback(
    model: Mapping[str, Any], ids: Mapping[str, int], silent: set[int], writing: Writing
) -> tuple[list[int], list[str]] | None:
    """The byte tokens, and the characters that have a token of their own."""
    if writing.byte_level or not writing.by_bytes:
        return None
    single = [name for name, i in ids.items() if len(name) == 1 and i not in silent]
    return [ids[name] for name in STAND_INS if name in ids], [*single, *([" "] if SPACE_MARK in ids else [])]


def _splitter(facts: Mapping[str, Any], added: tuple[AddedToken, ...], normalization: Normalization) -> Splitter:
    check_limits(facts, added, normalization)
    return splitter_of(facts["description"]["pre_tokenizer"], normalization, facts["description"]["normalizer"])


def _describe(kind: str, writing: Writing, over_bytes: bool) -> str:
    if over_bytes:
        return OVER_BYTES
    if kind != "BPE":
        return kind
    if writing.byte_level:
        return "byte-level BPE"
    return "BPE over characters" + (" with byte fallback" if writing.by_bytes else "")


def _named_tokens(path: Path, ids: Mapping[str, int], entries: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The ids of the tokens that ``tokenizer_config.json`` names by role."""
    if not path.is_file():
        return {}
    known = {**ids, **{entry["content"]: entry["id"] for entry in entries}}
    named = {}
    for role, value in read_json(path).items():
        content = value.get("content") if isinstance(value, dict) else value
        if role.endswith("_token") and isinstance(content, str) and content in known:
            named[role] = known[content]
    return named
