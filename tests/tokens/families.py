"""Tokenizers of every family, made on the spot: what they are, by name."""

import json
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Encoder

from tokens.tiny import CL100K, CORPUS, O200K, PATTERNS, added

Description = dict[str, Any]

TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK_V3 = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _split(pattern: str, behavior: str = "isolated") -> Any:
    return pre_tokenizers.Split(Regex(pattern), behavior)


MAPPING = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)

CUTTING: dict[str, list[Any]] = {
    **{name: [_split(pattern), MAPPING] if pattern else [MAPPING] for name, pattern in PATTERNS.items()},
    "qwen": [_split(CL100K.replace(r"\p{N}{1,3}", r"\p{N}")), MAPPING],
    "tekken": [_split(TEKKEN), MAPPING],
    "kimi": [_split(r"[\p{Han}]+|" + O200K), MAPPING],
    "bloom": [_split(r" ?[^(\s|[.,!?…。，、।۔،])]+"), MAPPING],
    "deepseek-v3": [_split(r"\p{N}{1,3}"), _split("[一-龥\u3040-ゟ゠-ヿ]+"), _split(DEEPSEEK_V3), MAPPING],
    "deepseek-coder": [
        *(_split(pattern) for pattern in ("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+")),
        *(pre_tokenizers.Digits(individual_digits=True), MAPPING),
    ],
    "starcoder": [pre_tokenizers.Digits(individual_digits=True), GPT2],
    "runs of digits": [pre_tokenizers.Digits(individual_digits=False), GPT2],
    "punctuation": [pre_tokenizers.Punctuation("contiguous"), GPT2],
    "punctuation goes before": [pre_tokenizers.Punctuation("merged_with_previous"), MAPPING],
    "space goes before": [_split(r"\s", "merged_with_next"), MAPPING],
    "counted letters": [_split(r"'s|\p{L}{1,8}| ?\p{P}{1,2}|\s"), MAPPING],
    "prefix": [pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)],
    "prefix, no pattern": [pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)],
}
"""Pre-tokenizers of byte-level tokenizers."""

NORMALIZING: dict[str, Any] = {
    "NFC": normalizers.NFC(),
    "NFD": normalizers.NFD(),
    "NFKC": normalizers.NFKC(),
    "lower case": normalizers.Lowercase(),
    "no accents": normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()]),
    "single spaces": normalizers.Replace(Regex(" {2,}"), " "),
    "stripped": normalizers.Strip(),
    "straight quotes": normalizers.Sequence([normalizers.Replace("''", '"'), normalizers.NFC()]),
    "Nmt": normalizers.Nmt(),
}

ADDED: dict[str, list[tuple[str, dict[str, bool]]]] = {
    "runs of spaces": [("  ", {}), ("   ", {}), ("\n\n", {})],
    "runs of spaces, normalized": [("  ", {"normalized": True}), ("   ", {"normalized": True})],
    "overlapping": [("<x>", {}), ("<x>a", {}), ("a b", {}), ("b<", {})],
    "swallowing": [("<x>", {"rstrip": True}), ("<|fim|>", {"lstrip": True, "rstrip": True})],
}
"""Added tokens that are not special, with the flags that are set."""

WRITTEN = ["always", "always, whole", "first", "first, whole", "never", "never, whole", "prepended", "gemma"]
"""How SentencePiece tokenizers are written down: what Metaspace prepends and whether it splits, or a normalizer."""


def byte_level(cutting: str, normalizing: str = "", *, lossy: bool = False, whole: bool = False) -> Description:
    """A trained byte-level BPE."""
    encoder = Encoder(models.BPE(ignore_merges=whole))
    encoder.pre_tokenizer = pre_tokenizers.Sequence(CUTTING[cutting])
    encoder.decoder = decoders.ByteLevel()
    if normalizing:
        encoder.normalizer = NORMALIZING[normalizing]
    alphabet = [] if lossy else pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=420, show_progress=False, initial_alphabet=alphabet)
    encoder.train_from_iterator([CORPUS], trainer)
    description: Description = json.loads(encoder.to_str())
    names = description["model"]["vocab"]
    for word in (" thequick", "1234567", "xyz", "été") if whole else ():
        names.setdefault(MAPPING.pre_tokenize_str(word)[0][0], len(names))
    return description


def sentencepiece(written: str, normalizing: str = "", *, by_bytes: bool = True) -> Description:
    """A trained BPE over characters, with byte fallback if asked, else lossy."""
    encoder = Encoder(models.BPE(byte_fallback=by_bytes, unk_token="<unk>", fuse_unk=True))
    first = [NORMALIZING[normalizing]] if normalizing else []
    if written == "prepended":
        marks = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        encoder.normalizer = normalizers.Sequence([*first, *marks])
    elif written == "gemma":
        encoder.normalizer = normalizers.Sequence([*first, normalizers.Replace(" ", "▁")])
        encoder.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    else:
        scheme, _, whole = written.partition(", ")
        encoder.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=not whole)
        encoder.normalizer = first[0] if first else None
    encoder.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=200, show_progress=False, special_tokens=["<unk>", "<s>"], limit_alphabet=45
    )
    encoder.train_from_iterator([CORPUS] * 3, trainer)
    description: Description = json.loads(encoder.to_str())
    names = description["model"]["vocab"]
    for byte in range(256) if by_bytes else ():
        names[f"<0x{byte:02X}>"] = len(names)
    return description


