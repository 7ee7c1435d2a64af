"""What to do about weights that the hub gives to those only who asked for them, as Meta's."""

from collections.abc import Iterator


def access_hint(error: BaseException, repository: str) -> str | None:
    """What to do when the hub refuses a repository; ``None`` if that is not what an error says.

    Args:
        error: of huggingface_hub, or one that was caused by such.
        repository: what was asked for, such as ``"facebook/blt-1b"``.
    """
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    for cause in _causes(error):
        if isinstance(cause, GatedRepoError) or (isinstance(cause, HfHubHTTPError) and _status(cause) in (401, 403)):
            return (
                f"{repository} is given to those only who asked for it: ask on https://huggingface.co/{repository}, "
                f"and when that is granted, say who you are: hf auth login"
            )
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None
