"""Byte tokenizers: transformers and bytelm read the same ids from them, the bytes of the text."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Encoder
from transformers import AutoTokenizer

import bytelm
from byteified.sources import source
from bytelm.byteified.byte_tokenizer import LAYOUTS, ByteTokenizer, Piece, byte_tokenizer, tokenizer_json
from bytelm.byteified.converting import byteify
from bytelm.byteified.source_tokens import SourceTokens

TEXTS = ["", "a é 日本\n", "e\u0301 😀\x00\r\n  x", "<|unused|> <eos", "\ufeff\u200b\x7f"]
NOTHING = SourceTokens({}, (), {}, (), (), ())
WORDS = ByteTokenizer(
    "tokenkit", (Piece("ab", False), Piece("abc", False), Piece("bcd", False), Piece("\n\n", False)), NOTHING
)


def make(folder: Path, body: str, layout: str, *, suffixes: bool = True) -> Path:
    byteify(source(folder, body), folder / "out", tokenizer=layout, suffixes=suffixes)  # type: ignore[arg-type]
    return folder / "out"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("body", ["llama", "qwen3", "gemma2"])
def test_ids_are_bytes(body: str, layout: str, tmp_path: Path) -> None:
    directory = make(tmp_path, body, layout, suffixes=False)
    theirs, ours = AutoTokenizer.from_pretrained(directory), bytelm.tokenizer(directory)
    for text in TEXTS:
        ids = list(text.encode())
        assert theirs(text, add_special_tokens=False)["input_ids"] == ids
        assert ours.encode(text) == ids
        assert theirs.decode(ids) == text
    assert [ours.token_bytes(byte) for byte in range(256)] == [bytes([byte]) for byte in range(256)]


def test_transformers_composes_characters_for_qwen2(tmp_path: Path) -> None:
    """It takes Qwen 2's own class for every model of that type, unless there are suffix embeddings."""
    plain = AutoTokenizer.from_pretrained(make(tmp_path / "plain", "qwen2", "bytes", suffixes=False))
    suffixed = AutoTokenizer.from_pretrained(make(tmp_path / "suffixed", "qwen2", "bytes"))
    assert plain("e\u0301 it's 12")["input_ids"] == list("é it's 12".encode())
    assert suffixed("e\u0301 it's 12")["input_ids"] == list("e\u0301 it's 12".encode())
    assert len(plain) == len(suffixed) == 259


def test_the_ids_of_llama(tmp_path: Path) -> None:
    """The special tokens that are needed, in the order of the source, and those of the published layout."""
    ours = bytelm.tokenizer(make(tmp_path / "bytes", "llama", "bytes"))
    wanted = ["eot_id", "begin_of_text", "start_header_id", "end_header_id"]
    assert [ours.special(f"<|{name}|>").token for name in wanted] == [256, 257, 258, 259]
    assert (ours.size, ours.begin_token, ours.end_token) == (260, 257, 256)
    theirs = AutoTokenizer.from_pretrained(make(tmp_path / "tokenkit", "llama", "tokenkit"))
    names = ["begin_of_text", "end_header_id", "end_of_text", "eot_id", "start_header_id"]
    assert theirs.convert_tokens_to_ids([f"<|{name}|>" for name in names]) == [256, 257, 258, 259, 260]
    assert theirs("assistantsystemuser\n\n")["input_ids"] == [256, 261, 262, 263, 264]
    assert theirs("username", add_special_tokens=False)["input_ids"] == [263, *b"name"]
    assert len(theirs) == 265


def test_the_ids_of_gemma(tmp_path: Path) -> None:
    theirs = AutoTokenizer.from_pretrained(make(tmp_path, "gemma2", "tokenkit"))
    names = ["<bos>", "<end_of_turn>", "<eos>", "<pad>", "<start_of_turn>"]
    assert theirs.convert_tokens_to_ids(names) == [256, 257, 258, 259, 260]
    assert theirs("modeluser\n\n")["input_ids"] == [256, 261, 262, 10, 10]
    assert len(theirs) == 263


def test_words_of_other_templates_are_derived(tmp_path: Path) -> None:
    theirs = AutoTokenizer.from_pretrained(make(tmp_path, "qwen3", "tokenkit"))
    assert theirs("assistantsystemusermodel")["input_ids"] == [259, 260, 261, *b"model"]
    assert theirs.convert_tokens_to_ids(["<|endoftext|>", "<|im_end|>", "<|im_start|>"]) == [256, 257, 258]


@pytest.mark.parametrize("body", ["llama", "qwen2", "gemma2"])
def test_begin_tokens_and_chats_are_those_of_the_source(body: str, tmp_path: Path) -> None:
    """A source that names no begin token takes its end token, and so does the byte model."""
    made = make(tmp_path, body, "bytes")
    first = next(tmp_path.glob(f"{body}-*"))
    before, after = AutoTokenizer.from_pretrained(first), AutoTokenizer.from_pretrained(made)
    chat = [{"role": "user", "content": "é <x>"}]
    texts = [one.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) for one in (before, after)]
    assert texts[0] == texts[1]
    ids = after.apply_chat_template(chat, add_generation_prompt=True)["input_ids"]
    assert after.decode(ids) == texts[0]
    for role in ("bos_token", "eos_token", "pad_token"):
        assert getattr(before, role) == getattr(after, role)
    added = [one.convert_ids_to_tokens(one("a")["input_ids"])[:-1] for one in (before, after)]
    assert added[0] == added[1]
    views = [bytelm.tokenizer(first), bytelm.tokenizer(made)]
    assert len({view.special(before.bos_token or before.eos_token).token == view.begin_token for view in views}) == 1


@settings(max_examples=60)
@given(st.text("abcd\nx", max_size=12))
def test_words_are_cut_as_the_library_cuts_them(text: str) -> None:
    encoder = Encoder.from_str(tokenizer_json(WORDS))
    assert list(WORDS.encode(text.encode())) == encoder.encode(text).ids


def test_an_unknown_layout() -> None:
    with pytest.raises(ValueError, match="unknown tokenizer 'letters'; choose one of bytes, tokenkit"):
        byte_tokenizer("letters", NOTHING)  # type: ignore[arg-type]
