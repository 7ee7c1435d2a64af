"""The finished model of a run, as a directory that `bytelm.load` reads."""

import tempfile
from pathlib import Path

from bytelm.blt.model import Blt
from bytelm.blt.weights.writing import save_directory


def export(network: Blt, out: Path) -> None:
    """Write the model beside what else a run leaves in its directory; the weights are there before what names them."""
    with tempfile.TemporaryDirectory(prefix=".model-", dir=out) as scratch:
        save_directory(Path(scratch) / "model", network.config, network.state_dict())
        written = sorted((Path(scratch) / "model").iterdir(), key=lambda path: path.name == "config.json")
        for path in written:
            path.replace(out / path.name)
