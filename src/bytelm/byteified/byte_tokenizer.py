"""Tokenizers whose first 256 ids are the bytes, for models that were over subwords."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, get_args

from bytelm.blt.weights.directories import lasting_file, write_json
from bytelm.byteified.source_tokens import ID_FIELDS, SourceTokens, as_ids, read_optional
from bytelm.tokens.writing import byte_characters

Layout = Literal["bytes", "tokenkit"]
"""``"bytes"``: behind the bytes come the special tokens that are needed, by their ids in the source.
``"tokenkit"``: that of the published byte checkpoints, where the words of the chat template are tokens too, wherever
they stand in a text, and all of them are sorted."""

LAYOUTS: Final[tuple[Layout, ...]] = get_args(Layout)

BYTES: Final = 256

_PUBLISHED: Final = (
    (
        ("<|begin_of_text|>", "<|end_header_id|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>"),
        ("assistant", "system", "user", "\n\n"),
    ),
    (("<bos>", "<end_of_turn>", "<eos>", "<pad>", "<start_of_turn>"), ("model", "user")),
)
"""The special tokens and the words of the checkpoints that were published: Llama 3, and Gemma."""

_KEPT_SETTINGS: Final = ("model_max_length", "padding_side", "split_special_tokens", "chat_template")
_KEPT_GENERATION: Final = ("do_sample", "temperature", "top_k", "top_p", "min_p")
"""What a configuration of generation says that means something for bytes as well."""


@dataclass(frozen=True)
class Piece:
    """A token behind the bytes.

    Attributes:
        content: how it is written.
        special: whether it stands for no text.
    """

    content: str
    special: bool


@dataclass(frozen=True)
class ByteTokenizer:
    """A tokenizer of bytes.

    Attributes:
        layout: which one.
        pieces: the tokens behind the bytes, in the order of their ids.
        tokens: what is taken over of the source.
    """

    layout: Layout
    pieces: tuple[Piece, ...]
    tokens: SourceTokens

    @property
    def size(self) -> int:
        """How many ids there are."""
        return BYTES + len(self.pieces)

    def specials(self) -> dict[str, int]:
        """The ids of the special tokens by what they are written as."""
        return {piece.content: BYTES + place for place, piece in enumerate(self.pieces) if piece.special}

    @cached_property
    def words(self) -> dict[bytes, int]:
        """The ids of the other tokens behind the bytes by their bytes."""
        return {piece.content.encode(): BYTES + i for i, piece in enumerate(self.pieces) if not piece.special}

    def source_ids(self) -> dict[int, int]:
        """The ids of the special tokens by those they have in the source."""
        return {self.tokens.every[content].source: token for content, token in self.specials().items()}

    def encode(self, data: bytes) -> tuple[int, ...]:
        """The ids of a text's bytes, without special tokens. From its end on, the longest token that fits counts."""
        if not self.words:
            return tuple(data)
        words, reversed_ids, end = self.words, list[int](), len(data)
        while end:
            fitting = [word for word in words if data.endswith(word, 0, end)]
            word = max(fitting, key=len, default=data[end - 1 : end])
            reversed_ids.append(words.get(word, word[0]))
            end -= len(word)
        return tuple(reversed(reversed_ids))


