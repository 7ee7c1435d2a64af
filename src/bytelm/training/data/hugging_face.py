"""The hub of Hugging Face, by its own library."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from bytelm.blt.weights.hub import access_hint
from bytelm.training.data.hub import Entry, HubError, Revision
from bytelm.training.data.items import To

_KIND: Final = "dataset"

_SECONDS: Final = 30.0
"""To wait for an answer."""


@dataclass(frozen=True)
class HuggingFace:
    """The hub; see ``Hub``.

    Attributes:
        keep: whether what is downloaded stays, in the library's own cache; what is there is not downloaded in any case.
        endpoint: its address; ``None`` for the one that the library is set to.
    """

    keep: bool = False
    endpoint: str | None = None

    def revision(self, repository: str, revision: str | None) -> Revision:
        """What a revision is now."""
        from huggingface_hub import HfApi

        with _explained(repository, f"the dataset {repository!r}"):
            found = HfApi(self.endpoint).dataset_info(repository, revision=revision, timeout=_SECONDS)
        configs = None if found.card_data is None else found.card_data.get("configs")
        listed = [one for one in configs if isinstance(one, dict)] if isinstance(configs, list) else []
        return Revision(str(found.sha), listed)

    def entries(self, repository: str, commit: str, folder: str) -> Iterator[Entry]:
        """All files below a folder."""
        from huggingface_hub import HfApi
        from huggingface_hub.errors import EntryNotFoundError
        from huggingface_hub.hf_api import RepoFile

        with _explained(repository, f"the list of files of {repository!r}"):
            try:
                found = HfApi(self.endpoint).list_repo_tree(
                    repository, folder or None, recursive=True, revision=commit, repo_type=_KIND
                )
                for one in found:
                    if isinstance(one, RepoFile):
                        yield Entry(one.path, one.size, one.blob_id if one.lfs is None else one.lfs.sha256)
            except EntryNotFoundError:
                return

    def fetch(self, repository: str, commit: str, path: str, folder: Path, to: To) -> Path:
        """A file, from the library's cache or downloaded."""
        from huggingface_hub import hf_hub_download, try_to_load_from_cache

        kept = try_to_load_from_cache(repository, path, revision=commit, repo_type=_KIND)
        if isinstance(kept, str):
            return Path(kept)
        for left in folder.rglob("*.incomplete"):  # the library begins anew, under a new name, and leaves this
            left.unlink()
        with _explained(repository, f"{path!r} of {repository!r}"):
            found = hf_hub_download(
                repository,
                path,
                repo_type=_KIND,
                revision=commit,
                local_dir=None if self.keep else folder,
                endpoint=self.endpoint,
                tqdm_class=_told(to),
            )
        return Path(found)


@contextmanager
def _explained(repository: str, what: str) -> Iterator[None]:
    """Errors of the library as those of a hub, but for such as of a full disk."""
    try:
        yield
    except Exception as error:  # the libraries below it have errors of their own, which change with their versions
        of_network = isinstance(error, ConnectionError | TimeoutError)
        if isinstance(error, OSError) and error.errno is not None and not of_network:
            raise
        raise _hub_error(error, repository, what) from error


def _hub_error(error: Exception, repository: str, what: str) -> HubError:
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    page = f"datasets/{repository}"
    if isinstance(error, RepositoryNotFoundError) and not isinstance(error, GatedRepoError):
        advice = "look at its name, or, if it is private, say who you are: hf auth login"
        return HubError(f"the hub has no dataset {repository!r}; {advice}", passing=False)
    if isinstance(error, RevisionNotFoundError):
        advice = f"its page lists its branches and tags: https://huggingface.co/{page}"
        return HubError(f"{repository!r} has no such revision; {advice}", passing=False)
    if (hint := access_hint(error, page)) is not None:
        return HubError(hint, passing=False)
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    passing = status is None or status >= 500 or status in (408, 429)
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
    return HubError(
        f"the hub does not give {what} ({reason}); when it can be reached, the same command goes on", passing
    )


class _Bar(tqdm):  # type: ignore[misc]
    """Takes the place of a progress bar of the library, which makes one or two of them for a file. Shows nothing."""

    told: Callable[[int], None]
    _lock = threading.RLock()  # its own is shared by processes, and one that is ended leaves it behind

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.pop("name", None)  # known to the library's own bars only
        super().__init__(*arguments, **{**options, "disable": True})
        self._done = int(options.get("initial") or 0)

    def update(self, n: float | None = 1) -> None:
        self._done += int(n or 0)
        self.told(self._done)


def _told(to: To) -> type[_Bar]:
    """A class of bars that tell how far they are."""
    return type("_Told", (_Bar,), {"told": staticmethod(to)})
