"""The canonical rule against the tokenizer's own ``encode``, with tokenizers made on the spot."""

from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bytelm.checking.counterexamples import counterexamples
from bytelm.checking.judge import Judge
from bytelm.tokens.splitting import GPT2_PATTERN
from bytelm.tokens.tokenizer import Tokenizer
from tokens.tiny import (
    PATTERNS,
    PIECES,
    adversarial,
    byte_level,
    merges_of,
    random_merges,
    save,
    sentencepiece,
    trained,
)

LETTERS = [bytes([byte]) for byte in "a'sré 1😀\n".encode()]
SMALL = ["a", "'s", "r", " ", "é", "1", "11", "😀", "\n", "s", "'", "ã", "😁", "b"]
CHARACTERS = "▁aeé中s'1"
WIDE = ["a", "e", "é", " ", "中", "s", "'", "1", "😀", "ë", "丮", "\n"]


def part(pattern: dict[str, str], behavior: str = "Isolated", invert: bool = False) -> dict[str, Any]:
    """A pre-tokenizer that splits."""
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


SPLITS: dict[str, dict[str, Any]] = {
    "space goes before": part({"String": " "}, "MergedWithNext"),
    "space goes behind": part({"String": " "}, "MergedWithPrevious"),
    "letters together": part({"Regex": r"\w"}, "Contiguous"),
    "all but letters": part({"Regex": r"\w+"}, invert=True),
    "single digits": {"type": "Digits", "individual_digits": True},
    "digits together": {"type": "Digits", "individual_digits": False},
}

Made = tuple[Tokenizer, list[str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """A tokenizer by its name, and what its adversarial texts are made of."""

    @cache
    def make(name: str) -> Made:
        folder: Path = tmp_path_factory.mktemp("tokenizer")
        kind, _, detail = name.partition(": ")
        random = Random(detail)
        if kind == "trained":
            return trained(folder, PATTERNS[detail]), PIECES
        if kind == "split":
            return save(folder, byte_level(random_merges(random, LETTERS, 60), SPLITS[detail])), SMALL
        if kind == "random":
            split = part({"Regex": PATTERNS[detail]})
            return save(folder, byte_level(random_merges(random, LETTERS, 60), split)), SMALL
        merges = random_merges(random, CHARACTERS, 50)
        return save(folder, sentencepiece(CHARACTERS, merges, prepend=detail != "no prefix")), WIDE

    return make


NAMES = [
    *(f"trained: {name}" for name in PATTERNS),
    *(f"random: {name}" for name in ("gpt2", "right-grouped", "cased")),
    *(f"split: {name}" for name in SPLITS),
    *("sentencepiece: prefix", "sentencepiece: no prefix"),
]


@pytest.mark.parametrize("name", NAMES)
def test_heads_are_complete_and_sound_at_every_cut(made: Callable[[str], Made], name: str) -> None:
    tokenizer, pieces = made(name)
    judge, random, cuts = Judge(tokenizer), Random(name), 0
    while cuts < 150:
        text = adversarial(random, pieces=pieces)
        assert counterexamples(judge, text, range(len(text.encode()) + 2)) == []
        cuts += len(text.encode()) + 1


@pytest.mark.parametrize("name", NAMES)
def test_allowed_next_is_the_tokenizers_verdict_on_every_token(made: Callable[[str], Made], name: str) -> None:
    tokenizer, pieces = made(name)
    judge, random = Judge(tokenizer), Random(name)
    for _ in range(3):
        ids = judge.encode(adversarial(random, longest=3, pieces=pieces))
        head = ids[: random.randint(0, len(ids))]
        allowed = tokenizer.allowed_next(head)
        for token in range(tokenizer.size):
            words = tokenizer.token_bytes(token)
            tries = 10**6 if allowed[token] else 150
            verdict = bool(words) and judge.produces((*head, token), b"", tries=tries)
            assert bool(allowed[token]) == verdict, (head, judge.spell(head), token, words)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("trained")])