def byte_tokenizer(layout: Layout, tokens: SourceTokens) -> ByteTokenizer:
    """The byte tokenizer of a layout that a source needs.

    Raises:
        ValueError: the layout is not known.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"unknown tokenizer {layout!r}; choose one of {', '.join(LAYOUTS)}")
    if layout == "bytes":
        return ByteTokenizer(layout, tuple(Piece(content, True) for content in tokens.kept), tokens)
    fitting = (both for both in _PUBLISHED if all(content in tokens.every for content in both[0]))
    specials, words = next(fitting, (tokens.kept, tokens.names))
    pieces = [*(Piece(content, True) for content in specials), *(Piece(word, False) for word in words)]
    return ByteTokenizer(layout, tuple(sorted(pieces, key=written)), tokens)


def written(piece: Piece) -> str:
    """How the vocabulary of a ``tokenizer.json`` writes a token: bytes as characters, special tokens as they are."""
    if piece.special:
        return piece.content
    characters = byte_characters()
    return "".join(characters[byte] for byte in piece.content.encode())


def write_byte_tokenizer(folder: Path, tokenizer: ByteTokenizer, source: Path) -> None:
    """Write ``tokenizer.json``, what belongs to it, the chat templates, and how generation begins and ends.

    Args:
        folder: where to; none of these files is there yet.
        tokenizer: the tokenizer.
        source: the model directory that it is made for.
    """
    with lasting_file(folder / "tokenizer.json") as file:
        file.write(tokenizer_json(tokenizer).encode("utf-8"))
    specials = tokenizer.specials()
    roles = {role: content for role, content in tokenizer.tokens.roles.items() if content in specials}
    settings = read_optional(source / "tokenizer_config.json")
    kept = {name: settings[name] for name in _KEPT_SETTINGS if settings.get(name) is not None}
    cleanup = {"clean_up_tokenization_spaces": False}
    write_json(
        folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"} | roles | cleanup | kept
    )
    write_json(folder / "special_tokens_map.json", roles)
    copy_templates(source, folder)
    generation = read_optional(source / "generation_config.json")
    sampling = {name: generation[name] for name in _KEPT_GENERATION if generation.get(name) is not None}
    ids = token_ids(tokenizer, read_optional(source / "config.json") | generation)
    write_json(folder / "generation_config.json", {name: i for name, i in ids.items() if i is not None} | sampling)


def token_ids(tokenizer: ByteTokenizer, values: Mapping[str, Any]) -> dict[str, int | list[int] | None]:
    """The ids of begin, end and padding in a configuration, as the byte tokenizer has them.

    Those that the configuration does not name, or that the byte tokenizer lacks, are those of its roles, if any.
    """
    translated, specials, roles = tokenizer.source_ids(), tokenizer.specials(), tokenizer.tokens.roles
    found: dict[str, int | list[int] | None] = {}
    for field in ID_FIELDS:
        ids = [translated[token] for token in as_ids(values.get(field)) if token in translated]
        named = specials.get(roles.get(field.removesuffix("_id"), ""))
        found[field] = ids if len(ids) > 1 else ids[0] if ids else named
    return found


def copy_templates(source: Path, folder: Path) -> None:
    """Copy the files of chat templates."""
    for path in (source / "chat_template.jinja", *sorted((source / "additional_chat_templates").glob("*.jinja"))):
        if path.is_file():
            target = folder / path.relative_to(source)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())


def tokenizer_json(tokenizer: ByteTokenizer) -> str:
    """The ``tokenizer.json``: without merges, or, where words are tokens, a Unigram whose scores are all 0."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    names = [*byte_characters(), *map(written, tokenizer.pieces)]
    if tokenizer.layout == "tokenkit":
        made = Tokenizer(models.Unigram([(name, 0.0) for name in names], unk_id=None, byte_fallback=False))
    else:
        made = Tokenizer(models.BPE(vocab={name: i for i, name in enumerate(names)}, merges=[]))
    specials, every = tokenizer.specials(), tokenizer.tokens.every
    made.add_special_tokens(
        [AddedToken(content, special=True, normalized=False, **every[content].flags) for content in specials]
    )
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    before, after = (
        [content for content in part if content in specials]
        for part in (tokenizer.tokens.before, tokenizer.tokens.after)
    )
    if before or after:
        around = [(content, specials[content]) for content in dict.fromkeys([*before, *after])]
        made.post_processor = processors.TemplateProcessing(
            single=[*before, "$A", *after],
            pair=[*before, "$A", *after, *before, "$B", *after],
            special_tokens=around,
        )
    return str(made.to_str(pretty=True))