def unigram(written: str, normalizing: str = "", *, by_bytes: bool = False) -> Description:
    """A trained Unigram; ``written`` may also be ``"words"``, as Pegasus is."""
    encoder = Encoder(models.Unigram())
    if written == "words":
        encoder.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    else:
        scheme, _, whole = written.partition(", ")
        encoder.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=not whole)
    if normalizing:
        encoder.normalizer = NORMALIZING[normalizing]
    encoder.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=160, show_progress=False, special_tokens=["<unk>", "</s>"], unk_token="<unk>"
    )
    encoder.train_from_iterator([CORPUS] * 3, trainer)
    description: Description = json.loads(encoder.to_str())
    if by_bytes:
        description["model"]["byte_fallback"] = True
        description["model"]["vocab"] += [[f"<0x{byte:02X}>", -20.0] for byte in range(256)]
    return description


def word_piece(*, lower: bool, longest: int = 100) -> Description:
    """A trained WordPiece, as BERT's is."""
    encoder = Encoder(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=longest))
    encoder.normalizer = normalizers.BertNormalizer(lowercase=lower)
    encoder.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    encoder.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=200, show_progress=False, special_tokens=["[UNK]", "[CLS]"])
    encoder.train_from_iterator([CORPUS], trainer)
    description: Description = json.loads(encoder.to_str())
    return description


def with_added(description: Description, name: str) -> Description:
    """The same with added tokens."""
    names = description["model"]["vocab"]
    listed = description["added_tokens"]
    new = [(content, flags) for content, flags in ADDED[name] if content not in names]
    entries = [added(len(names) + i, content, special=False) | flags for i, (content, flags) in enumerate(new)]
    return description | {"added_tokens": [*listed, *entries]}


def _composing_with_added(name: str) -> Description:
    return with_added(byte_level("gpt2", "NFC"), name)


FAMILIES: dict[str, Callable[[], Description]] = {
    **{f"byte-level, {name}": partial(byte_level, name) for name in CUTTING},
    **{f"byte-level, {name}": partial(byte_level, "cl100k", name) for name in NORMALIZING},
    "byte-level, lossy": lambda: byte_level("prefix", "NFKC", lossy=True),
    "byte-level, whole pre-tokens": lambda: byte_level("cl100k", whole=True),
    "byte-level, whole texts": lambda: byte_level("no pattern", whole=True),
    **{f"byte-level, added {name}": partial(_composing_with_added, name) for name in ADDED},
    "byte-level with a prefix, added swallowing": lambda: with_added(byte_level("prefix"), "swallowing"),
    "byte-level with a prefix, added runs of spaces": lambda: with_added(byte_level("prefix"), "runs of spaces"),
    **{f"sentencepiece, {name}": partial(sentencepiece, name) for name in WRITTEN},
    "sentencepiece, lossy": lambda: sentencepiece("prepended", by_bytes=False),
    "sentencepiece, NFKC": lambda: sentencepiece("prepended", "NFKC"),
    "sentencepiece, single spaces": lambda: sentencepiece("first", "single spaces"),
    "sentencepiece, added": lambda: with_added(sentencepiece("prepended"), "swallowing"),
    "sentencepiece, added behind Metaspace": lambda: with_added(sentencepiece("always"), "overlapping"),
    **{f"unigram, {name}": partial(unigram, name) for name in ("words", *WRITTEN[:6])},
    "unigram, byte fallback": lambda: unigram("first", by_bytes=True),
    "unigram, NFKC": lambda: unigram("always", "NFKC"),
    "unigram, single spaces": lambda: unigram("always, whole", "single spaces"),
    "word piece": lambda: word_piece(lower=False),
    "word piece, lower case": lambda: word_piece(lower=True),
    "word piece, short words": lambda: word_piece(lower=True, longest=5),
}


def draw_cutting(random: Random) -> list[Any]:
    """A pattern that nobody has published: alternatives drawn from character sets, counts and looks ahead."""
    sets = [r"\p{L}", r"\p{N}", r"\s", r"[^\s\p{L}\p{N}]", r"[a-z']", r"\p{Lu}", r"[\r\n]", r"\S", "e", r"\p{Lo}"]
    counts = ["", "+", "*?+", "{1,2}", "{2,3}", "?", "+?"]
    ahead = ["", "", "", r"(?=\s|$)", r"(?!\S)", r"(?!\p{N})", r"(?=\p{L})", r"(?<=[ a])"]

    def alternative() -> str:
        first = random.choice(["", " ?", r"[^\r\n\p{L}\p{N}]?", r"(?i:'s|'re)|"])
        return first + random.choice(sets) + random.choice(counts).replace("*?+", "+") + random.choice(ahead)

    return [_split("|".join(alternative() for _ in range(random.randint(1, 4)))), MAPPING]
