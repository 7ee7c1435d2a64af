"""A whole run for people: where it was made, what was measured, and what of it is as it should be."""

from collections.abc import Iterator

from measuring.rounds import Json
from measuring.tables import costs, rates
from measuring.tables.lines import WIDTH, having, median, title


def table(result: Json) -> str:
    """All of it; no line is longer than ``WIDTH``."""
    models = result["models"]
    parts = (_head(result), rates.lines(models), costs.lines(models), _genlm(result), _quoted(result), _targets(result))
    return "\n".join(line[:WIDTH] for part in parts for line in part)


def _head(result: Json) -> Iterator[str]:
    machine = result["machine"]
    libraries = ", ".join(f"{name} {number}" for name, number in result["versions"].items() if name != "numpy")
    yield f"bytelm speed, {result['date']}, commit {result['commit']}{_labelled(result)}"
    yield f"{machine['processor']}, {machine['torch_threads']} torch thread, load {machine['load_before']}"
    yield f"{result['hardware']['device']}, {result['hardware']['dtype']}; {libraries}"
    yield "medians of the repeats; ratio: to the first row of each model, round by round"
    for name, why in result["left_out"].items():
        yield f"left out: {name} ({why})"


def _labelled(result: Json) -> str:
    return f", {result['label']}" if result["label"] else ""


def _genlm(result: Json) -> Iterator[str]:
    found = having(result["models"], "genlm")
    if not found:
        return
    headings = f"{'':<54}{'greedy, B/s':>12}{'ratio':>8}{'reading, B/s':>14}"
    yield from title("genlm-bytes in this run; ratio: to transformers", headings)
    for name, rows in found.items():
        for label, row in rows["rows"].items():
            rate, reading = median(row["bytes_per_second"], 1, 1), median(row["reading_bytes_per_second"], 1, 1)
            ratio = f"{row['ratio']:.3f}" if "ratio" in row else ""
            yield f"{f'{name}, {label}':<54}{rate:>12}{ratio:>8}{reading:>14}"


def _quoted(result: Json) -> Iterator[str]:
    quoted = result["rivals"]
    rows = {name: quoted["generate"][name] for name in result["models"] if name in quoted["generate"]}
    if not rows:
        return
    yield from title("Rivals' greedy generation, from another run, with the ratio to transformers in that run")
    yield f"({quoted['source']})"
    for name, systems in rows.items():
        for system, row in systems.items():
            least, most = row["bytes_per_second"]
            rate = f"{least}" if least == most else f"{least} to {most}"
            yield f"{name:<15}{system:<58}{rate:>12} B/s {row['ratio']:>6.2f}"


def _targets(result: Json) -> Iterator[str]:
    found = result["targets"]
    if not found:
        return
    met = sum(target["met"] for target in found)
    yield from title(f"Targets: {met} of {len(found)} met", f"{'':<54}{'found':>10}{'target':>18}")
    for target in found:
        label = f"{target['model']}: {target['name']}"
        yield f"{label:<54}{target['value']:>10.3g}{target['target']:>18}  {'met' if target['met'] else 'NOT MET'}"
