"""The tables of the README, made of a run's result."""

from collections.abc import Iterator, Sequence

from measuring.rounds import Json
from measuring.targets import LARGE

GENLM = "K = 5, not waiting"
"""The row of genlm-bytes that is shown: the quicker one of those without a threshold."""

RIVALS = {
    "byte-sampler": "byte-sampler f27de98, last token canonical",
    "Meta, strict": "Meta Exact-Byte-Level 4f4fd16, strict",
}
"""The columns of rivals that are quoted, and what their rows are called."""


def greedy_table(result: Json) -> list[str]:
    """Greedy generation beside transformers and the rivals, a line for each model."""
    headings = ("model", "transformers", "bytelm", "ratio", "cold", "at tolerance 0", "genlm-bytes, K = 5", *RIVALS)
    quoted = result["rivals"]["generate"]
    rows = []
    for name, model in result["models"].items():
        if "generate" not in model:
            continue
        found, own = model["generate"], model.get("genlm", {}).get("rows", {}).get(GENLM, {})
        rate = [f"{found[row]['bytes_per_second']['median']:.0f}" for row in ("transformers", "greedy 1e-4")]
        ratios = [f"{found[row]['ratio']['median']:.2f}" for row in ("greedy 1e-4", "greedy, cold", "greedy 0")]
        genlm = f"{own['ratio']:.2f}" if "ratio" in own else ""
        others = [quoted.get(name, {}).get(row, {}).get("ratio") for row in RIVALS.values()]
        shown = ["" if ratio is None else f"{ratio:.2f}" for ratio in others]
        rows.append((_named(name, model), *rate, f"**{ratios[0]}**", *ratios[1:], genlm, *shown))
    return list(_lines(headings, rows))


def costs_table(result: Json) -> list[str]:
    """Sampling, batches, scoring and overhead, a line for each model that generates."""
    headings = (
        "model",
        "sampling",
        "batch of 16",
        "score 4 kB, 1e-6",
        "0",
        "64 kB, 1e-6",
        "0",
        "µs outside passes, greedy",
        "sampling",
    )
    rows = []
    for name, model in result["models"].items():
        if "generate" not in model:
            continue
        scores = [
            f"{model['score'][size][row]['ratio']['median']:.2f}" if size in model["score"] else ""
            for size in ("short", "long")
            for row in ("bytelm 1e-6", "bytelm 0")
        ]
        batch = f"{model['batch']['bytelm']['ratio']['median']:.1f}" if "batch" in model else ""
        spent = [model.get("overhead", {}).get(way) for way in ("greedy", "sampling")]
        outside = [f"{one['outside']['median']:.0f}" if one else "" for one in spent]
        sampling = f"{model['sample']['sampling']['ratio']['median']:.2f}"
        rows.append((f"`{name}`", sampling, batch, *scores, *outside))
    return list(_lines(headings, rows))


def compiled_table(result: Json) -> list[str]:
    """The same with a compiled network, a line for each model that was compiled."""
    headings = ("model, compiled", "greedy", "sampling", "score 4 kB", "seconds to load")
    rows = []
    for name, model in result["models"].items():
        if "compiled" in model:
            found = model["compiled"]
            ratios = [f"{found[way]['compiled']['ratio']['median']:.2f}" for way in ("greedy", "sampling", "score")]
            rows.append((f"`{name}`", *ratios, f"{found['load_seconds']:.0f}"))
    return list(_lines(headings, rows))


def _lines(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for cells in (headings, ["---"] * len(headings), *rows):
        yield "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def _named(name: str, model: Json) -> str:
    large = f", {model['vocabulary']:,} tokens" if model["vocabulary"] >= LARGE else ""
    return f"`{name}`, {model['parameters'] / 1e6:.1f} M{large}"
