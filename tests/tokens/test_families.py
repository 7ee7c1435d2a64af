"""Tokenizers of every family against their own ``encode``: complete and sound, at cuts and in masks."""

from pathlib import Path
from random import Random

import pytest
from tokenizers import Tokenizer as Encoder
from tokenizers import decoders, models, pre_tokenizers, trainers

from bytelm.checking.proof import prove
from bytelm.checking.report import counterexample_lines
from bytelm.tokens.tokenizer import Tokenizer
from tokens.families import FAMILIES, byte_level, draw_cutting
from tokens.tiny import CORPUS, added, save


def check(tokenizer: Tokenizer, seed: int, cuts: int = 150, contexts: int = 2) -> None:
    proof = prove(tokenizer, cuts=cuts, contexts=contexts, seed=seed)
    assert proof.holds, "\n".join(counterexample_lines(proof.counterexamples[0], tokenizer))
    assert proof.cuts >= cuts
    assert proof.masks == contexts
    assert proof.passed_over <= 20 * proof.texts


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family(tmp_path: Path, name: str) -> None:
    check(save(tmp_path, FAMILIES[name]()), seed=len(name))


@pytest.mark.parametrize("seed", range(12))
def test_patterns_that_nobody_has_seen(tmp_path: Path, seed: int) -> None:
    """Any pattern works; the borders are the tokenizer's own."""
    encoder = Encoder(models.BPE())
    encoder.pre_tokenizer = pre_tokenizers.Sequence(draw_cutting(Random(seed)))
    encoder.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=350, show_progress=False, initial_alphabet=alphabet)
    encoder.train_from_iterator([CORPUS], trainer)
    check(save(tmp_path, encoder.to_str()), seed)


def test_an_added_token_that_the_vocabulary_has_keeps_its_id(tmp_path: Path) -> None:
    description = byte_level("gpt2")
    names = description["model"]["vocab"]
    word = next(name for name in names if len(name) > 1 and name.isascii() and name.isalpha())
    description["added_tokens"] = [added(len(names) + 5, word, special=False)]
    tokenizer = save(tmp_path, description)
    assert tokenizer.encode(word) == [names[word]]
    assert tokenizer.token_named(word) == names[word]
    check(tokenizer, 1)


def test_what_is_put_before_a_section(tmp_path: Path) -> None:
    """Behind an added token the tokenizer begins anew, with its prefix, and nothing else may follow."""
    tokenizer = save(tmp_path, FAMILIES["sentencepiece, added"]())
    token = tokenizer.token_named("<x>")
    assert token is not None
    ids = tokenizer.encode("a<x>  b")
    assert token in ids
    following = tokenizer.allowed_next(ids[: ids.index(token) + 1])
    assert all(tokenizer.token_bytes(t)[:1] in (b" ", b"<") for t in range(tokenizer.size) if following[t])
    assert tokenizer.normalize("a<x>  b") == b"a<x> b", "the token swallows the spaces behind it"


@pytest.mark.parametrize(
    ("name", "text", "seen"),
    [
        ("byte-level, NFC", "e\u0301 ﬁ", "é ﬁ"),
        ("byte-level, NFKC", "e\u0301 ﬁ", "é fi"),
        ("byte-level, NFD", "é", "e\u0301"),
        ("byte-level, no accents", "ÉTÉ", "ete"),
        ("byte-level, single spaces", "a   b", "a b"),
        ("byte-level, stripped", "  a ", "a"),
        ("byte-level, prefix", " a", "a"),
        ("byte-level, prefix", "a", "a"),
        ("sentencepiece, prepended", " a", " a"),
        ("sentencepiece, prepended", "▁a", " a"),
        ("sentencepiece, always", " a", "a"),
        ("unigram, words", " a \n b", "a b"),
        ("word piece, lower case", "Don't!", "don ' t !"),
        ("word piece, lower case", "中文", "中 文"),
    ],
)
def test_what_the_tokenizer_sees(tmp_path: Path, name: str, text: str, seen: str) -> None:
    tokenizer = save(tmp_path, FAMILIES[name]())
    assert tokenizer.normalize(text) == seen.encode()
    spelled = list(map(tokenizer.token_bytes, tokenizer.encode(text)))
    assert b"".join(spelled) == tokenizer.prefix + seen.encode()


