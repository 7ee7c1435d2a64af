"""The two tokenizers: byte-level BPE as in Llama 3, and SentencePiece-style BPE as in Llama 2."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from .corpus import Document

END_OF_TEXT = "<|endoftext|>"
FIM_PREFIX = "<|fim_prefix|>"
FIM_SUFFIX = "<|fim_suffix|>"
FIM_MIDDLE = "<|fim_middle|>"

CL100K_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How GPT-4's tokenizer splits text into words; no merge crosses the edge of a word."""

METASPACE = "\u2581"
"""The sign that SentencePiece writes for a space."""

METASPACE_PATTERN = (
    rf"\n+{METASPACE}*|{METASPACE}?[\p{{L}}_]+|\p{{N}}"
    rf"|{METASPACE}?[^{METASPACE}\n\p{{L}}\p{{N}}_]+|{METASPACE}+"
)
"""Words for *training* the SentencePiece-style merges; the finished tokenizer splits nothing."""

SP_SPECIALS = ("<unk>", "<s>", "</s>")


def _texts(documents: list[Document]) -> Iterator[str]:
    for document in documents:
        yield document.text


def train_byte_level(documents: list[Document], vocabulary: int) -> Tokenizer:
    """A byte-level BPE tokenizer of ``vocabulary`` tokens, the full byte alphabet and FIM tokens."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(CL100K_PATTERN), behavior="isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT, FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(documents), trainer)
    return _begin_with(tokenizer, END_OF_TEXT)


def train_sentencepiece_style(documents: list[Document], vocabulary: int) -> Tokenizer:
    """A BPE tokenizer in the form of Llama 2's: ``▁`` for a space, bytes for unknown characters."""
    alphabet = [*string.ascii_letters, *string.digits, *string.punctuation, METASPACE, "\n"]
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    reserved = len(SP_SPECIALS) + len(byte_tokens)
    draft = Tokenizer(models.BPE())
    draft.normalizer = _metaspace_normalizer()
    draft.pre_tokenizer = pre_tokenizers.Split(Regex(METASPACE_PATTERN), behavior="isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - reserved,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    draft.train_from_iterator(_texts(documents), trainer)
    learned = sorted(draft.get_vocab().items(), key=lambda item: item[1])
    pieces = [piece for piece, _ in learned if len(piece) > 1]
    characters = [piece for piece, _ in learned if len(piece) == 1]
    names = [*SP_SPECIALS, *byte_tokens, *pieces, *characters]
    ids = {name: index for index, name in enumerate(names)}
    return _assemble_sentencepiece_style(ids, _all_merges(pieces, {*pieces, *characters}))


def _all_merges(pieces: list[str], known: set[str]) -> list[tuple[str, str]]:
    """Every pair of known pieces that makes a piece, by the rank of what it makes.

    SentencePiece joins any two neighbours whose concatenation is a piece, best piece first; this
    list makes a merge-based tokenizer do the same.
    """
    merges = []
    for piece in pieces:
        cuts = ((piece[:cut], piece[cut:]) for cut in range(1, len(piece)))
        merges += [(left, right) for left, right in cuts if left in known and right in known]
    return merges


def _metaspace_normalizer() -> normalizers.Normalizer:
    return normalizers.Sequence([normalizers.Prepend(METASPACE), normalizers.Replace(" ", METASPACE)])


def _assemble_sentencepiece_style(ids: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    model = models.BPE(vocab=ids, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SP_SPECIALS])
    tokenizer.normalizer = _metaspace_normalizer()
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace(METASPACE, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return _begin_with(tokenizer, "<s>")


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """The id of ``token``, which must be in the vocabulary."""
    index = tokenizer.token_to_id(token)
    if index is None:
        raise KeyError(token)
    return index


def _begin_with(tokenizer: Tokenizer, token: str) -> Tokenizer:
    """The same tokenizer, which now puts ``token`` before each text unless asked not to."""
    description: dict[str, Any] = json.loads(tokenizer.to_str())
    description["post_processor"] = _begin_template(token, token_id(tokenizer, token))
    return Tokenizer.from_str(json.dumps(description))


def _begin_template(token: str, index: int) -> dict[str, Any]:

    def special(type_id: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": token, "type_id": type_id}}

    def sequence(name: str, type_id: int) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": type_id}}

    return {
        "type": "TemplateProcessing",
        "single": [special(0), sequence("A", 0)],
        "pair": [special(0), sequence("A", 0), special(1), sequence("B", 1)],
        "special_tokens": {token: {"id": token, "ids": [index], "tokens": [token]}},
    }
