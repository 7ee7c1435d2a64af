"""The proof of one tokenizer, with what it takes in time and memory. Runs in a process of its own."""

import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bytelm.checking.proof import Progress, prove
from bytelm.checking.report import as_json, counterexample_lines
from bytelm.tokens.keeping import VARIABLE
from bytelm.tokens.tokenizer import Tokenizer
from measuring.rounds import Json

TEXTS = ("corpora/multilingual", "corpora/code", "corpora")
"""Where the texts are, below the shared data: many scripts and emoji, code, prose."""

_LONGEST = 2**20
_SHOWN = 3
_SECONDS_BETWEEN = {True: 0.25, False: 10.0}


@dataclass(frozen=True)
class Amount:
    """How much is tried on each tokenizer.

    Attributes:
        cuts: how many cuts of random texts, at least.
        contexts: after how many contexts every token of the vocabulary is tried.
        seed: decides which.
        limit: at how many counterexamples the search stops, for cuts and for masks each.
    """

    cuts: int = 10_000
    contexts: int = 100
    seed: int = 0
    limit: int = 10


def measure(path: Path, name: str, data: Path, amount: Amount) -> Json:
    """Prove one tokenizer and say what it took: seconds, milliseconds a mask, bytes of resident memory.

    What is kept on disk is kept in a folder of its own, so that the first view is made and the second taken up.
    """
    with tempfile.TemporaryDirectory() as cache:
        os.environ[VARIABLE] = cache
        before, begun = resident_bytes(), time.process_time()
        tokenizer = Tokenizer(path)
        loaded = time.process_time()
        tokenizer.canonical_heads(b"")
        built, view = time.process_time(), resident_bytes()
        Tokenizer(path).canonical_heads(b"")
        again = time.process_time()
        kept = sum(file.stat().st_size for file in Path(cache).iterdir())
    started = time.perf_counter()
    proof = prove(
        tokenizer,
        list(texts(data)),
        cuts=amount.cuts,
        contexts=amount.contexts,
        seed=amount.seed,
        limit=amount.limit,
        progress=_say(name),
    )
    proved = time.perf_counter() - started
    result = as_json(proof, tokenizer, name)
    masks = [1000 * seconds for seconds in result.pop("mask_seconds")] or [0.0]
    found = result.pop("counterexamples")
    seconds = {"load": loaded - begun, "view": built - loaded, "again": again - built, "proof": proved}
    return {
        **{key: value for key, value in result.items() if key not in ("tokenizer", "build_seconds")},
        "found": len(found),
        "counterexamples": found[:_SHOWN],
        "in_words": [[*counterexample_lines(wrong, tokenizer)] for wrong in proof.counterexamples[:_SHOWN]],
        "seconds": {key: round(value, 3) for key, value in seconds.items()},
        "mask_milliseconds": {"median": round(statistics.median(masks), 3), "most": round(max(masks), 3)},
        "masks_within_2_milliseconds": sum(mask <= 2 for mask in masks) / len(masks),
        "resident_bytes": {"view": view - before, "peak": peak_bytes()},
        "kept_bytes": kept,
    }


def texts(data: Path) -> Iterator[str]:
    """The texts of the shared data, as far as they are there; of long ones the beginning."""
    for path in sorted({path for folder in TEXTS for path in (data / folder).glob("**/*")}):
        if path.suffix in (".txt", ".jsonl"):
            with path.open(encoding="utf-8", newline="") as file:
                yield file.read(_LONGEST)


def resident_bytes() -> int:
    """The memory that this process holds; its peak where the system does not tell."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * resource.getpagesize() if pages.is_file() else peak_bytes()


def peak_bytes() -> int:
    """The most memory that this process held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _say(name: str) -> Progress:
    """Progress on standard error: in place on a terminal, else a line now and then."""
    in_place = sys.stderr.isatty()
    last = time.monotonic()

    def say(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN[in_place]:
            last = time.monotonic()
            line = f"{name}: {done:,} of {total:,} {what}"
            print(f"\r\x1b[K{line}" if in_place else line, end="" if in_place else "\n", file=sys.stderr, flush=True)

    return say
