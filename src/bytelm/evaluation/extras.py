"""What is not always installed, asked for only where it is needed."""

import importlib
from typing import Any


def harness_module(name: str) -> Any:
    """A module of lm-eval-harness.

    Raises:
        ImportError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"tasks of lm-eval-harness need lm_eval, which is not installed: pip install 'bytelm[eval]' ({error})"
        ) from error