def test_what_normalizing_changes_is_never_allowed(tmp_path: Path) -> None:
    tokenizer = save(tmp_path, byte_level("gpt2", "NFC"))
    assert tokenizer.canonical_heads("é")
    assert not tokenizer.canonical_heads("e\u0301")
    assert tokenizer.canonical_heads("q\u0301")
    assert not tokenizer.canonical_heads("q\u0323\u0307\u0323"), "marks out of order"
    assert not tokenizer.canonical_heads("\u212b"), "the sign for an Ångström is seen as the letter"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"single_word": True}, r"added token '<y>' stands only for whole words \(single_word\)"),
        ({"normalized": True, "content": "  "}, "the normalizer replaces characters around the added token ' '"),
        ({"content": "end"}, r"'end' is looked for only where the special token '<\|endoftext\|>' does not stand"),
        ({"content": "|>x"}, r"'\|>x' is looked for only where the special token '<\|endoftext\|>' does not stand"),
    ],
)
def test_added_tokens_that_cannot_be_followed(tmp_path: Path, change: dict[str, bool | str], message: str) -> None:
    description = byte_level("gpt2", "single spaces")
    size = len(description["model"]["vocab"])
    entries = [added(size, "<y>", special=False) | change, added(size + 1, "<|endoftext|>")]
    description["added_tokens"] = entries
    tokenizer = save(tmp_path, description)
    with pytest.raises(ValueError, match=message + r'.*segmentation="all"'):
        tokenizer.allowed_next([])
    assert tokenizer.every is not None


def test_dropout_and_unknown_normalizers_cannot_be_followed(tmp_path: Path) -> None:
    description = byte_level("gpt2")
    description["model"]["dropout"] = 0.1
    with pytest.raises(ValueError, match="drops merges at random"):
        save(tmp_path / "dropout", description).allowed_next([])
    description = byte_level("gpt2") | {"normalizer": {"type": "ByteLevel"}}
    with pytest.raises(ValueError, match="a normalizer 'ByteLevel' that bytelm cannot follow; it follows BertNorm"):
        save(tmp_path / "normalizer", description).allowed_next([])


@pytest.mark.parametrize(
    ("normalizer", "message"),
    [
        (
            {"type": "Replace", "pattern": {"String": "  "}, "content": " "},
            "the normalizer makes '  ' of '   ' and changes that again",
        ),
        (
            {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"},
            "the normalizer makes 'aa' of 'a' and changes that again",
        ),
        (
            {
                "type": "BertNormalizer",
                "clean_text": True,
                "handle_chinese_chars": True,
                "strip_accents": None,
                "lowercase": False,
            },
            "puts spaces around Chinese characters, and the pre-tokenizer does not take them out",
        ),
    ],
)
def test_normalizers_that_cannot_be_followed(tmp_path: Path, normalizer: dict[str, object], message: str) -> None:
    tokenizer = save(tmp_path, byte_level("gpt2") | {"normalizer": normalizer})
    with pytest.raises(ValueError, match=message + r'.*segmentation="all"'):
        tokenizer.allowed_next([])


def test_a_piece_with_a_space_that_no_text_yields(tmp_path: Path) -> None:
    """Where spaces are written as marks, a piece with a real space is never found, though its bytes are the same."""
    for name in ("unigram, always", "sentencepiece, always"):
        description = FAMILIES[name]()
        names = description["model"]["vocab"]
        if name.startswith("unigram"):
            names.append([" ", -0.5])
        else:
            names[" "] = len(names)
        tokenizer = save(tmp_path / name, description)
        mark = tokenizer.token_named("▁")
        real = tokenizer.token_named(" ")
        assert mark is not None
        assert real is not None
        assert tokenizer.token_bytes(mark) == tokenizer.token_bytes(real) == b" "
        first = tokenizer.allowed_next([])
        assert first[mark]
        assert not first[real]
        check(tokenizer, 5, cuts=100, contexts=1)


def test_unigram_without_marks(tmp_path: Path) -> None:
    description = FAMILIES["unigram, never, whole"]() | {"pre_tokenizer": None, "decoder": None}
    description["model"]["vocab"] += [[" ", -3.0]]
    tokenizer = save(tmp_path, description)
    assert tokenizer.normalize("▁ a") == "▁ a".encode()
    check(tokenizer, 3)


def test_the_families_are_what_they_say(tmp_path: Path) -> None:
    kinds = {
        "byte-level, gpt2": "byte-level BPE",
        "sentencepiece, gemma": "BPE over characters with byte fallback",
        "sentencepiece, lossy": "BPE over characters",
        "unigram, words": "Unigram",
        "word piece": "WordPiece",
    }
    assert {name: save(tmp_path / name, FAMILIES[name]()).kind for name in kinds} == kinds
