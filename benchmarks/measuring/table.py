"""The results of a run as a table for people, at most 100 columns wide."""

from collections.abc import Iterator

from measuring.rounds import Json

WIDTH = 100

_BASELINES = ("transformers", "token level")
_HEADINGS = (
    f"{'bytes/s':>8} {'spread':>15} {'ratio':>6}  {'passes/B':>8} {'heads/B':>8} {'pos./B':>7} {'heads/token':>11}"
)


def table(result: Json) -> str:
    """The whole run."""
    return "\n".join([*_head(result), *_generation(result), *_scoring(result), *_prefill(result), *_rivals(result)])


def _head(result: Json) -> Iterator[str]:
    machine = result["machine"]
    libraries = ", ".join(f"{name} {number}" for name, number in result["versions"].items() if name != "numpy")
    yield f"bytelm speed, {result['date']}, commit {result['commit']}"
    yield f"{machine['processor']}, {machine['torch_threads']} torch thread, load {machine['load_before']}"[:WIDTH]
    yield libraries[:WIDTH]
    yield "medians of the repeats; ratio: to the first row of each model, round by round"
    for name, why in result["left_out"].items():
        yield f"left out: {name} ({why})"[:WIDTH]


def _generation(result: Json) -> Iterator[str]:
    yield from _title("Greedy generation, byte-exact; stepping: the whole distribution at every byte, to a tolerance")
    for name, model in result["models"].items():
        rows = model["generate"]
        per_token = rows["transformers"]["bytes"] / rows["transformers"]["tokens"]
        yield f"{name}: {_size(model)}, {per_token:.1f} bytes per generated token"
        yield from (_row(label, row) for label, row in rows.items())


def _scoring(result: Json) -> Iterator[str]:
    yield from _title("Scoring a text, every byte of it, beside one token-level forward pass")
    for name, model in result["models"].items():
        rows = model["score"]
        bits = ", ".join(f"{label} {row['bits_per_byte']:.3f}" for label, row in rows.items() if isinstance(row, dict))
        yield f"{name}: {rows['tokens_per_byte']:.2f} tokens per byte; bits per byte: {bits}"
        yield from (_row(label, row) for label, row in rows.items() if isinstance(row, dict))


def _prefill(result: Json) -> Iterator[str]:
    yield ""
    yield "Reading a prompt, to the distribution of the byte after it"
    yield "-" * WIDTH
    for name, model in result["models"].items():
        read, per = model["prefill"], model["prefill"]["per_prompt"]
        seconds = read["seconds"]
        spread = f"{1000 * seconds['least']:.1f} to {1000 * seconds['most']:.1f}"
        yield (
            f"{name:<15}{read['bytes']:>4} bytes{1000 * seconds['median']:>8.1f} ms  ({spread})"
            f"   {per['passes']:.1f} passes, {per['heads']:.1f} heads, {per['positions']:.1f} positions"
        )


def _rivals(result: Json) -> Iterator[str]:
    quoted = result["rivals"]
    yield ""
    yield "Rivals' greedy generation, from another run, with the ratio to transformers in that run"
    yield f"({quoted['source']})"
    yield "-" * WIDTH
    for name in result["models"]:
        for system, row in quoted["generate"].get(name, {}).items():
            least, most = row["bytes_per_second"]
            rate = f"{least}" if least == most else f"{least} to {most}"
            yield f"{name:<15}{system:<58}{rate:>12} B/s {row['ratio']:>6.2f}"


def _title(text: str) -> Iterator[str]:
    yield ""
    yield text
    yield f"{'':<14}{_HEADINGS}"
    yield "-" * WIDTH


def _row(label: str, row: Json) -> str:
    rate = row["bytes_per_second"]
    spread = f"{rate['least']:.0f} to {rate['most']:.0f}"
    ratio = 1.0 if label in _BASELINES else row["ratio"]["median"]
    line = f"  {label:<12}{rate['median']:>8.0f} {spread:>15} {ratio:>6.2f}"
    if label in _BASELINES:
        return line
    byte, token = row["per_byte"], row["per_token"]
    return f"{line}  {byte['passes']:>8.3f} {byte['heads']:>8.2f} {byte['positions']:>7.2f} {token['heads']:>11.2f}"


def _size(model: Json) -> str:
    return f"{model['parameters'] / 1e6:.1f} M parameters, {model['vocabulary']} tokens"
