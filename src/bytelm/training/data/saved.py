"""Folders that the library ``datasets`` saved. They are read without it: their files are streams of Arrow.

``save_to_disk`` writes ``data-*.arrow``, named in ``state.json``, beside ``dataset_info.json``; of several splits each
has a folder, and ``dataset_dict.json`` names them. Beside these may lie files that ``datasets`` keeps for itself.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

_STATE: Final = "state.json"
_INFORMATION: Final = "dataset_info.json"
_SPLITS: Final = "dataset_dict.json"


def saved_files(folder: str, names: Sequence[str], folders: Sequence[str]) -> tuple[list[str], list[str]]:
    """Which files and which folders in a folder are data: all, unless ``datasets`` saved it.

    Args:
        folder: its path.
        names: of the files in it.
        folders: the names of the folders in it.

    Raises:
        ValueError: it holds several splits.
    """
    if _SPLITS in names:
        splits = _strings(_read(Path(folder, _SPLITS)).get("splits"))
        if len(splits) > 1:
            raise ValueError(
                f"{folder!r} holds several splits, {', '.join(splits)}; name the folder of one: "
                f"{str(Path(folder, splits[0]))!r}"
            )
        if splits:
            return [], splits
    if _STATE in names and _INFORMATION in names:
        listed = _read(Path(folder, _STATE)).get("_data_files")
        if isinstance(listed, list):
            return _strings([one.get("filename") for one in listed if isinstance(one, dict)]), []
    return list(names), list(folders)


def _read(path: Path) -> dict[str, Any]:
    """What is in a file of JSON; nothing where that is no object, so that the folder is one like any other."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _strings(found: object) -> list[str]:
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
