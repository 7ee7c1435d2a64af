"""Weights written into a directory of any form, tensor by tensor, all of them or none."""

from collections.abc import Mapping
from pathlib import Path

import torch

from bytelm.blt.config import BltConfig
from bytelm.blt.weights.directories import whole_directory, write_json
from bytelm.blt.weights.forms import CONFIG, ENTROPY_FOLDER, PARAMS, TRAIN_ARGS
from bytelm.blt.weights.meta_arguments import config_to_meta
from bytelm.blt.weights.names import meta_pieces, transformers_pieces
from bytelm.blt.weights.outgoing import check_names, chunks_of, entries_of, main_dtype
from bytelm.blt.weights.pickled_files import CONSOLIDATED
from bytelm.blt.weights.pickled_writing import write_pickled
from bytelm.blt.weights.reading import Progress
from bytelm.blt.weights.safetensors_writing import SHARD, write_safetensors
from bytelm.blt.weights.shapes import Shape, parameter_shapes
from bytelm.blt.weights.transformers_config import config_to_transformers


def save_directory(
    directory: Path,
    config: BltConfig,
    tensors: Mapping[str, torch.Tensor],
    dtype: torch.dtype | None = None,
    *,
    overwrite: bool = False,
    shard: int = SHARD,
    progress: Progress | None = None,
) -> None:
    """Save a model in bytelm's own form, which transformers loads as well if it can compute the model.

    Args:
        directory: where to; it must not be there yet, or be empty.
        config: the shape of the model.
        tensors: its parameters by their names; only one at a time need be in memory if ``dtype`` is given.
        dtype: what the numbers become; as they are by default.
        overwrite: whether a model that is in the directory may be replaced.
        shard: the bytes of tensors in one file.
        progress: called with the bytes that are written and those in all.

    Raises:
        ValueError: something else is in the directory, or the parameters are not those of the configuration.
    """
    shapes = _checked(config, tensors)
    entries = entries_of(transformers_pieces(shapes), tensors, dtype)
    chunks = chunks_of(tensors, shapes, entries, progress)
    with whole_directory(directory, overwrite) as folder:
        write_json(folder / CONFIG, config_to_transformers(config, main_dtype(entries)))
        write_safetensors(folder, entries, chunks, shard)


def save_meta(
    directory: Path,
    config: BltConfig,
    tensors: Mapping[str, torch.Tensor],
    dtype: torch.dtype | None = None,
    *,
    hub: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Save a model in one of Meta's forms, with the entropy model in the folder ``entropy_model``.

    Args:
        directory: where to; it must not be there yet, or be empty.
        config: the shape of the model.
        tensors: its parameters by their names.
        dtype: what the numbers become; as they are by default.
        hub: whether as on the hub, ``config.json`` and ``model.safetensors``, instead of ``params.json`` and
            ``consolidated.pth``. The entropy model is in the latter form even then, as in the release.
        overwrite: whether a model that is in the directory may be replaced.
        progress: called with the bytes that are written and those in all.

    Raises:
        ValueError: Meta's form does not say all that the model is; or something else is in the directory, or the
            parameters are not those of the configuration.
    """
    shapes = _checked(config, tensors)
    entries = entries_of(meta_pieces(shapes, config.hashes), tensors, dtype)
    model = [entry for entry in entries if entry.piece.part == "model"]
    entropy = [entry for entry in entries if entry.piece.part == "entropy"]
    params, entropy_params = config_to_meta(config, main_dtype(entries))
    chunks = chunks_of(tensors, shapes, entries, progress)
    with whole_directory(directory, overwrite) as folder:
        if hub:
            write_json(folder / CONFIG, {"args": params["model"]})
            write_json(folder / TRAIN_ARGS, params)
            write_safetensors(folder, model, chunks, sum(entry.size for entry in model))
        else:
            write_json(folder / PARAMS, params)
            write_pickled(folder / CONSOLIDATED, model, chunks)
        if entropy_params is not None:
            (folder / ENTROPY_FOLDER).mkdir()
            write_json(folder / ENTROPY_FOLDER / PARAMS, entropy_params)
            write_pickled(folder / ENTROPY_FOLDER / CONSOLIDATED, entropy, chunks)


def _checked(config: BltConfig, tensors: Mapping[str, torch.Tensor]) -> Mapping[str, Shape]:
    """The shapes of the parameters, which have the right names."""
    shapes = parameter_shapes(config)
    check_names(shapes, tensors)
    return shapes
