"""A subword model made into a byte model: what training by distillation begins with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from bytelm.blt.weights.directories import whole_directory, write_json
from bytelm.blt.weights.reading import Progress, open_tensors
from bytelm.byteified.bodies import CONFIG, OWN, Body, body_of, is_byteified
from bytelm.byteified.byte_tokenizer import ByteTokenizer, Layout, byte_tokenizer, token_ids, write_byte_tokenizer
from bytelm.byteified.source_tokens import source_tokens
from bytelm.byteified.suffixes import dictionary_of
from bytelm.byteified.weights import (
    INPUT,
    OUTPUT,
    Outgoing,
    RowSources,
    byte_tensors,
    count_numbers,
    row_sources,
    source_tensors,
    suffix_entries,
    write_tensors,
)
from bytelm.tokens.json_files import read_json
from bytelm.tokens.reading import read_tokenizer
from bytelm.tokens.tokenizer import Tokenizer

LONGEST: Final = 16
"""How many ids a suffix has at most, as in the published checkpoints."""

DTYPES: Final = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Summary:
    """What became of a model.

    Attributes:
        model_type: what ``config.json`` calls the byte model.
        vocabulary_before: the ids of the source, as many as it has embeddings.
        vocabulary_after: those of the byte model.
        parameters: how many numbers it has.
        suffix_parameters: how many of them are the embeddings of suffixes, which training leaves as they are.
        lacking: the bytes that no token of the source spells alone.
        special_tokens: the special tokens of the byte model by what they are written as.
    """

    model_type: str
    vocabulary_before: int
    vocabulary_after: int
    parameters: int
    suffix_parameters: int
    lacking: tuple[int, ...]
    special_tokens: Mapping[str, int]


@dataclass(frozen=True)
class _Source:
    """A subword model: its directory, configuration, body and tensors, and whether its output layer is its input's."""

    directory: Path
    config: dict[str, Any]
    body: Body
    tensors: dict[str, Outgoing]
    tied: bool


def byteify(
    source: Path,
    out: Path,
    *,
    suffixes: bool = True,
    tokenizer: Layout = "bytes",
    dtype: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Make a byte model of a subword model: its body as it is, with embeddings of bytes copied from its tokens.

    Without suffixes it is an ordinary model of its architecture. Of Qwen 2 transformers' AutoTokenizer then takes Qwen
    2's own class whatever the directory says, so that it composes characters (NFC), as it does for the source.

    Args:
        source: the directory of the subword model, in Hugging Face form with safetensors.
        out: the directory to write; it must not be there yet, or be empty.
        suffixes: whether every position also has the source's embedding of the longest token that ends there.
        tokenizer: ``"bytes"``, or ``"tokenkit"`` for the layout of the published byte checkpoints.
        dtype: ``"float32"``, ``"bfloat16"`` or ``"float16"``; by default the numbers stay as they are.
        overwrite: whether a byte model that is in ``out`` may be replaced.
        progress: called with the bytes that are written and those in all.

    Raises:
        FileNotFoundError: a file of the source is not there.
        ValueError: the source is of an architecture that is not known, or damaged, or ``out`` is not free.
    """
    number_type = dtype_named(dtype)
    check_apart(source, out)
    found = _opened(source)
    if tokenizer == "tokenkit" and not suffixes and found.body.model_type == "qwen2":
        raise ValueError(
            "transformers reads the tokenizer of every model of model_type 'qwen2' as Qwen 2's own, in which words of "
            "the chat template are no tokens everywhere; choose the tokenizer 'bytes', or suffix embeddings"
        )
    before = found.tensors[INPUT].shape[0]
    tokens = source_tokens(source, read_tokenizer(source, size=before))
    bytes_of = byte_tokenizer(tokenizer, tokens)
    viewed = Tokenizer(source, size=before)
    rows = row_sources(bytes_of, viewed)
    tensors = byte_tensors(found.tensors, rows, tied=found.tied, suffixes=suffixes)
    config = _byte_config(found, bytes_of)
    if suffixes:
        config |= _suffix_config(found, bytes_of, viewed)
    with whole_directory(out, overwrite, is_byteified) as folder:
        write_byte_tokenizer(folder, bytes_of, source)
        config["dtype"] = write_tensors(folder, tensors, number_type, progress)
        write_json(folder / CONFIG, config)
    return _summary(config, found, bytes_of, rows, tensors, suffixes)


def dtype_named(name: str | None) -> torch.dtype | None:
    """The dtype of a name; ``None`` for none.

    Raises:
        ValueError: it is not one of ``DTYPES``.
    """
    if name is not None and name not in DTYPES:
        raise ValueError(f"unknown dtype {name!r}; choose one of {', '.join(DTYPES)}")
    found: torch.dtype | None = None if name is None else getattr(torch, name)
    return found


def check_apart(source: Path, out: Path) -> None:
    """Refuse to write a directory that holds the source.

    Raises:
        ValueError: it does.
    """
    if out.resolve() in (source.resolve(), *source.resolve().parents):
        raise ValueError(f"{source} would be lost when {out} is written; name another directory to write to")


def _opened(source: Path) -> _Source:
    path = source / CONFIG
    if not path.is_file():
        raise FileNotFoundError(f"no {CONFIG} in {source}: that is no model directory in Hugging Face form")
    config = read_json(path)
    body = body_of(config, path)
    tensors = source_tensors(open_tensors(source))
    shapes, tied = _expected(source)
    if tied:
        tensors.pop(OUTPUT, None)
    for name in shapes.keys() | tensors.keys():
        stored = tensors[name].shape if name in tensors else None
        if stored != shapes.get(name):
            raise ValueError(
                f"{source}: {name} is {stored or 'missing'} in the weights, and {shapes.get(name) or 'unknown'} in the "
                f"model that {CONFIG} describes; download both again"
            )
    return _Source(source, config, body, tensors, tied)


def _expected(source: Path) -> tuple[dict[str, tuple[int, ...]], bool]:
    """The shapes of the parameters that transformers' own model has, and whether its output layer is its input's."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(source, trust_remote_code=False, local_files_only=True)
    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config)
    tied = bool(config.tie_word_embeddings)
    shapes = {name: tuple(parameter.shape) for name, parameter in network.state_dict().items()}
    if tied:
        del shapes[OUTPUT]
    return shapes, tied


