"""Files of the hub, each here while it is read."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bytelm.training.data.finding import File, local_file
from bytelm.training.data.hub import Hub, HubError
from bytelm.training.data.hub_files import HubFile
from bytelm.training.data.items import To

SECONDS_BETWEEN: Final = (1.0, 5.0, 25.0)
"""A download that fails is tried again after so long."""


@contextmanager
def fetched(hub: Hub, file: HubFile, folder: Path, to: To) -> Iterator[File]:
    """A file of the hub as one of this machine. When the context ends without an error, ``folder`` is removed.

    Args:
        hub: to download it from.
        file: which.
        folder: to download it to; the file may lie elsewhere, and stays there then.
        to: told how many of its bytes are here.

    Raises:
        ValueError: it cannot be downloaded, or is not as the hub said.
        OSError: it cannot be written, as there is no room.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = _fetch(hub, file, folder, to)
    found = local_file(path, file.name, file.form)
    if found.size != file.size:
        raise ValueError(
            f"{file.name!r} is here as {str(path)!r} with {found.size:,} bytes, where the hub says {file.size:,}; "
            "remove that file, and give the same command again"
        )
    to(file.size)
    yield found
    shutil.rmtree(folder)


def _fetch(hub: Hub, file: HubFile, folder: Path, to: To) -> Path:
    for seconds in SECONDS_BETWEEN:
        try:
            return hub.fetch(file.repository, file.commit, file.path, folder, to)
        except HubError as error:
            if not error.passing:
                raise
            time.sleep(seconds)
    return hub.fetch(file.repository, file.commit, file.path, folder, to)
