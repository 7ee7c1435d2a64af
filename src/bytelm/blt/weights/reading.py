"""Weights in a directory of any form: opened and checked at once, read one after another."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch

from bytelm.blt.config import BltConfig
from bytelm.blt.weights.fields import read_json
from bytelm.blt.weights.fitting import check_fit
from bytelm.blt.weights.forms import CONFIG, ENTROPY_FOLDER, PARAMS, TRAIN_ARGS, Form, form_of, is_entropy_model
from bytelm.blt.weights.meta_config import config_from_meta
from bytelm.blt.weights.names import Part, Piece, meta_pieces, transformers_pieces
from bytelm.blt.weights.pickled_files import CONSOLIDATED, PickledFile
from bytelm.blt.weights.safetensors_files import INDEX, SINGLE, SafetensorsFiles
from bytelm.blt.weights.shapes import OUTPUT, Shape, parameter_shapes
from bytelm.blt.weights.tensor_files import TensorFiles, float_dtype
from bytelm.blt.weights.transformers_config import config_from_transformers

Progress = Callable[[int, int], None]
"""Called with the bytes that are done and those in all."""

BLOCK = 2**26
"""Bytes that are read at a time: much less than the tables of n-grams, which are gigabytes."""


class Checkpoint(Mapping[str, torch.Tensor]):
    """The parameters of a model in a directory, by the names they have in `bytelm.blt.model.Blt`.

    Nothing is held in memory: a tensor is read whenever it is asked for.

    Attributes:
        directory: where they are.
        form: the form of the files.
        config: the shape of the model.
    """

    def __init__(
        self, directory: Path, form: Form, config: BltConfig, files: Mapping[Part, TensorFiles], pieces: list[Piece]
    ) -> None:
        """``pieces`` are the tensors of ``files`` that are parameters, those of one parameter from top to bottom."""
        self.directory = directory
        self.form = form
        self.config = config
        self._files = files
        self._shapes = parameter_shapes(config)
        self._pieces: dict[str, list[Piece]] = {}
        for piece in pieces:
            self._pieces.setdefault(piece.own, []).append(piece)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parameters."""
        return tuple(self._shapes)

    def shape(self, name: str) -> Shape:
        """The shape of a parameter."""
        return self._shapes[name]

    def dtype(self, name: str) -> torch.dtype:
        """The dtype of a parameter in the file; of tables in several tensors, that of the first one."""
        piece = self._pieces[name if name in self._pieces else OUTPUT][0]
        return float_dtype(piece.stored, self._files[piece.part].stored[piece.stored])

    def rows(self, name: str, first: int, last: int) -> torch.Tensor:
        """The rows from ``first`` to before ``last`` of a parameter, read now."""
        parts = []
        for piece in self._pieces.get(name, ()):
            begin, end = max(first, piece.first), min(last, piece.first + piece.shape[0])
            if begin < end:
                rows = self._files[piece.part].rows(piece.stored, begin - piece.first, end - piece.first)
                parts.append(rows)
        if not parts:
            return torch.empty((0, *self._shapes[name][1:]), dtype=self.dtype(name))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.rows(name, 0, self._shapes[name][0])

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def open_checkpoint(directory: str | Path, entropy: str | Path | None = None) -> Checkpoint:
    """Open the weights in a directory, in whichever form they are, and check that they are all there.

    Args:
        directory: of the model.
        entropy: of Meta's entropy model, where it is not in the folder ``entropy_model`` of the directory.

    Raises:
        FileNotFoundError: there is no such directory, or no Byte Latent Transformer in it, or a file is missing.
        ValueError: a file is damaged, or describes what bytelm cannot compute, or the tensors are not those that the
            configuration describes; or there is an entropy model alone.
    """
    place = Path(directory)
    form = _form(place)
    if form != "transformers":
        return _open_meta(place, form, None if entropy is None else Path(entropy))
    if entropy is not None:
        raise ValueError(f"{place} holds an entropy model of its own; leave out {entropy}")
    config = config_from_transformers(read_json(place / CONFIG), str(place / CONFIG))
    files: dict[Part, TensorFiles] = {"model": open_tensors(place)}
    pieces = transformers_pieces(parameter_shapes(config))
    check_fit(pieces, files, {"model": place / CONFIG})
    return Checkpoint(place, form, config, files, pieces)