def _byte_config(found: _Source, tokenizer: ByteTokenizer) -> dict[str, Any]:
    """The ``config.json`` without suffix embeddings, but for the dtype."""
    left_out = ("torch_dtype", "auto_map", "_name_or_path")
    kept = {name: value for name, value in found.config.items() if name not in left_out}
    own = {"tokenizer": tokenizer.layout, "vocab_size": found.tensors[INPUT].shape[0]}
    generation = found.directory / "generation_config.json"
    ids = token_ids(tokenizer, found.config | (read_json(generation) if generation.is_file() else {}))
    return kept | {
        "architectures": [found.body.architecture],
        "vocab_size": tokenizer.size,
        "tie_word_embeddings": False,
        **ids,
        OWN: own,
    }


def _suffix_config(found: _Source, tokenizer: ByteTokenizer, viewed: Tokenizer) -> dict[str, Any]:
    """What ``config.json`` says besides, with suffix embeddings."""
    entries = suffix_entries(tokenizer, viewed, LONGEST)
    return {
        "architectures": [found.body.suffix_architecture],
        "model_type": found.body.suffix_type,
        "expand_input_ids": True,
        "expand_input_ids_maxlen": LONGEST,
        "expand_input_ids_vocab_size": found.tensors[INPUT].shape[0],
        "expand_input_ids_dict": dictionary_of(entries, LONGEST, sorted(tokenizer.specials().values())),
    }


def _summary(
    config: Mapping[str, Any],
    found: _Source,
    tokenizer: ByteTokenizer,
    rows: RowSources,
    tensors: Mapping[str, Outgoing],
    suffixes: bool,
) -> Summary:
    table = {INPUT: found.tensors[INPUT]} if suffixes else {}
    return Summary(
        model_type=str(config["model_type"]),
        vocabulary_before=found.tensors[INPUT].shape[0],
        vocabulary_after=tokenizer.size,
        parameters=count_numbers(tensors),
        suffix_parameters=count_numbers(table),
        lacking=rows.lacking,
        special_tokens=tokenizer.specials(),
    )
