"""What is said about repositories that are not open to all."""

from unittest.mock import Mock

import pytest
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

from bytelm.blt.weights.hub import access_hint

WANTED = "facebook/blt-1b is given to those only who asked for it: ask on https://huggingface.co/facebook/blt-1b, and"


def error_of(kind: type[HfHubHTTPError], status: int) -> HfHubHTTPError:
    return kind("refused", response=Mock(status_code=status, headers={}))


@pytest.mark.parametrize(
    "error",
    [error_of(GatedRepoError, 403), error_of(HfHubHTTPError, 401), error_of(RepositoryNotFoundError, 401)],
)
def test_refusals_are_explained(error: Exception) -> None:
    hint = access_hint(error, "facebook/blt-1b")
    assert hint is not None
    assert hint.startswith(WANTED)
    assert "hf auth login" in hint
    outer = LocalEntryNotFoundError("not here")
    outer.__cause__ = error
    assert access_hint(outer, "facebook/blt-1b") == hint


@pytest.mark.parametrize(
    "error", [error_of(RepositoryNotFoundError, 404), error_of(HfHubHTTPError, 503), OSError("no network")]
)
def test_other_errors_are_not(error: Exception) -> None:
    assert access_hint(error, "facebook/blt-1b") is None
