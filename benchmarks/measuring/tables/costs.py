"""Microseconds, milliseconds and bytes: overhead, contexts, prompts, prefixes, memory."""

from collections.abc import Iterator, Mapping

from measuring.rounds import Json
from measuring.tables.lines import having, median, title

MILLI = 1000.0
KILO = 1024

_COLUMNS = f"{'µs/B':>8}{'inside':>8}{'outside':>9}{'passes/B':>10}{'µs/pass inside':>16}{'outside':>9}"


def lines(models: Mapping[str, Json]) -> Iterator[str]:
    """All tables of costs whose parts were measured."""
    yield from _overhead(models)
    yield from _contexts(models)
    yield from _reading(models)
    yield from _prefixes(models)
    yield from _memory(models)


def _overhead(models: Mapping[str, Json]) -> Iterator[str]:
    found = having(models, "overhead")
    if not found:
        return
    yield from title("Inside the network's forward passes and outside of them, one stream", f"{'':<38}{_COLUMNS}")
    for name, rows in found.items():
        for label, row in rows.items():
            if isinstance(row, dict):
                yield f"{f'{name}, {label}':<38}{_spent(row)}"


def _contexts(models: Mapping[str, Json]) -> Iterator[str]:
    found = having(models, "contexts")
    if not found:
        return
    yield from title("A byte behind longer and longer prompts, greedy", f"{'':<38}{_COLUMNS}")
    for name, rows in found.items():
        for size, row in rows["prompts"].items():
            first = median(row["first_byte_seconds"], MILLI)
            beside = median(row["first_pass_seconds_of_transformers"], MILLI)
            yield f"{name}, {int(size) / KILO:g} kB: first byte {first} ms, transformers' first pass {beside} ms"
            for system in ("bytelm", "transformers"):
                if row[system] is not None:
                    yield f"  {system:<36}{_spent(row[system])}"


def _reading(models: Mapping[str, Json]) -> Iterator[str]:
    found = having(models, "prefill")
    if not found:
        return
    yield from title("Reading a prompt, to the distribution of the byte after it")
    for name, read in found.items():
        seconds, per = read["seconds"], read["per_prompt"]
        between = f"{MILLI * seconds['least']:.1f} to {MILLI * seconds['most']:.1f}"
        yield (
            f"{name:<15}{read['bytes']:>4} bytes{median(seconds, MILLI, 1):>8} ms  ({between})"
            f"   {per['passes']:.1f} passes, {per['heads']:.1f} heads, {per['positions']:.1f} positions"
        )


def _prefixes(models: Mapping[str, Json]) -> Iterator[str]:
    found = having(models, "prefix")
    if not found:
        return
    headings = f"{'':<30}{'first, ms':>11}{'second, ms':>12}{'ratio':>7}{'again, ms':>11}{'transformers, ms':>18}"
    yield from title("The first byte behind a prompt, behind one that begins alike, and again", headings)
    for name, row in found.items():
        label = f"{name}, {row['bytes']} bytes, {row['shared']:.0%}"
        first, second, again = (median(row[f"{which}_seconds"], MILLI) for which in ("first", "second", "again"))
        beside = median(row["transformers_seconds"], MILLI)
        yield f"{label:<30}{first:>11}{second:>12}{median(row['second_over_first'], 1, 2):>7}{again:>11}{beside:>18}"


def _memory(models: Mapping[str, Json]) -> Iterator[str]:
    found = having(models, "memory")
    if not found:
        return
    headings = f"{'bytes':>8}{'tokens':>8}{'cache, kB':>12}{'python, kB':>12}{'its peak, kB':>14}{'tensors, kB':>13}"
    yield from title("What one stream holds, the longer it gets; cache: keys and values", headings)
    for name, rows in found.items():
        yield (
            f"{name}: {rows['cache_bytes_per_token']} bytes of keys and values a token; growth a byte: "
            f"cache {rows['cache_growth_per_byte']:.0f}, else {rows['else_growth_per_byte']:.0f}"
        )
        for row in rows["after"]:
            kilo = [row[key] / KILO for key in ("cache", "python", "python_peak", "other_tensors")]
            cells = "".join(f"{value:>{width}.0f}" for value, width in zip(kilo, (12, 12, 14, 13), strict=True))
            yield f"{row['bytes']:>8}{row['tokens']:>8}{cells}"


def _spent(row: Json) -> str:
    inside, outside = ("" if value is None else f"{value:.0f}" for value in row["per_pass"].values())
    return (
        f"{median(row['microseconds']):>8}{median(row['inside']):>8}{median(row['outside']):>9}"
        f"{row['passes_per_byte']:>10.3f}{inside:>16}{outside:>9}"
    )
