"""Tables of patch sizes, for people and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import isnan

from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.statistics import PatchSizes

HEADING = f"{'bytes':>12}  {'patches':>11}  {'mean':>6}  {'median':>6}  {'90 %':>5}  {'longest':>7}"

_BAR = 40
_BINS = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 8), (9, 12), (13, 16), (17, 32), (33, 64), (65, 0))
"""The first and the last size of each line of a histogram; 0 is no end."""


@dataclass(frozen=True)
class FileSizes:
    """The patches of one file.

    Attributes:
        name: of the file.
        language: it is in.
        sizes: of its patches.
    """

    name: str
    language: str
    sizes: PatchSizes

    def as_json(self) -> dict[str, object]:
        """The fields for ``--json``."""
        return {"file": self.name, "language": self.language, **sizes_json(self.sizes)}


def total_of(files: Sequence[FileSizes]) -> PatchSizes:
    """The patches of all files."""
    return sum((file.sizes for file in files), PatchSizes())


def by_language(files: Sequence[FileSizes]) -> dict[str, list[FileSizes]]:
    """The files of each language; the languages sorted."""
    return {name: [file for file in files if file.language == name] for name in sorted({f.language for f in files})}


def table(files: Sequence[FileSizes]) -> Iterator[str]:
    """The lines of a table: each file; each language, if there are several; all."""
    yield f"{HEADING}  {'language':<12}  file"
    for file in files:
        yield f"{sizes_line(file.sizes)}  {file.language:<12}  {file.name}"
    languages = by_language(files)
    if len(languages) > 1:
        yield ""
        for language, own in languages.items():
            yield f"{sizes_line(total_of(own))}  {language:<12}  {_count(len(own), 'file')}"
    if len(files) > 1:
        yield ""
        yield f"{sizes_line(total_of(files))}  {'':<12}  total"


def sizes_line(sizes: PatchSizes) -> str:
    """The figures of a line below ``HEADING``; a dash where there are no patches."""
    if not sizes.patches:
        return f"{0:>12}  {0:>11}  {'-':>6}  {'-':>6}  {'-':>5}  {'-':>7}"
    return (
        f"{sizes.bytes:12,}  {sizes.patches:11,}  {sizes.mean:6.2f}  {sizes.median:6.1f}  "
        f"{most_have(sizes, 0.9):5,}  {sizes.largest:7,}"
    )


def histogram(sizes: PatchSizes) -> Iterator[str]:
    """The lines of a histogram; nothing for no patches."""
    bins = [sum(count for size, count in sizes.histogram if low <= size <= (high or size)) for low, high in _BINS]
    shown = max((place + 1 for place, count in enumerate(bins) if count), default=0)
    if shown:
        yield "patches by their bytes"
    for (low, high), count in zip(_BINS[:shown], bins, strict=False):
        label = f"{low}" if low == high else f"{low}–{high}" if high else f"{low} or more"
        bar = "█" * round(_BAR * count / max(bins))
        yield f"{label:>12}  {bar:<{_BAR}}  {100 * count / sizes.patches:5.1f} %  {count:,}"


def most_have(sizes: PatchSizes, share: float) -> int:
    """The smallest size that so large a share of the patches does not exceed, bytes; 0 where there are no patches."""
    seen = 0
    for size, count in sizes.histogram:
        seen += count
        if seen >= share * sizes.patches:
            return size
    return 0


def sizes_json(sizes: PatchSizes) -> dict[str, object]:
    """The figures for ``--json``; null for the mean and the median of no patches."""
    return {
        "bytes": sizes.bytes,
        "patches": sizes.patches,
        "mean": None if isnan(sizes.mean) else sizes.mean,
        "median": None if isnan(sizes.median) else sizes.median,
        "ninety_percent": most_have(sizes, 0.9),
        "longest": sizes.largest,
        "histogram": [list(pair) for pair in sizes.histogram],
    }


def patching_json(patching: Patching) -> dict[str, object]:
    """The options of a patching for ``--json``."""
    return asdict(patching)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
