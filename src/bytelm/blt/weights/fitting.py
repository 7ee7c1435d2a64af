"""Whether the tensors of files are those that a configuration describes."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from bytelm.blt.weights.names import Part, Piece, is_buffer
from bytelm.blt.weights.tensor_files import TensorFiles, float_dtype

_SHOWN: Final = 3
"""How many tensors of a kind an error names."""


def check_fit(pieces: list[Piece], files: Mapping[Part, TensorFiles], described: Mapping[Part, Path]) -> None:
    """Refuse files with other tensors than the pieces; tables of rotary embeddings may be there as well.

    Args:
        pieces: what the configuration describes.
        files: the tensors that are there.
        described: the configuration's file for each part.

    Raises:
        ValueError: tensors are missing, or nobody needs them, or they have other shapes, or hold no weights.
    """
    for part, tensors in files.items():
        expected = {piece.stored: piece.shape for piece in pieces if piece.part == part}
        unknown = {name for name in tensors.stored.keys() - expected.keys() if not is_buffer(name)}
        complaints = [
            *_named("lacks", expected.keys() - tensors.stored.keys()),
            *_named("also holds", unknown),
            *_misshapen(expected, tensors),
        ]
        if complaints:
            raise ValueError(
                f"{tensors.path} does not hold what {described[part]} describes: it {'; it '.join(complaints)}; "
                f"one of the two files belongs to another model"
            )
        for name in expected:
            float_dtype(name, tensors.stored[name])


def _named(kind: str, names: Collection[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"{kind} {', '.join(sorted(names)[:_SHOWN])}{more}"]


def _misshapen(expected: Mapping[str, tuple[int, ...]], tensors: TensorFiles) -> list[str]:
    wrong = [
        f"holds {name} as {_shown(found.shape)} instead of {_shown(expected[name])}"
        for name, found in sorted(tensors.stored.items())
        if name in expected and found.shape != expected[name]
    ]
    return wrong[:_SHOWN]


def _shown(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "a single number"
