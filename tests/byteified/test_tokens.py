"""The tokenizer of published byteified checkpoints, judged by the tokenizer itself, however its tokens are listed."""

import json
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from byteified.published import GEMMA_PIECES, LLAMA_PIECES, tokenizer_description
from bytelm.checking.proof import prove
from bytelm.checking.report import counterexample_lines
from bytelm.prompts import Special
from bytelm.tokens.tokenizer import Tokenizer
from tokens.tiny import save

PIECES = {"llama": LLAMA_PIECES, "gemma": GEMMA_PIECES}
TEXTS = [
    3 * "username assistant system\n\n\n\n\nmodeluserr usser models userassistantuser",
    "\n" * 9 + "assassistantsyssystem ususususer é日本",
]

every_listing = pytest.mark.parametrize("listed", ["nothing", "marks", "words", "all"])


@every_listing
@pytest.mark.parametrize("name", PIECES)
def test_it_is_followed(tmp_path: Path, name: str, listed: str) -> None:
    tokenizer = save(tmp_path, tokenizer_description(PIECES[name], listed))
    proof = prove(tokenizer, TEXTS, cuts=300, contexts=3, seed=len(listed))
    assert proof.holds, "\n".join(counterexample_lines(proof.counterexamples[0], tokenizer))
    assert tokenizer.kind == "byte-level Unigram"


@every_listing
def test_llama_ids(tmp_path: Path, listed: str) -> None:
    tokenizer = save(tmp_path, tokenizer_description(LLAMA_PIECES, listed))
    assert tokenizer.size == 265
    assert [tokenizer.token_bytes(byte) for byte in range(256)] == [bytes([byte]) for byte in range(256)]
    spelled = [b"", b"", b"", b"", b"", b"assistant", b"system", b"user", b"\n\n"]
    assert [tokenizer.token_bytes(token) for token in range(256, 265)] == spelled
    assert tokenizer.special("<|eot_id|>") == Special(259, "<|eot_id|>")
    assert tokenizer.encode("username") == [263, *b"name"]
    assert tokenizer.encode("a\n\n\nb") == [97, 10, 264, 98]
    assert tokenizer.canonical_heads(b"use") == [((), b"use"), ((*b"use",), b"")]
    assert not tokenizer.allowed_next(list(b"use"))[ord("r")]


@every_listing
def test_gemma_ids(tmp_path: Path, listed: str) -> None:
    tokenizer = save(tmp_path, tokenizer_description(GEMMA_PIECES, listed))
    assert tokenizer.size == 263
    assert [tokenizer.token_bytes(token) for token in range(256, 263)] == [b""] * 5 + [b"model", b"user"]
    assert tokenizer.encode("models\n\n") == [261, *b"s\n\n"]


@every_listing
def test_it_encodes_as_transformers_does(tmp_path: Path, listed: str) -> None:
    tokenizer = save(tmp_path, tokenizer_description(LLAMA_PIECES, listed))
    plain = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    for text in TEXTS:
        assert tokenizer.encode(text) == plain.encode(text, add_special_tokens=False)


def test_an_unknown_piece_that_never_comes_is_no_matter(tmp_path: Path) -> None:
    description = tokenizer_description(LLAMA_PIECES)
    description["model"]["unk_id"] = 0
    tokenizer = save(tmp_path, description)
    assert tokenizer.token_bytes(0) == b"\x00"
    assert tokenizer.encode("\x00user") == [0, 263]


def test_pieces_may_have_scores(tmp_path: Path) -> None:
    """The best segmentation, as ever, and of equally good ones that whose last piece starts first."""
    description = tokenizer_description(["ab", "bc", "abc", "Ã©", "cÃ"])
    for place, score in enumerate([-1.5, -0.25, -2.0, -0.5, -0.25]):
        description["model"]["vocab"][256 + place][1] = score
    for place in range(256):
        description["model"]["vocab"][place][1] = -1.0
    tokenizer = save(tmp_path, json.dumps(description))
    proof = prove(tokenizer, ["abcabcbcé cébcabé abab" * 4], cuts=200, contexts=4)
    assert proof.holds, "\n".join(counterexample_lines(proof.counterexamples[0], tokenizer))
    assert isinstance(tokenizer, Tokenizer)