def fill(parameters: Mapping[str, torch.Tensor], checkpoint: Checkpoint, progress: Progress | None = None) -> None:
    """Copy every parameter of a checkpoint into memory that is there already, whatever its dtype and device.

    Args:
        parameters: of the model, by their names; they are changed.
        checkpoint: what they become.
        progress: called with the bytes of memory that are filled and those in all.

    Raises:
        ValueError: the model has other parameters, or of other shapes, or no memory yet.
    """
    _check_parameters(parameters, checkpoint)
    done, total = 0, sum(tensor.nbytes for tensor in parameters.values())
    with torch.no_grad():
        for name, tensor in parameters.items():
            for first, last in row_blocks(tensor.shape[0], tensor.nbytes):
                tensor[first:last].copy_(checkpoint.rows(name, first, last))
                done += tensor[first:last].nbytes
                if progress is not None:
                    progress(done, total)


def row_blocks(rows: int, size: int) -> Iterator[tuple[int, int]]:
    """The first row and the one behind the last of blocks of a tensor of ``size`` bytes, about ``BLOCK`` each."""
    step = max(1, rows * BLOCK // max(size, 1))
    for first in range(0, rows, step):
        yield first, min(first + step, rows)


def open_tensors(directory: Path) -> TensorFiles:
    """The tensors in a directory.

    Raises:
        FileNotFoundError: there are none.
        ValueError: a file is damaged.
    """
    for name in (INDEX, SINGLE):
        if (directory / name).is_file():
            return SafetensorsFiles(directory / name)
    if (directory / CONSOLIDATED).is_file():
        return PickledFile(directory / CONSOLIDATED)
    raise FileNotFoundError(f"no weights in {directory}: there is none of {INDEX}, {SINGLE} and {CONSOLIDATED}")


def _form(directory: Path) -> Form:
    if directory.is_file():
        raise ValueError(f"{directory} is a file; give the directory of the model")
    if not directory.is_dir():
        raise FileNotFoundError(f"no such model directory: {directory}")
    form = form_of(directory)
    if form is not None:
        return form
    inner = directory / "consolidated"
    hint = f"; give {inner}" if (inner / PARAMS).is_file() else ""
    raise FileNotFoundError(
        f"no Byte Latent Transformer in {directory}: there is neither a {CONFIG} with model_type 'blt' or with 'args', "
        f"nor a {PARAMS} with 'model'{hint}"
    )


def _open_meta(directory: Path, form: Form, entropy: Path | None) -> Checkpoint:
    path, data = _meta_json(directory, form)
    if is_entropy_model(data):
        raise ValueError(
            f"{directory} holds an entropy model alone, which only says where patches start; open the model that it "
            f"belongs to, and name this directory as its entropy model"
        )
    if entropy is None and (directory / ENTROPY_FOLDER).is_dir():
        entropy = directory / ENTROPY_FOLDER
    files: dict[Part, TensorFiles] = {"model": open_tensors(directory)}
    described: dict[Part, Path] = {"model": path}
    entropy_data = None
    if entropy is not None:
        described["entropy"], entropy_data = _entropy_json(entropy)
        files["entropy"] = open_tensors(entropy)
    config = config_from_meta(data, entropy_data, str(path), str(described.get("entropy", "")))
    pieces = meta_pieces(parameter_shapes(config), config.hashes)
    check_fit(pieces, files, described)
    return Checkpoint(directory, form, config, files, pieces)


def _meta_json(directory: Path, form: Form) -> tuple[Path, dict[str, object]]:
    """Meta's configuration, and its file; that of the hub with the data of the run that it comes from."""
    path = directory / (PARAMS if form == "meta" else CONFIG)
    data = read_json(path)
    run = directory / TRAIN_ARGS
    return path, {"data": read_json(run).get("data")} | data if form == "meta-hub" and run.is_file() else data


def _entropy_json(directory: Path) -> tuple[Path, dict[str, object]]:
    form = _form(directory)
    path, data = _meta_json(directory, form)
    if form == "transformers" or not is_entropy_model(data):
        raise ValueError(f"{directory} holds a whole model; name an entropy model alone, such as facebook/blt-entropy")
    return path, data


def _check_parameters(parameters: Mapping[str, torch.Tensor], checkpoint: Checkpoint) -> None:
    for kind, names in (
        ("has parameters that are not in", parameters.keys() - checkpoint.keys()),
        ("lacks parameters of", checkpoint.keys() - parameters.keys()),
    ):
        if names:
            raise ValueError(f"the model {kind} {checkpoint.directory}: {', '.join(sorted(names)[:3])}")
    for name, tensor in parameters.items():
        if tuple(tensor.shape) != checkpoint.shape(name):
            raise ValueError(
                f"{name} of the model is {tuple(tensor.shape)}, but {checkpoint.shape(name)} in {checkpoint.directory}"
            )
        if tensor.is_meta:
            raise ValueError(f"{name} of the model has no memory to copy into; make it with to_empty first")
