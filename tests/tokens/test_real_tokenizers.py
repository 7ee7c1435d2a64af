"""Tokenizers of real models against their own ``encode``; skipped where the shared data is not."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

from bytelm.checking.counterexamples import counterexamples
from bytelm.checking.judge import Judge
from bytelm.tokens.tokenizer import Tokenizer
from tokens.tiny import adversarial

FOLDERS = [
    *("models/stories260K", "models/smollgpt-wine", "models/pycode-bpe4k"),
    *(
        f"tokenizers/{name}"
        for name in ("gpt2", "gpt-neox-20b", "qwen2.5", "llama3", "llama2", "mistral-v1", "mistral-v3")
    ),
    *(f"tokenizers/{name}" for name in ("pegasus-unigram", "bert-uncased", "tinystories-8k-lossy", "rwkv-world")),
]
CUTS = 200


@pytest.fixture(scope="module")
def texts(shared: Path) -> list[str]:
    corpora = shared / "data" / "corpora"
    found = [path.read_text(encoding="utf-8") for path in sorted(corpora.rglob("*.txt"))]
    stories = json.loads((corpora / "tinystories" / "tinystories_1000.json").read_text(encoding="utf-8"))
    return [*found, "\n".join(map(str, stories))]


@pytest.fixture(scope="module", params=FOLDERS)
def tokenizer(shared: Path, request: pytest.FixtureRequest) -> Tokenizer:
    return Tokenizer(shared / "data" / request.param)


def test_heads_are_complete_and_sound_at_random_cuts(tokenizer: Tokenizer, texts: list[str]) -> None:
    judge, random, cuts = Judge(tokenizer), Random(2), 0
    while cuts < CUTS:
        text = random.choice(texts)
        start = random.randrange(len(text))
        piece = text[start : start + random.randint(1, 30)] if random.random() < 0.6 else adversarial(random)
        if not judge.spells(piece):
            continue  # a lossy vocabulary
        assert counterexamples(judge, piece, range(len(piece.encode()) + 2)) == []
        cuts += len(piece.encode()) + 1


def test_tokens_spell_what_the_tokenizer_sees(tokenizer: Tokenizer, texts: list[str]) -> None:
    for text in texts:
        ids = tokenizer.encode(text[:2000])
        if all(map(tokenizer.token_bytes, ids)):  # no unknown ones
            assert b"".join(map(tokenizer.token_bytes, ids)) == tokenizer.prefix + tokenizer.normalize(text[:2000])


def test_the_mask_says_what_advancing_does(tokenizer: Tokenizer, texts: list[str]) -> None:
    rule, random = tokenizer.canonical, Random(5)
    context = rule.start
    for token in tokenizer.encode(random.choice(texts)[:60].replace("▁", ""))[:6]:
        advanced = rule.advance(context, token)
        assert advanced is not None
        context = advanced
        allowed = rule.allowed(context)
        sample = random.sample(range(tokenizer.vocabulary.size), 400)
        one_by_one = [rule.advance(context, int(tokenizer.vocabulary.order[index])) is not None for index in sample]
        assert allowed[np.array(sample)].tolist() == one_by_one
