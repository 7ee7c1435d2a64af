"""Patterns of paths in repositories, as the cards of datasets have them: ``*`` is within a folder, ``**`` is not."""

import re
from typing import Final

_WILD: Final = re.compile(r"(\*\*/|\*\*|\*|\[[^\]/]+\])")


def is_pattern(path: str) -> bool:
    """Whether a path stands for all that look like it."""
    return _WILD.search(path) is not None


def matcher(pattern: str) -> re.Pattern[str]:
    """What matches the whole of the paths that a pattern stands for."""
    return re.compile("".join(map(_expression, _WILD.split(pattern))))


def folder_of(pattern: str) -> str:
    """The folder that all paths are below which a pattern stands for; of a path, the one it is in."""
    folder = pattern[: found.start()] if (found := _WILD.search(pattern)) else pattern
    return folder.rpartition("/")[0]


def _expression(piece: str) -> str:
    if piece in ("**/", "**", "*"):
        return {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}[piece]
    if piece.startswith("[") and _WILD.fullmatch(piece):
        return "[" + re.sub(r"^!", "^", piece[1:-1]).replace("\\", r"\\") + "]"
    return re.escape(piece)
