"""The finished model of a run, as a directory that `bytelm.load` reads."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from bytelm.blt.config import BltConfig, StackConfig
from bytelm.blt.weights.forms import CONFIG
from bytelm.blt.weights.plain import save_transformer
from bytelm.blt.weights.writing import save_directory
from bytelm.training.config import MODELS, Kind


def export(
    config: BltConfig | StackConfig, kind: Kind, tensors: Mapping[str, Tensor], out: Path, *, length: int | None = None
) -> None:
    """Write the model beside what else a run leaves in its directory; the weights are there before what names them.

    Args:
        config: the shape of the model.
        kind: of the model.
        tensors: its parameters by their names in the network.
        out: the directory of the run.
        length: of the rows that a model without a window was trained on: it is shown no more at a time where it is
            loaded. ``None`` for no bound.

    Raises:
        ValueError: the shape is not one of that kind, or the parameters are not those of the shape.
    """
    if not isinstance(config, MODELS[kind]):
        wanted = MODELS[kind].__name__
        raise ValueError(f"a model of kind {kind!r} has the shape of a {wanted}, got a {type(config).__name__}")
    with tempfile.TemporaryDirectory(prefix=".model-", dir=out) as scratch:
        fresh = Path(scratch) / "model"
        if isinstance(config, BltConfig):
            save_directory(fresh, config, tensors)
        else:
            assert kind != "blt"
            save_transformer(fresh, kind, config, tensors, length=length if config.window is None else None)
        for path in sorted(fresh.iterdir(), key=lambda path: path.name == CONFIG):
            path.replace(out / path.name)
