"""Special tokens: found by name, in texts as the tokenizer itself finds them, and by their use."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tokenizers import Tokenizer as Encoder

from bytelm.prompts import Prompt, Special
from bytelm.tokens.infilling import SPELLINGS, InfillTokens
from bytelm.tokens.tokenizer import Tokenizer
from tokens.tiny import added, byte_level, save, sentencepiece

START, STOP, CALL, WIDE = "<|im_start|>", "<|im_end|>", "<tool_call>", "<wide>"


def with_specials(description: dict[str, Any], *contents: str, special: bool = True) -> dict[str, Any]:
    """The same tokenizer with added tokens behind its vocabulary."""
    taken = [*description["model"]["vocab"].values(), *(entry["id"] for entry in description["added_tokens"])]
    first = 1 + max(taken)
    entries = [added(first + i, content, special) for i, content in enumerate(contents)]
    return description | {"added_tokens": [*description["added_tokens"], *entries]}


def encoder_of(tokenizer: Tokenizer) -> Encoder:
    """The tokenizer as its own library has it, which recognises special tokens."""
    return Encoder.from_file(str(tokenizer.directory / "tokenizer.json"))


@pytest.fixture(params=["byte-level", "sentencepiece"])
def tokenizer(tmp_path: Path, request: pytest.FixtureRequest) -> Tokenizer:
    merges = [(b"a", b"b"), (b" ", b"a")]
    plain = byte_level(merges) if request.param == "byte-level" else sentencepiece("▁abc\n", [("a", "b"), ("▁", "a")])
    description = with_specials(with_specials(plain, START, STOP, WIDE), CALL, "   ", special=False)
    entries = {entry["content"]: entry for entry in description["added_tokens"]}
    entries[WIDE].update(lstrip=True, rstrip=True)
    return save(tmp_path, description)


def test_special_tokens_by_name(tokenizer: Tokenizer) -> None:
    found = tokenizer.special(START)
    assert found == Special(tokenizer.token_named(START) or 0, START)
    assert tokenizer.special(CALL).token == found.token + 3


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("<|im_strat|>", r"did you mean '<\|im_start\|>'"),
        ("im_end", r"did you mean '<\|im_end\|>'"),
        ("qqqqqq", r"it has '<.*' …"),
        ("a", "it has '"),
        ("   ", "it has '"),
    ],
)
def test_a_special_token_that_is_not_there(tokenizer: Tokenizer, content: str, hint: str) -> None:
    with pytest.raises(ValueError, match=f"the tokenizer has no special token {content!r}; {hint}".replace("|", r"\|")):
        tokenizer.special(content)


def test_a_tokenizer_without_special_tokens(tmp_path: Path) -> None:
    tokenizer = save(tmp_path, byte_level([]))
    assert tokenizer.parse("a <|im_end|>") == Prompt("a <|im_end|>")
    with pytest.raises(ValueError, match=r"no special token '<s>'; it has none at all"):
        tokenizer.special("<s>")


def test_special_tokens_that_the_model_does_not_have(tokenizer: Tokenizer) -> None:
    cut = Tokenizer(tokenizer.directory, size=tokenizer.special(STOP).token)
    assert cut.special(START) == tokenizer.special(START)
    with pytest.raises(ValueError, match="no special token"):
        cut.special(STOP)
    assert cut.parse(STOP) == Prompt(STOP)


def test_parsing_by_hand(tokenizer: Tokenizer) -> None:
    start, stop, call, wide = map(tokenizer.special, (START, STOP, CALL, WIDE))
    assert tokenizer.parse("") == Prompt()
    assert tokenizer.parse("a   b") == Prompt("a   b"), "added runs of spaces are text"
    assert tokenizer.parse(f"{START}é{STOP}\n") == Prompt(start, "é", stop, "\n")
    assert tokenizer.parse(f" {CALL}{CALL} <|im_start|".encode()) == Prompt(" ", call, call, " <|im_start|")
    assert tokenizer.parse(f"a {WIDE}  b") == Prompt("a", wide, "b"), "it takes in the spaces beside it"
    with pytest.raises(ValueError, match="valid UTF-8 only; byte 1 of the text is not"):
        tokenizer.parse(b"a\xff")


def test_parsing_gives_the_tokens_of_the_tokenizer_itself(tokenizer: Tokenizer) -> None:
    """Each stretch of text cut by itself, and the special tokens between: what the whole text is encoded as."""
    encoder, random, seen = encoder_of(tokenizer), Random(0), set()
    for _ in range(400):
        text = "".join(random.choices(["a", "ab", " ", "  ", "b", "\n", START, STOP, CALL, WIDE, "<|im"], k=8))
        if f"{WIDE}   " in text.replace("\n", " "):
            continue  # the library reads spaces twice that are a token and that the token before takes in
        parts = tokenizer.parse(text).parts
        cut = [[part.token] if isinstance(part, Special) else tokenizer.encode(part) for part in parts]
        assert [token for tokens in cut for token in tokens] == encoder.encode(text, add_special_tokens=False).ids
        seen.add(len(parts))
    assert len(seen) > 5


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("special", [True, False])
def test_tokens_for_filling_a_gap(spelling: tuple[str, str, str], special: bool, tmp_path: Path) -> None:
    tokenizer = save(tmp_path, with_specials(byte_level([]), *sorted(spelling), special=special))
    assert tokenizer.fim_tokens == InfillTokens(*map(tokenizer.special, spelling))


def test_no_tokens_for_filling_a_gap(tmp_path: Path) -> None:
    """Two of three are none; nor do two spellings together make one."""
    prefix, suffix, _ = SPELLINGS[0]
    tokenizer = save(tmp_path, with_specials(byte_level([]), prefix, suffix, SPELLINGS[1][2]))
    assert tokenizer.fim_tokens is None


FILLING = {
    "tokenizers/qwen2.5": (151659, 151661, 151660),
    "tokenizers/mistral-v3": (11, 13, 12),
    "tokenizers/llama3": None,
    "tokenizers/gpt2": None,
}


@pytest.mark.parametrize("folder", FILLING)
def test_tokens_for_filling_a_gap_of_real_tokenizers(folder: str, shared: Path) -> None:
    found = Tokenizer(shared / "data" / folder).fim_tokens
    assert (None if found is None else tuple(special.token for special in found)) == FILLING[folder]


@pytest.mark.parametrize("folder", ["qwen2.5", "llama3", "llama2", "mistral-v3", "gpt-neox-20b"])
def test_parsing_with_real_tokenizers(folder: str, shared: Path) -> None:
    tokenizer, random = Tokenizer(shared / "data" / "tokenizers" / folder), Random(0)
    entries = json.loads((tokenizer.directory / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    specials = [entry["content"] for entry in random.choices(entries, k=6) if not entry["content"].isspace()]
    encoder = encoder_of(tokenizer)
    for _ in range(60):
        text = "".join(random.choices([*specials, "user", "\n", " the", "é日 ", "    ", "e\u0301", "12345", "'s"], k=9))
        parts = tokenizer.parse(text).parts
        cut = [[part.token] if isinstance(part, Special) else tokenizer.encode(part) for part in parts]
        assert [token for tokens in cut for token in tokens] == encoder.encode(text, add_special_tokens=False).ids


def test_the_bundled_model_fills_gaps() -> None:
    from bytelm.loading import tokenizer

    found = tokenizer().fim_tokens
    assert found is not None
    assert [special.content for special in found] == ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]
