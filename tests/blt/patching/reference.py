"""Where patches start, in the notation of sets: slow, obvious, and one document at a time."""

from collections.abc import Sequence
from random import Random

import numpy as np

from bytelm.blt.patching.options import Patching
from bytelm.blt.vocabulary import BOS, EOS, OFFSET

PLAIN_MODES = ("entropy", "monotonic", "both", "space", "static", "byte")
"""Those that need no tokenizer."""


def starts_alone(patching: Patching, ids: Sequence[int], entropies: Sequence[float]) -> set[int]:
    """Where the patches of one document start, of the positions 0 to n."""
    n, H, t = len(ids), entropies, patching.threshold
    rules = {
        "entropy": lambda: {p + 1 for p in range(1, n) if H[p] > t},
        "monotonic": lambda: {2} | {p + 1 for p in range(2, n) if H[p] - H[p - 1] > t},
        "both": lambda: {2} | {p + 1 for p in range(3, n) if H[p] - H[p - 1] > patching.rise and H[p] > t},
        "space": lambda: {p + 1 for p in range(1, n) if ids[p] < 4 or (like_space(ids[p]) > like_space(ids[p - 1]))},
        "static": lambda: {1 + j * patching.size for j in range(n)},
        "byte": lambda: set(range(n)) | {n},
    }
    starts = sorted(({0, 1} | rules[patching.mode]()) & set(range(n + 1)))
    if patching.longest is None:
        return set(starts)
    ends = [*starts[1:], n + 1]
    return {cut for start, end in zip(starts, ends, strict=True) for cut in range(start, end, patching.longest)}


def like_space(id: int) -> bool:
    """Whether the byte is like a space, as the released code says it."""
    byte = id - OFFSET
    return (
        byte < ord("0")
        or ord("9") < byte < ord("A")
        or ord("Z") < byte < ord("a")
        or ord("z") < byte < 0b1000_0000
        or byte >= 0b1100_0000
    )


def begins_of(ids: Sequence[int]) -> list[int]:
    """Where the documents of a sequence begin; also the one that no id of which was seen."""
    return [p for p in range(len(ids) + 1) if p == 0 or ids[p - 1] == EOS or ids[p : p + 1] == [BOS]]


def starts_packed(patching: Patching, ids: list[int], entropies: Sequence[float], documents: bool) -> list[bool]:
    """The same for all documents of a sequence, of which each is cut alone, or for all of it as one document."""
    begins = begins_of(ids) if documents else [0]
    found = set()
    for begin, end in zip(begins, [*begins[1:], len(ids)], strict=True):
        found |= {begin + start for start in starts_alone(patching, ids[begin:end], entropies[begin:end])}
    return [position in found for position in range(len(ids) + 1)]


def draw_patching(random: Random, modes: Sequence[str] = PLAIN_MODES) -> Patching:
    """Any options; the thresholds are among what `draw_entropies` gives."""
    return Patching(
        random.choice(modes),  # type: ignore[arg-type]
        threshold=random.choice([-0.5, 0.0, 0.25, 0.5, 1.0]),
        rise=random.choice([-0.25, 0.0, 0.5]),
        size=random.randint(1, 5),
        longest=random.choice([None, None, 1, 2, 3, 5]),
    )


def draw_ids(random: Random, longest: int = 24) -> list[int]:
    """Ids among which special ones, spaces and bytes of longer characters are frequent; in no order."""
    letters = [byte + OFFSET for byte in "a Zé9\n.".encode()]
    return random.choices([0, BOS, EOS, EOS, 3, *letters, *letters, *letters], k=random.randint(0, longest))


def draw_document(random: Random, longest: int = 12) -> list[int]:
    """BOS, a few bytes, EOS."""
    return [BOS, *(id for id in draw_ids(random, longest) if id >= OFFSET), EOS]


def draw_entropies(random: Random, count: int) -> list[float]:
    """Numbers of which many are equal, and many equal to thresholds, without any error of rounding."""
    return [random.randint(0, 6) / 4 for _ in range(count)]


def as_arrays(ids: Sequence[int], entropies: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """What the functions under test take."""
    return np.array(ids, dtype=np.int64), np.array(entropies, dtype=np.float64)
