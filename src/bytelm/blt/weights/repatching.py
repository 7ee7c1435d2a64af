"""Other options of patching for a model in a directory, written into its configuration."""

import secrets
from dataclasses import replace
from pathlib import Path

from bytelm.blt.patching.options import Patching
from bytelm.blt.weights.directories import write_json
from bytelm.blt.weights.fields import read_json
from bytelm.blt.weights.forms import CONFIG, form_of
from bytelm.blt.weights.transformers_config import config_from_transformers, config_to_transformers


def write_patching(directory: Path, patching: Patching) -> Path:
    """Let a model cut patches differently from now on; its configuration is replaced at once or not at all.

    Args:
        directory: of the model, in bytelm's form or in that of transformers.
        patching: the options.

    Returns:
        the file that was written.

    Raises:
        ValueError: the directory holds something else, or Meta's own form; or the model cannot cut so.
    """
    if form_of(directory) != "transformers":
        raise ValueError(
            f"{directory} holds no Byte Latent Transformer in bytelm's form, so its patching cannot be changed; "
            "write it in that form first: bytelm blt convert"
        )
    path = directory / CONFIG
    fresh = path.with_name(f".{CONFIG}.{secrets.token_hex(6)}")
    changed = with_patching(read_json(path), patching, str(path))
    try:
        write_json(fresh, changed)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return path


def with_patching(data: dict[str, object], patching: Patching, place: str = CONFIG) -> dict[str, object]:
    """A configuration with other options of patching.

    Where the threshold alone changes, nothing else does. Any other change is one that transformers may not know, so
    all that bytelm has to say about the model is written.

    Args:
        data: the whole ``config.json``.
        patching: the options.
        place: the file, for errors.

    Raises:
        ValueError: the configuration is wrong, or the model cannot cut so.
    """
    config = config_from_transformers(data, place)
    if replace(config.patching, threshold=patching.threshold) == patching:
        return data | {"patching_threshold": patching.threshold}
    dtype = data.get("dtype", data.get("torch_dtype", "float32"))
    return data | config_to_transformers(replace(config, patching=patching), str(dtype))
