"""What is not always installed, asked for only where it is needed."""

import importlib
from typing import Any


def pyarrow(module: str = "pyarrow") -> Any:
    """A module of pyarrow.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"Parquet needs pyarrow: pip install 'bytelm[parquet]' ({error})") from error


def ray_data() -> tuple[Any, Any]:
    """``ray`` and ``ray.data``.

    Raises:
        ValueError: they are not installed.
    """
    try:
        return importlib.import_module("ray"), importlib.import_module("ray.data")
    except ImportError as error:
        raise ValueError(f"the engine ray needs Ray Data: pip install 'bytelm[ray]' ({error})") from error
