"""Small tokenizers made on the spot, and texts that are hard for them."""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Encoder

from bytelm.tokens.splitting import GPT2_PATTERN
from bytelm.tokens.tokenizer import Tokenizer
from bytelm.tokens.writing import byte_characters

CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
RIGHT_GROUPED = r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CASED = r"\p{Lu}?\p{Ll}+(?=\p{Lu}|\s|$)|\b\p{L}\B|[^\s]|\s+"

PATTERNS: dict[str, str] = {
    "gpt2": GPT2_PATTERN,
    "cl100k": CL100K,
    "o200k": O200K,
    "right-grouped": RIGHT_GROUPED,
    "cased": CASED,
    "no pattern": "",
}

PIECES = [
    *[" ", "  ", "\n", "\n\n", "\r\n", "\t", "1", "12", "1234", "a", "l", "s", "re", "the", "A", "The"],
    *["'", "'s", "'ll", "'re", "'LL", "'ſ", ".", "...", "!?", "_", "/", "é", "e\u0301", "ß", "Ǆ", "ǅ"],
    *["😀", "👩‍👧", "🇩🇪", "中文", "рус", "한", "ع", "हि", "٣", "²", "𝟎", "𐐀", "Ⅷ"],
    *["\u00a0", "\u3000", "\u2028", "\x00", "\x7f", "\x85", "\ufeff", "\u200d", "\U0010ffff"],
]
"""What adversarial texts are made of."""

CORPUS = (
    "The quick brown fox's tail, and we'll see they're 1234567 foxes!!\n\n  def f(x):\n    return x+1  # it's 12345\n"
    "été après déjà vu; naïve café. 中文 中文字 中国, 日本語 한국어 русский текст, नमस्ते ١٢٣ 😀😀"
    " 👩‍👧 🇩🇪\r\n\tlet the the the\n"
) * 3


def adversarial(random: Random, longest: int = 8, pieces: Sequence[str] = PIECES) -> str:
    """A random text of up to ``longest`` pieces; a few pieces come up again and again in it."""
    few = random.choices(pieces, k=random.randint(1, 4))
    return "".join(random.choices((*few, *few, random.choice(pieces)), k=random.randint(0, longest)))


def save(folder: Path, description: dict[str, Any] | str) -> Tokenizer:
    """The tokenizer that a ``tokenizer.json`` describes."""
    folder.mkdir(parents=True, exist_ok=True)
    text = description if isinstance(description, str) else json.dumps(description)
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    return Tokenizer(folder)


def trained(folder: Path, pattern: str, size: int = 400) -> Tokenizer:
    """A byte-level BPE trained on :data:`CORPUS`."""
    encoder = Encoder(models.BPE())
    mapping = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    split = [pre_tokenizers.Split(Regex(pattern), "isolated")] if pattern else []
    encoder.pre_tokenizer = pre_tokenizers.Sequence([*split, mapping])
    encoder.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    encoder.train_from_iterator(
        [CORPUS], trainers.BpeTrainer(vocab_size=size, show_progress=False, initial_alphabet=alphabet)
    )
    return save(folder, encoder.to_str())


def byte_level(
    merges: Sequence[tuple[bytes, bytes]], pre_tokenizer: dict[str, Any] | None = None, **model: Any
) -> dict[str, Any]:
    """The description of a byte-level BPE with all 256 bytes and these merges."""
    written = byte_characters()
    pairs = [tuple("".join(written[byte] for byte in part) for part in pair) for pair in merges]
    names = dict.fromkeys([*written, *(left + right for left, right in pairs)])
    mapping = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    parts = [pre_tokenizer, mapping] if pre_tokenizer else [mapping]
    return {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": parts},
        "decoder": mapping,
        "model": {
            "type": "BPE",
            "vocab": {name: i for i, name in enumerate(names)},
            "merges": [list(pair) for pair in pairs],
            **model,
        },
    }


def added(token: int, content: str, special: bool = True) -> dict[str, Any]:
    """The entry of an added token."""
    flags = dict.fromkeys(("normalized", "single_word", "lstrip", "rstrip"), False)
    return {"id": token, "content": content, "special": special, **flags}


def sentencepiece(characters: str, merges: Sequence[tuple[str, str]], prepend: bool = True) -> dict[str, Any]:
    """The description of a SentencePiece-style BPE: characters, merges, byte fallback, a mark before the text."""
    mark = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    first = [{"type": "Prepend", "prepend": "▁"}] if prepend else []
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    names += [left + right for left, right in merges]
    names += characters
    return {
        "version": "1.0",
        "added_tokens": [added(i, name) for i, name in enumerate(names[:3])],
        "normalizer": {"type": "Sequence", "normalizers": [*first, mark]},
        "pre_tokenizer": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "unk_token": "<unk>",
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": {name: i for i, name in enumerate(dict.fromkeys(names))},
            "merges": [list(pair) for pair in merges],
        },
    }


def random_merges(random: Random, atoms: Sequence[Any], count: int, longest: int = 6) -> list[tuple[Any, Any]]:
    """Merges that no training would choose: of any two parts made so far, in any order, often several for a token."""
    drawn = [(random.randrange(10**6), random.randrange(10**6)) for _ in range(count)]
    return merges_of(atoms, drawn, longest)


def merges_of(
    atoms: Sequence[Any], choices: Sequence[tuple[int, int]], longest: int = 6, ordered: bool = True
) -> list[tuple[Any, Any]]:
    """Merges of two parts each that numbers choose; if ``ordered``, a token's merges come before those that use it."""
    parts, used, merges = list(atoms), set(atoms), {}
    for i, k in choices:
        left, right = parts[i % len(parts)], parts[k % len(parts)]
        if len(left + right) <= longest and not (ordered and left + right in used):
            merges[left, right] = None
            used |= {left, right}
            parts += [] if left + right in parts else [left + right]
    return list(merges)
