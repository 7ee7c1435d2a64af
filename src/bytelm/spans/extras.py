"""What is not always installed, asked for only where it is needed."""

import importlib
from typing import Any

INSTALLS = {"matplotlib": "plot", "pandas": "pandas"}
"""The extra of bytelm that brings each package."""


def needed(package: str, what: str, module: str | None = None) -> Any:
    """An optional package, or a module of it.

    Args:
        package: one of ``INSTALLS``.
        what: what needs it, for the message.
        module: the module wanted; by default the package itself.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module(module or package)
    except ImportError as error:
        raise ValueError(
            f"{what} needs {package}, which is not installed: pip install 'bytelm[{INSTALLS[package]}]' ({error})"
        ) from error
