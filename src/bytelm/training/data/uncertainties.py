"""Precomputed entropies of prepared documents, mapped into memory."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bytelm.training.data.manifest import read_manifest
from bytelm.training.data.shards import Progress, Shards
from bytelm.training.data.uncertainty_files import changed, data_checksum, file_checksum, read_measured, values_path


class Uncertainties:
    """How uncertain an entropy model is behind each byte of the documents of a split.

    Nothing of it changes, and any number of threads may read.

    Attributes:
        folder: that ``bytelm blt entropies`` made.
        model_sha256: of the entropy model, as `bytelm.training.entropy_models.open_entropy_model` says.
    """

    def __init__(self, folder: str | Path, shards: Shards) -> None:
        """Open all files, and check that they are as long as they should be.

        Args:
            folder: of the entropies.
            shards: the documents that they are of.

        Raises:
            FileNotFoundError: the folder or a file of it is not there, or it is not finished.
            ValueError: the entropies are those of other data, or a file is not as it was written.
        """
        self.folder = Path(folder)
        measured = read_measured(self.folder)
        wanted = data_checksum(read_manifest(shards.directory))
        if measured.data_sha256 != wanted:
            raise ValueError(
                f"the entropies in {str(folder)!r} are of data with SHA-256 {measured.data_sha256}, and "
                f"{str(shards.directory)!r} has {wanted}; give the folder made of that data, or compute the "
                "entropies of this one"
            )
        self.model_sha256 = measured.model_sha256
        self._shards = shards
        self._measured = measured.splits[shards.split]
        self._paths = [values_path(self.folder, shards.split, number) for number in range(len(self._measured))]
        self._values = [_mapped(path, shard.values) for path, shard in zip(self._paths, self._measured, strict=True)]

    def document(self, index: int) -> NDArray[np.float16]:
        """The entropies behind the BOS and behind each byte of a document, float16 ``(size + 1,)``, nats: a view.

        Raises:
            IndexError: there is none.
        """
        place = self._shards.place(index)
        return self._values[place.shard][place.begin + place.number : place.end + place.number + 1]

    def verify(self, progress: Progress | None = None) -> None:
        """Read all files and compare their checksums.

        Args:
            progress: told how many values of how many are read.

        Raises:
            ValueError: one is not as it was written.
        """
        done, total = 0, sum(shard.values for shard in self._measured)
        for path, shard in zip(self._paths, self._measured, strict=True):
            found = file_checksum(path)
            if found != shard.sha256:
                raise changed(path, f"its SHA-256 is {found}; expected {shard.sha256}")
            done += shard.values
            if progress is not None:
                progress(done, total)


def _mapped(path: Path, values: int) -> NDArray[np.float16]:
    if not path.is_file():
        raise FileNotFoundError(f"{str(path)!r} is gone; copy it from where the entropies were computed")
    try:
        found = np.asarray(np.load(path, mmap_mode="r"))
    except (ValueError, OSError, EOFError) as error:
        raise changed(path, f"it is no array: {error}") from error
    if found.shape != (values,) or found.dtype != np.dtype("<f2"):
        raise changed(path, f"it is {found.dtype} {found.shape}; expected float16 ({values},)")
    return found
