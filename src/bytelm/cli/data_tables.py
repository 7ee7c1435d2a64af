"""Tables of prepared data, for people and as JSON."""

from collections.abc import Iterator, Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from bytelm.spans.showing import glyphs
from bytelm.training.data.manifest import Manifest
from bytelm.training.data.troubles import LEFT_OUT, REPAIRED, Troubles

_SHARES = {"smallest": 0.0, "median": 0.5, "ninety_percent": 0.9, "ninety_nine_percent": 0.99, "largest": 1.0}
_BAR = 40


def split_lines(manifest: Manifest) -> Iterator[str]:
    """The lines of a table: each split; all of them, if there are several."""
    yield f"{'documents':>13}  {'bytes':>17}  {'shards':>6}  split"
    for name, split in manifest.splits.items():
        yield _split_line(name, split.documents, split.bytes, len(split.shards))
    if len(manifest.splits) > 1:
        shards = sum(len(split.shards) for split in manifest.splits.values())
        yield _split_line("total", manifest.documents, manifest.bytes, shards)


def trouble_lines(troubles: Troubles) -> Iterator[str]:
    """What was left out, and what was repaired, with examples."""
    for title, counts, names in (
        ("left out", troubles.left_out, LEFT_OUT),
        ("repaired", troubles.repaired, REPAIRED),
    ):
        if not counts:
            continue
        yield f"\n{title}"
        for kind, count in counts.items():
            yield f"{count:13,}  {names[kind]}"
            yield from (f"{'':13}    {example}" for example in troubles.examples.get(kind, ()))


def input_lines(manifest: Manifest) -> Iterator[str]:
    """The inputs, and the options that they were prepared with."""
    yield f"{'files':>13}  {'bytes':>17}  input"
    for source in manifest.sources:
        yield f"{source.files:13,}  {source.bytes:17,}  {source.name}" + (
            f" ({source.location})" if source.location else ""
        )
    yield "options: " + ", ".join(f"{name} {value!r}" for name, value in manifest.settings.items())


def sizes_json(sizes: NDArray[np.int64]) -> dict[str, float | int | None]:
    """How large documents are, bytes: the mean, and what such a share of them does not exceed; null for none."""
    if not len(sizes):
        return dict.fromkeys(["mean", *_SHARES])
    ordered = np.sort(sizes)
    places = {name: max(0, ceil(share * len(ordered)) - 1) for name, share in _SHARES.items()}
    return {"mean": float(ordered.mean()), **{name: int(ordered[place]) for name, place in places.items()}}


def size_lines(sizes: NDArray[np.int64]) -> Iterator[str]:
    """A table of the sizes of documents, and a histogram; nothing for none."""
    if not len(sizes):
        return
    found = sizes_json(sizes)
    yield "bytes of a document"
    yield "  ".join(f"{name.replace('_', ' '):>19}" for name in found)
    yield "  ".join(f"{value or 0:19,.0f}" for value in found.values())
    counts = np.bincount(np.frexp(sizes.astype(np.float64))[1] - 1)
    for power in range(int(np.flatnonzero(counts)[0]), len(counts)):
        bar = "█" * round(_BAR * counts[power] / counts.max())
        label = f"{2**power:,} or more"
        yield f"{label:>24}  {bar:<{_BAR}}  {100 * counts[power] / len(sizes):5.1f} %  {counts[power]:,}"


def beginning(data: bytes, whole: bool, width: int) -> str:
    """The beginning of a document on one line, what cannot be seen as marks and escapes.

    Args:
        data: its first bytes.
        whole: whether that is all of it.
        width: the most characters.
    """
    shown = "".join(one.text for one in glyphs(data))
    return shown if whole and len(shown) <= width else shown[: width - 1] + "…"


def spread(count: int, wanted: int) -> Sequence[int]:
    """At most so many of the numbers below ``count``, evenly spread."""
    wanted = min(count, wanted)
    return [place * count // wanted for place in range(wanted)]


def _split_line(name: str, documents: int, size: int, shards: int) -> str:
    return f"{documents:13,}  {size:17,}  {shards:6,}  {name}"
