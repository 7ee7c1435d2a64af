"""Tokenizers of tiktoken and Tekken files, without conversion, against tiktoken itself."""

import base64
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import tiktoken

import bytelm
from bytelm.checking.proof import prove
from bytelm.tokens.tiktoken import PATTERNS
from bytelm.tokens.tokenizer import Tokenizer
from tokens.tiny import PIECES, adversarial, trained

TEKKEN_PATTERN = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[bytes, int]:
    """The tokens of a byte-pair encoding in the order in which they were made, as ranks."""
    made = trained(tmp_path_factory.mktemp("trained"), "", size=700)
    single = [bytes([byte]) for byte in range(256)]
    longer = [made.token_bytes(token) for token in range(256, made.size)]
    return {data: rank for rank, data in enumerate(dict.fromkeys([*single, *longer]))}


def encoding(ranks: dict[bytes, int], pattern: str) -> tiktoken.Encoding:
    special = {"<|endoftext|>": len(ranks)}
    return tiktoken.Encoding("made", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)


def lines(ranks: dict[bytes, int]) -> bytes:
    return b"".join(base64.b64encode(data) + b" %d\n" % rank for data, rank in ranks.items())


@pytest.mark.parametrize("name", ["gpt2", "cl100k_base", "o200k_base"])
def test_an_encoding_is_proved_against_itself(ranks: dict[bytes, int], name: str) -> None:
    own = encoding(ranks, PATTERNS[name])
    tokenizer = bytelm.tokenizer(own)
    assert tokenizer.kind == "tiktoken made"
    assert tokenizer.end_token == tokenizer.begin_token == len(ranks)
    assert tokenizer.special("<|endoftext|>").token == len(ranks)
    proof = prove(tokenizer, cuts=200, contexts=2)
    assert proof.holds, proof.counterexamples[0]
    assert tokenizer.encode("naïve <|endoftext|>") == own.encode_ordinary("naïve <|endoftext|>")


@pytest.mark.parametrize("name", ["r50k_base", "cl100k_base", "o200k_base"])
def test_a_file_encodes_as_tiktoken_does(ranks: dict[bytes, int], name: str, tmp_path: Path) -> None:
    """Our slow encoder for files, which have no library of their own, against tiktoken."""
    (tmp_path / f"{name}.tiktoken").write_bytes(lines(ranks))
    tokenizer, own, random = bytelm.tokenizer(tmp_path), encoding(ranks, PATTERNS[name]), Random(name)
    for _ in range(300):
        text = adversarial(random, pieces=[*PIECES, "thequick", "they're", "   \n"])
        assert tokenizer.encode(text) == own.encode_ordinary(text), text
    assert tokenizer.token_named("<|endoftext|>") is None
    longer = max((data for data in ranks if data.isalpha()), key=len)
    assert tokenizer.token_named(longer.decode()) == ranks[longer]


def test_a_file_needs_its_pattern(ranks: dict[bytes, int], tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(lines(ranks))
    with pytest.raises(
        ValueError, match=r"not the pattern that texts are cut by, and 'tokenizer\.model' is not one of"
    ):
        bytelm.tokenizer(tmp_path)
    tokenizer = bytelm.tokenizer(tmp_path, pattern=r"\p{L}+|\P{L}")
    own = encoding(ranks, r"\p{L}+|\P{L}")
    assert tokenizer.encode("the quick 12") == own.encode_ordinary("the quick 12")
    assert tokenizer.canonical_heads("qu")


def tekken(ranks: dict[bytes, int], **changes: Any) -> dict[str, Any]:
    entries = [
        {"rank": rank, "token_bytes": base64.b64encode(data).decode(), "token_str": None}
        for data, rank in ranks.items()
    ]
    config = {
        "pattern": TEKKEN_PATTERN,
        "default_vocab_size": 400 + 10,
        "default_num_special_tokens": 10,
        "version": "v3",
    }
    special = [{"rank": rank, "token_str": name} for rank, name in enumerate(("<unk>", "<s>", "</s>", "[INST]"))]
    return {"config": config | changes, "vocab": entries, "special_tokens": special}


def test_a_tekken_file(ranks: dict[bytes, int], tmp_path: Path) -> None:
    """Special tokens come first, and not all of the listed tokens are in the vocabulary."""
    (tmp_path / "tekken.json").write_text(json.dumps(tekken(ranks)))
    tokenizer = Tokenizer(tmp_path)
    kept = {data: rank for data, rank in ranks.items() if rank < 400}
    own = encoding(kept, TEKKEN_PATTERN)
    assert tokenizer.size == 410
    assert (tokenizer.begin_token, tokenizer.end_token) == (1, 2)
    assert tokenizer.special("[INST]").token == 3
    assert tokenizer.encode("it's 12") == [10 + token for token in own.encode_ordinary("it's 12")]
    assert prove(tokenizer, cuts=100, contexts=1).holds


def test_tokens_that_the_model_lacks_are_left_out(ranks: dict[bytes, int], tmp_path: Path) -> None:
    (tmp_path / "tekken.json").write_text(json.dumps(tekken(ranks)))
    assert Tokenizer(tmp_path, size=350).size == 350
    (tmp_path / "cl100k_base.tiktoken").write_bytes(lines(ranks))
    assert Tokenizer(tmp_path / "cl100k_base.tiktoken", size=300).size == 300


def test_a_pattern_is_for_files_of_tiktoken(ranks: dict[bytes, int], tmp_path: Path) -> None:
    (tmp_path / "tekken.json").write_text(json.dumps(tekken(ranks)))
    with pytest.raises(
        ValueError, match=r"pattern='x' is for files of tiktoken, which do not hold one; .*tekken\.json"
    ):
        bytelm.tokenizer(tmp_path, pattern="x")
    with pytest.raises(ValueError, match="an encoding holds its own"):
        bytelm.tokenizer(encoding(ranks, PATTERNS["gpt2"]), pattern="x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"YQ== x\n", r"line 1: expected a token in base64 and its rank, got b'YQ== x'"),
        (b"YQ== 0\n***\n", "line 2: expected a token in base64"),
        (b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02", "holds a SentencePiece model"),
    ],
)
def test_files_that_are_none(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        bytelm.tokenizer(tmp_path, pattern=".")


def test_tekken_files_that_are_none(ranks: dict[bytes, int], tmp_path: Path) -> None:
    path = tmp_path / "tekken.json"
    path.write_text(json.dumps({"config": {}}))
    with pytest.raises(ValueError, match=r"is not a Tekken tokenizer: KeyError\('default_num_special_tokens'\)"):
        bytelm.tokenizer(path)


def test_something_else_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"expected a path or a tiktoken\.Encoding, got int"):
        bytelm.tokenizer(7)  # type: ignore[arg-type]