def test_every_text_of_a_few_characters_agrees(made: Callable[[str], Made], name: str) -> None:
    """Brute force: all beginnings of encodings of all texts up to a length over an alphabet."""
    tokenizer, _ = made(name)
    judge, rule = Judge(tokenizer), tokenizer.canonical
    length, alphabet = (5, " aés") if name.startswith("sentencepiece") else (5, " a1's")
    following: dict[tuple[int, ...], set[int]] = {(): set()}
    for text in map("".join, chain_of_products(alphabet, length)):
        ids = judge.encode(text)
        for end, token in enumerate(ids):
            following.setdefault(ids[:end], set()).add(token)
        following.setdefault(ids, set())
    contexts = {(): rule.start}
    for head in sorted(following, key=len):
        if head:
            context = rule.advance(contexts[head[:-1]], head[-1])
            assert context is not None, f"incomplete: {head} {judge.spell(head)!r}"
            contexts[head] = context
        assert rule.may_end(contexts[head]) == judge.may_end(head), (head, judge.spell(head))
    short = [head for head in following if len(judge.spell(head)) <= 2]
    for head in Random(name).sample(short, min(30, len(short))):
        allowed = set(np.flatnonzero(tokenizer.allowed_next(head)).tolist())
        assert following[head] <= allowed
        for token in allowed - following[head]:
            assert judge.produces((*head, token), b""), (head, judge.spell(head), token, tokenizer.token_bytes(token))


def chain_of_products(alphabet: str, length: int) -> list[tuple[str, ...]]:
    return [chars for count in range(length + 1) for chars in product(alphabet, repeat=count)]


@pytest.mark.parametrize("name", NAMES)
def test_the_mask_says_what_advancing_does(made: Callable[[str], Made], name: str) -> None:
    tokenizer, _ = made(name)
    rule, random = tokenizer.canonical, Random(name)
    for _ in range(4):
        context = rule.start
        while context is not None:
            allowed = rule.allowed(context)
            assert not allowed.flags.writeable
            one_by_one = [rule.advance(context, int(token)) is not None for token in tokenizer.vocabulary.order]
            assert allowed.tolist() == one_by_one, context
            assert allowed.any(), f"no text goes on from {context}"
            token = int(tokenizer.vocabulary.order[random.choice(np.flatnonzero(allowed).tolist())])
            context = rule.advance(context, token) if random.random() < 0.8 else None


@settings(max_examples=40)
@given(
    choices=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=30),
    text=st.lists(st.sampled_from(SMALL), max_size=6).map("".join),
    pattern=st.sampled_from([r"'s|\w+|\s+(?!\S)|\s+|.", r"\d{1,2}(?=(?:\d\d)*(?!\d))|\D", r"(?<=a)\S+|\s?[^\s]"]),
)
def test_any_merges_and_any_text(
    tmp_path_factory: pytest.TempPathFactory, choices: list[tuple[int, int]], text: str, pattern: str
) -> None:
    description = byte_level(merges_of(LETTERS, choices), part({"Regex": pattern}))
    tokenizer = save(tmp_path_factory.mktemp("any"), description)
    assert counterexamples(Judge(tokenizer), text, range(len(text.encode()) + 1)) == []


def test_a_border_that_the_merges_forbid_is_a_dead_end(tmp_path: Path) -> None:
    """After ``'l`` the pattern demands another ``l``, which the merges would have taken in."""
    merges = [(b"'", b"l"), (b"'l", b"l")]
    tokenizer = save(tmp_path, byte_level(merges, part({"Regex": GPT2_PATTERN})))
    assert tokenizer.encode("'ll") == [257]
    assert tokenizer.encode("'lx") == [*b"'lx"]
    assert sorted(tokenizer.canonical_heads("'l")) == [((), b"'l"), ((39, 108), b"")]
    assert not tokenizer.allowed_next([])[256]
    with pytest.raises(ValueError, match="token 256 at place 0 may not follow"):
        tokenizer.allowed_next([256])


def test_byte_tokens_stand_only_for_characters_without_a_token(tmp_path: Path) -> None:
    tokenizer = save(tmp_path, sentencepiece("▁aé", [("▁", "a")]))
    byte = {value: tokenizer.token_named(f"<0x{value:02X}>") for value in range(256)}
    assert tokenizer.prefix == b" "
    first = tokenizer.allowed_next([tokenizer.token_named("▁") or 0])
    assert first[byte[0xC3]], "ë has no token"
    assert not first[byte[0x61]], "a has one"
    after = tokenizer.allowed_next([tokenizer.token_named("▁") or 0, byte[0xC3] or 0])
    assert after[byte[0xAB]]
    assert not after[byte[0xA9]], "é has one"
    assert not after[tokenizer.token_named("a") or 0], "a character is not finished"
