"""What byte views of tokenizers cost: seconds to make, and to take up from disk; milliseconds a mask; memory.

    python benchmarks/views.py --out benchmarks/views.json

Each tokenizer gets two fresh processes. The first finds nothing on disk; the second finds what the first left there.
Both then ask `allowed_next` about the same contexts, each for the first time. (That the masks are right is proved by
`proofs.py`.) The table goes to standard output.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random

from bytelm.tokens.keeping import VARIABLE
from bytelm.tokens.tokenizer import Tokenizer
from measuring.options import add_places, parse
from measuring.proving import resident_bytes, texts
from measuring.rounds import Json
from measuring.surroundings import load_average, surroundings
from measuring.writing import write

NAMES = ("llama3", "qwen2.5", "gpt2", "gpt-neox-20b", "llama2", "pegasus-unigram", "bert-uncased", "rwkv-world")
NOTES = [
    "seconds, by the clock: open reads the file, rule makes what canonical sequences need. contexts: beginnings, of at "
    "most 12 tokens, of the encodings of random pieces of texts in many scripts and of code.",
    "masks: milliseconds by the clock of one allowed_next, which reads the context and makes the mask.",
    "resident_bytes: by how much the process grew for the view. kept_bytes: the file on disk; only byte-pair encodings "
    "of 1,024 tokens and more are kept.",
]
_LONGEST_CONTEXT = 12


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement."""
    parser = argparse.ArgumentParser(prog="views.py", description="Measure what byte views cost.")
    parser.add_argument("--contexts", type=int, default=300, metavar="N", help="how many masks (default: 300)")
    add_places(parser)
    options = parse(parser, arguments)
    data = options.shared / "data"
    found: Json = {name: _measured(data / "tokenizers" / name, data, options.contexts) for name in NAMES}
    if options.out is not None:
        write(options.out, {**surroundings(), "load": load_average(), "notes": NOTES, "tokenizers": found})
    print("\n".join(table(found)))
    return 0


def table(found: Json) -> Iterator[str]:
    """The results for people."""
    yield (
        f"{'tokenizer':<18}{'first s':>8}{'again s':>8}{'mask ms':>9}{'again ms':>9}{'within 2':>9}{'MiB':>6}"
        f"{'kept MiB':>9}"
    )
    for name, one in found.items():
        first, again = one["first"], one["again"]
        yield (
            f"{name:<18}{first['open'] + first['rule']:>8.2f}{again['open'] + again['rule']:>8.2f}"
            f"{first['masks']['median']:>9.2f}{again['masks']['median']:>9.2f}{again['masks']['within_2']:>9.0%}"
            f"{first['resident_bytes'] / 2**20:>6.0f}{one['kept_bytes'] / 2**20:>9.0f}"
        )


def _measured(path: Path, data: Path, contexts: int) -> Json:
    print(path.name, file=sys.stderr)
    with tempfile.TemporaryDirectory() as cache:
        first, again = (_in_a_fresh_process(path, data, contexts, cache) for _ in range(2))
        kept = sum(file.stat().st_size for file in Path(cache).iterdir())
    return {"first": first, "again": again, "kept_bytes": kept}


def _in_a_fresh_process(path: Path, data: Path, contexts: int, cache: str) -> Json:
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure, path, data, contexts, cache).result()


def _measure(path: Path, data: Path, contexts: int, cache: str) -> Json:
    import tokenizers  # noqa: F401  the library is there before the clock starts

    os.environ[VARIABLE] = cache
    before, begun = resident_bytes(), time.perf_counter()
    tokenizer = Tokenizer(path)
    opened = time.perf_counter()
    tokenizer.canonical_heads(b"")
    made, after = time.perf_counter(), resident_bytes()
    masks = sorted(_mask_milliseconds(tokenizer, list(texts(data)), contexts))
    return {
        "open": round(opened - begun, 3),
        "rule": round(made - opened, 3),
        "masks": {
            "median": round(statistics.median(masks), 3),
            "ninth_decile": round(masks[int(0.9 * len(masks))], 3),
            "most": round(masks[-1], 3),
            "within_2": sum(mask <= 2 for mask in masks) / len(masks),
        },
        "resident_bytes": after - before,
    }


def _mask_milliseconds(tokenizer: Tokenizer, found: Sequence[str], contexts: int) -> Iterator[float]:
    random = Random(0)
    for _ in range(contexts):
        text = random.choice(found)
        start = random.randrange(max(1, len(text) - 60))
        ids = tokenizer.encode(text[start : start + 60])
        head = ids[: random.randint(0, min(_LONGEST_CONTEXT, len(ids)))]
        if not all(map(tokenizer.token_bytes, head)):
            continue  # an unknown character
        begun = time.perf_counter()
        tokenizer.allowed_next(head)
        yield 1000 * (time.perf_counter() - begun)


if __name__ == "__main__":
    sys.exit(main())
