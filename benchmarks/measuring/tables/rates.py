"""Bytes per second: generation, sampling, scoring, batches."""

from collections.abc import Iterator, Mapping

from measuring.rounds import Json
from measuring.tables.lines import having, median, spread, title

_COLUMNS = f"{'':<16}{'bytes/s':>8} {'spread':>15} {'ratio':>6}  {'passes/B':>8} {'heads/B':>8} {'pos./B':>7}"


def lines(models: Mapping[str, Json]) -> Iterator[str]:
    """All tables of rates whose parts were measured."""
    yield from _generation(models)
    yield from _sampling(models)
    yield from _batches(models)
    yield from _scoring(models)
    yield from _compiled(models)


def _generation(models: Mapping[str, Json]) -> Iterator[str]:
    found = having(models, "generate")
    if not found:
        return
    about = "Greedy generation, byte-exact; stepping: the whole distribution at every byte, to a tolerance"
    yield from title(about, f"{_COLUMNS} {'passes/token':>12} {'by tokens':>9}")
    for name, rows in found.items():
        base = rows["transformers"]
        yield f"{name}: {_size(models[name])}, {base['bytes'] / base['tokens']:.1f} bytes per token of transformers"
        yield from (_row(label, row) for label, row in rows.items())


def _sampling(models: Mapping[str, Json]) -> Iterator[str]:
    found = having(models, "sample")
    if not found:
        return
    yield from title("Sampling, temperature 1, no filters", f"{_COLUMNS} {'passes/token':>12} {'by tokens':>9}")
    for name, rows in found.items():
        yield name
        yield from (_row(label, row) for label, row in rows.items())


def _batches(models: Mapping[str, Json]) -> Iterator[str]:
    found = having(models, "batch")
    if not found:
        return
    headings = f"{'':<30}{'batch, B/s':>12}{'single, B/s':>13}{'ratio':>8}{'same outputs':>16}"
    yield from title("A batch of greedy streams beside the same prompts one after the other", headings)
    for name, rows in found.items():
        for system in ("bytelm", "transformers"):
            row = rows[system]
            batch, single = median(row["batch_bytes_per_second"]), median(row["single_bytes_per_second"])
            label = f"{name}, {rows['streams']}, {system}"
            yield f"{label:<30}{batch:>12}{single:>13}{median(row['ratio'], 1, 2):>8}{row['same_outputs']:>16}"


def _scoring(models: Mapping[str, Json]) -> Iterator[str]:
    found = having(models, "score")
    if not found:
        return
    yield from title("Scoring a document, every byte of it, beside one token-level forward pass", _COLUMNS)
    for name, documents in found.items():
        for rows in documents.values():
            rates = {label: row for label, row in rows.items() if isinstance(row, dict)}
            bits = ", ".join(f"{label} {row['bits_per_byte']:.3f}" for label, row in rates.items())
            yield f"{name}, {rows['document_bytes'] / 1024:g} kB: {rows['tokens_per_byte']:.2f} tokens per byte"
            yield f"  bits per byte: {bits}"
            yield from (_row(label, row) for label, row in rates.items())


def _compiled(models: Mapping[str, Json]) -> Iterator[str]:
    found = having(models, "compiled")
    if not found:
        return
    yield from title("A network compiled by torch beside transformers that is not", _COLUMNS)
    for name, rows in found.items():
        yield f"{name}, loaded in {rows['load_seconds']} s"
        yield from (_row(way, rows[way]["compiled"]) for way in ("greedy", "sampling", "score"))


def _row(label: str, row: Json) -> str:
    rate = row["bytes_per_second"]
    ratio = row["ratio"]["median"] if "ratio" in row else 1.0
    line = f"  {label:<14}{rate['median']:>8.0f} {spread(rate):>15} {ratio:>6.2f}"
    if "per_byte" not in row:
        return line
    byte = row["per_byte"]
    line = f"{line}  {byte['passes']:>8.3f} {byte['heads']:>8.2f} {byte['positions']:>7.2f}"
    if "passes_per_token" not in row:
        return line
    return f"{line} {row['passes_per_token']:>12.2f} {row['ratio_of_tokens']:>9.2f}"


def _size(model: Json) -> str:
    return f"{model['parameters'] / 1e6:.1f} M parameters, {model['vocabulary']} tokens"
