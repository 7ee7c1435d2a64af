"""Ensembles of models with different tokenizers: bits per byte of each member, and of each way to pool them.

    python benchmarks/ensembles.py --out benchmarks/ensembles.json

Held-out code with the two bundled models; stories with `stories260K` and a model trained on the spot on other stories;
and a text that changes between code and stories, with a model of each. Weights are fitted on other texts than those
that are scored. The table goes to standard output, progress to standard error.
"""

import argparse
import json
import math
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import bytelm
from bytelm.model import ByteLM
from measuring.gaps import held_out_texts
from measuring.options import add_places, parse
from measuring.rounds import Json, Say, by_turns, summary
from measuring.running import one_quiet_thread, saying
from measuring.surroundings import load_average, surroundings
from measuring.tiny_model import train
from measuring.writing import write

SEED, STEPS, TEXTS, SIZE, NEW = 1, 800, 6, 1000, 128
STORIES = "data/corpora/tinystories/tinystories_1000.json"
MARGIN = 0.02
"""Bits a byte: how much worse than the best member the mixture may be."""

NOTES = [
    "bits per byte of all texts of a set together; each is scored from its beginning, by itself.",
    "mixture: the default; mixture, with counts: bytelm.ngram() as one more member. fitted: weights learned on a "
    "sample of other texts. product: the geometric mean, normalised. null: a member rules out a byte of the texts.",
    "speed: greedy bytes per second, one stream, the prompt's reading included; whole distributions: a member that is "
    "asked for the distribution of every byte, as ensembles ask theirs.",
    f"targets: the mixture is at most {MARGIN} above the best member everywhere, and below it on the mixed text.",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit status."""
    options = _options(arguments)
    try:
        result = run(options.shared, options.quick)
    except KeyboardInterrupt:
        print("\nensembles.py: interrupted; nothing was written", file=sys.stderr)
        return 130
    print("\n".join(table(result)))
    if options.out is not None:
        write(options.out, result)
    return 0


def run(shared: Path, quick: bool) -> Json:
    """Measure each set of texts whose models and texts are there."""
    one_quiet_thread()
    texts, size, steps = (2, 60, 2) if quick else (TEXTS, SIZE, STEPS)
    left_out: dict[str, str] = {}
    amount = {"texts": texts, "bytes_of_each": size, "training_steps": steps, "seed": SEED}
    result: Json = {**surroundings(), "amount": amount, "notes": NOTES, "left_out": left_out, "sets": {}}
    code = _cut(held_out_texts(), 2 * texts, size)
    members: dict[str, ByteLM[Any]] = {"code": bytelm.load("bundled:code"), "code-sp": bytelm.load("bundled:code-sp")}
    result["sets"]["code"] = _measure("code", members, code[texts:], code[:texts])
    prompts = [text[: size // 4] for text in code]
    result["speed"] = saying("speed", lambda say: speed(members, prompts, 8 if quick else NEW, say))
    stories = shared / STORIES
    if not stories.is_file():
        left_out["stories"] = left_out["mixed"] = f"{STORIES}: not in the shared folder"
        return _finished(result)
    told = json.loads(stories.read_text("utf-8"))
    held = _cut([text.encode() for text in told[800:]], 2 * texts, size)
    published = bytelm.load(shared / "data/models/stories260K")
    with tempfile.TemporaryDirectory(prefix="bytelm-ensembles-") as scratch:
        made = Path(scratch) / "tiny"
        saying("training", lambda say: {"path": train(told[:800], made, steps, SEED, say)})
        members = {"stories260K": published, "trained on the spot": bytelm.load(made)}
    result["sets"]["stories"] = _measure("stories", members, held[texts:], held[:texts])
    both = {"code": bytelm.load("bundled:code"), "stories260K": published}
    mixed = [_shuffled(*pair, size // 4) for pair in zip(code, held, strict=True)]
    result["sets"]["mixed"] = _measure("mixed", both, mixed[texts:], mixed[:texts])
    return _finished(result)


def _measure(name: str, members: Mapping[str, ByteLM[Any]], texts: list[bytes], sample: list[bytes]) -> Json:
    return saying(name, lambda say: measure(members, texts, sample, say))


def measure(members: Mapping[str, ByteLM[Any]], texts: list[bytes], sample: list[bytes], say: Say) -> Json:
    """The bits per byte of members and ensembles."""
    models = list(members.values())
    counts = bytelm.ngram()
    ways: dict[str, ByteLM[Any]] = {
        "mixture": bytelm.ensemble(models),
        "mixture, with counts": bytelm.ensemble([*models, counts]),
        "mean": bytelm.ensemble(models, "mean"),
        "mean, fitted": bytelm.ensemble(models, "mean").fitted(sample),
        "product": bytelm.ensemble(models, "product"),
        "product, fitted": bytelm.ensemble(models, "product").fitted(sample),
        "min": bytelm.ensemble(models, "min"),
        "max": bytelm.ensemble(models, "max"),
    }
    found: dict[str, dict[str, float | None]] = {"members": {}, "ensembles": {}}
    for kind, named in (("members", {**members, "counts": counts}), ("ensembles", ways)):
        for name, lm in named.items():
            say(name)
            bits = lm.bits_per_byte(texts)
            found[kind][name] = round(bits, 5) if math.isfinite(bits) else None
    best = min(bits for bits in found["members"].values() if bits is not None)
    weights = {name: ways[name].prefill("").weights.tolist() for name in ("mean, fitted", "product, fitted")}
    return {"bytes": sum(map(len, texts)), **found, "best_member": best, "fitted": weights}


def speed(members: Mapping[str, ByteLM[Any]], prompts: list[bytes], new: int, say: Say) -> Json:
    """Greedy bytes per second behind each prompt, the systems by turns: members alone, and ensembles of them."""
    models = list(members.values())
    systems = {
        **members,
        **{f"{name}, whole distributions": bytelm.ensemble([lm], "mean") for name, lm in members.items()},
        **{how: bytelm.ensemble(models, how) for how in ("mixture", "product")},
    }
    runs = {name: partial(lm.generate, max_bytes=new) for name, lm in systems.items()}
    found = by_turns(runs, [[prompt] for prompt in prompts], say)
    rates = {
        name: [len(made[0]) / seconds for made, seconds in zip(rounds.outputs, rounds.seconds, strict=True) if made[0]]
        for name, rounds in found.items()
    }
    return {"new_bytes": new, "prompts": len(prompts), **{name: summary(rate) for name, rate in rates.items()}}


def targets(sets: Mapping[str, Json]) -> Iterator[Json]:
    """What the mixture is held to."""
    for name, found in sets.items():
        gap = found["ensembles"]["mixture"] - found["best_member"]
        limit = 0.0 if name == "mixed" else MARGIN
        yield {"set": name, "above_best_member": round(gap, 5), "at_most": limit, "met": gap <= limit}


def table(result: Json) -> Iterator[str]:
    """The results as lines for people."""
    yield f"bits per byte of ensembles, {result['date']}, commit {result['commit']}"
    for name, found in result["sets"].items():
        yield ""
        yield f"{name}, {found['bytes']:,} bytes"
        for kind in ("members", "ensembles"):
            for lm, bits in found[kind].items():
                figures = "    -" if bits is None else f"{bits:>9.4f}{bits - found['best_member']:>+10.4f}"
                yield f"  {kind[:-1]:<10}{lm:<24}{figures}"
    yield ""
    for name, rate in result["speed"].items():
        if isinstance(rate, dict):
            yield f"  {name:<34}{rate['median']:>9.1f} bytes per second"
    yield ""
    for one in result["targets"]:
        held = f"at most {one['at_most']:+.2f}: {'met' if one['met'] else 'NOT MET'}"
        yield f"{one['set']}: the mixture is {one['above_best_member']:+.4f} from the best member, {held}"
    for name, why in result["left_out"].items():
        yield f"left out: {name}: {why}"


def _finished(result: Json) -> Json:
    result["targets"] = list(targets(result["sets"]))
    result["machine"]["load_after"] = load_average()
    return result


def _cut(texts: Sequence[bytes], count: int, size: int) -> list[bytes]:
    """Beginnings of some texts, of whole characters."""
    chosen = random.Random(SEED).sample([text for text in texts if len(text) >= size // 2], count)
    return [text[:size].decode("utf-8", "ignore").encode() for text in chosen]


def _shuffled(one: bytes, other: bytes, size: int) -> bytes:
    """Pieces of two texts by turns."""
    pieces = [text[start : start + size] for start in range(0, 2 * size, size) for text in (one, other)]
    return b"".join(piece.decode("utf-8", "ignore").encode() for piece in pieces)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ensembles.py", description="Measure ensembles of byte models.")
    parser.add_argument("--quick", action="store_true", help="a few bytes, to see that everything works")
    add_places(parser)
    return parse(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
