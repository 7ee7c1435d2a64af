"""Byte models as directories that transformers loads where bytelm is not installed."""

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch

from bytelm.blt.weights.converting import convert
from bytelm.blt.weights.directories import lasting_file, whole_directory, write_json
from bytelm.blt.weights.forms import form_of
from bytelm.blt.weights.plain_config import plain_kind
from bytelm.blt.weights.reading import Progress, open_tensors
from bytelm.byteified.bodies import CONFIG, Body, is_byteified, suffix_body
from bytelm.byteified.byte_tokenizer import copy_templates
from bytelm.byteified.converting import check_apart, dtype_named
from bytelm.byteified.weights import count_numbers, source_tensors, write_tensors
from bytelm.tokens.json_files import read_json

Kind = Literal["suffixes", "ordinary", "blt"]
"""``"suffixes"``: loads with ``trust_remote_code=True``, by code in the directory; ``"ordinary"``: an architecture of
transformers; ``"blt"``: its Byte Latent Transformer."""

TOKENIZER_FILES: Final = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
GENERATION: Final = "generation_config.json"

CODE: Final = "modeling"
"""The file of the classes with suffix embeddings, without ``.py``."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        kind: what transformers needs to load it.
        parameters: how many numbers the model has.
    """

    kind: Kind
    parameters: int


def export(
    source: Path,
    out: Path,
    *,
    dtype: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write a byte model so that transformers loads it without bytelm.

    Args:
        source: the directory of a byte model: one that was made of a subword model, a plain transformer over bytes
            that bytelm trained, or a Byte Latent Transformer in any form. What else is there is left behind.
        out: the directory to write; it must not be there yet, or be empty.
        dtype: ``"float32"``, ``"bfloat16"`` or ``"float16"``; by default the numbers stay as they are.
        overwrite: whether a byte model that is in ``out`` may be replaced.
        progress: called with the bytes that are written and those in all.

    Raises:
        FileNotFoundError: there is no such directory, or a file is missing.
        ValueError: the directory holds no byte model, or one that transformers cannot compute, or ``out`` is not free.
    """
    number_type = dtype_named(dtype)
    if not source.is_dir():
        raise FileNotFoundError(f"no such model directory: {source}")
    if form_of(source) is not None:
        written = convert(source, out, "transformers", number_type, overwrite=overwrite, progress=progress)
        return Exported("blt", sum(torch.Size(written.shape(name)).numel() for name in written.names))
    if not is_byteified(source) and plain_kind(source) is None:
        raise ValueError(
            f"{source} holds no byte model, so there is nothing to export; make one of it: bytelm byteify {source} "
            "--out DIRECTORY"
        )
    check_apart(source, out)
    return _copied(source, out, number_type, overwrite, progress)


def _copied(source: Path, out: Path, dtype: torch.dtype | None, overwrite: bool, progress: Progress | None) -> Exported:
    config = read_json(source / CONFIG)
    body = suffix_body(config)
    tensors = source_tensors(open_tensors(source))
    with whole_directory(out, overwrite, is_byteified) as folder:
        for name in (*TOKENIZER_FILES, GENERATION):
            if (source / name).is_file():
                with lasting_file(folder / name) as file:
                    file.write((source / name).read_bytes())
        copy_templates(source, folder)
        if body is not None:
            _write_code(folder)
        main_dtype = write_tensors(folder, tensors, dtype, progress)
        write_json(folder / CONFIG, _config(config, body, main_dtype))
    return Exported("ordinary" if body is None else "suffixes", count_numbers(tensors))


def _config(config: dict[str, Any], body: Body | None, dtype: str) -> dict[str, Any]:
    kept = {name: value for name, value in config.items() if name not in ("torch_dtype", "auto_map", "_name_or_path")}
    kept["dtype"] = dtype
    if body is None:
        return kept
    classes = {"AutoConfig": body.suffix_config, "AutoModelForCausalLM": body.suffix_architecture}
    named = {auto: f"{CODE}.{name}" for auto, name in classes.items()}
    return kept | {"architectures": [body.suffix_architecture], "auto_map": named}


def _write_code(folder: Path) -> None:
    from bytelm.byteified import modeling, suffixes

    for name, module in ((CODE, modeling), ("suffixes", suffixes)):
        with lasting_file(folder / f"{name}.py") as file:
            file.write(inspect.getsource(module).encode())
