"""Every tokenizer's byte view, proved against the tokenizer itself, with the time and the memory that it takes.

    python benchmarks/proofs.py --out benchmarks/proofs.json

Random cuts of texts in many scripts, code, emoji and adversarial strings; masks after random contexts, decided for
every token of the vocabulary. (`tokenizers.py` it cannot be called: Python would take it for the library.) The file
is written after each tokenizer, and a run that was interrupted goes on where it was: what the same commit found with
the same amounts is kept. The table goes to standard output, progress to standard error.
"""

import argparse
import json
import multiprocessing
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from measuring.options import add_places, parse
from measuring.proving import Amount, measure
from measuring.rounds import Json
from measuring.surroundings import commit, surroundings
from measuring.writing import write

NOTES = [
    "cuts: the heads found at each cut contain the tokenizer's own (complete), and each head found is the beginning of "
    "the encoding of some text (sound). masks: allowed_next, for every token, after so many contexts.",
    "texts, passed_over: texts whose own tokens do not spell them, as with a lossy vocabulary, are passed over.",
    "seconds, mask_milliseconds: the process's own time, whatever else the machine does, but for proof, which is by "
    "the clock. load reads the file; view makes what canonical sequences need and keeps it on disk; again takes both "
    "up from there (small vocabularies and families other than byte-pair encoding are made anew); proof is everything "
    "tried.",
    "resident_bytes: view is by how much the process grew for the two; peak is all of the process, the judge included.",
]


_HEADINGS = (
    f"{'tokenizer':<24}{'tokens':>8} {'cuts':>7} {'masks':>6} {'view s':>7} {'again':>6} {'mask ms':>8} {'most ms':>8}"
    f" {'MiB':>5}"
    f" {'proof s':>8}  verdict"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proofs; the exit status: 1 if there is a counterexample or a tokenizer that cannot be loaded."""
    options = _options(arguments)
    amount = Amount(options.cuts, options.contexts, options.seed)
    kept = _kept(options.out, amount)
    found: Json = {}
    try:
        named = _named(options.folders, options.shared)
        found = {name: kept[name] for name in named if "error" not in kept.get(name, {"error": ""})}
        left = {name: path for name, path in named.items() if name not in found}
        for name, one in _proved(left, options.shared / "data", amount, options.jobs):
            found[name] = one
            found = {other: found[other] for other in named if other in found}
            if options.out is not None:
                write(options.out, _result(found, amount))
    except KeyboardInterrupt:
        where = f"; {len(found)} are in {options.out}" if options.out is not None else ""
        print(f"\nproofs.py: interrupted{where}", file=sys.stderr)
        return 130
    except (FileNotFoundError, ValueError) as error:
        print(f"proofs.py: {error}", file=sys.stderr)
        return 2
    print("\n".join(table(found)))
    return int(not all(one.get("holds") for one in found.values()))


def table(found: Json) -> Iterator[str]:
    """The results for people, and the first counterexample of each tokenizer that has one."""
    yield _HEADINGS
    for name, one in found.items():
        short = name.rpartition("/")[2]
        if "error" in one:
            yield f"{short:<24}{one['error']}"[:140]
            continue
        seconds, masks = one["seconds"], one["mask_milliseconds"]
        view, memory = seconds["load"] + seconds["view"], one["resident_bytes"]["view"] / 2**20
        verdict = "complete and sound" if one["holds"] else f"{one['found']} counterexamples"
        yield (
            f"{short:<24}{one['size']:>8,} {one['cuts']:>7,} {one['masks']:>6} {view:>7.2f} {seconds['again']:>6.2f} "
            f"{masks['median']:>8.2f} {masks['most']:>8.1f} {memory:>5.0f} {seconds['proof']:>8.1f}  {verdict}"
        )
        yield from (line for lines in one["in_words"][:1] for line in lines)


def _proved(paths: Mapping[str, Path], data: Path, amount: Amount, jobs: int) -> Iterator[tuple[str, Json]]:
    """The tokenizers' results as they come, each from a fresh process; ``{"error": …}`` if one cannot be had."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=jobs, mp_context=fresh, max_tasks_per_child=1) as pool:
        running = {pool.submit(measure, path, name, data, amount): name for name, path in paths.items()}
        for done in as_completed(running):
            name = running[done]
            print(f"{name}: done", file=sys.stderr)
            try:
                yield name, done.result()
            except Exception as error:
                said = f"{type(error).__name__}: {error}".replace(str(paths[name]), name).replace(str(data), "data")
                yield name, {"error": said}


def _named(folders: Sequence[Path], shared: Path) -> dict[str, Path]:
    """The tokenizers to prove by their names, which say nothing of where the shared folder is.

    Raises:
        FileNotFoundError: there is none.
    """
    data = shared / "data"
    paths = list(folders) or [path for kind in ("tokenizers", "models") for path in sorted((data / kind).glob("*/"))]
    if not paths:
        raise FileNotFoundError(f"no tokenizers in {data}; name folders, or --shared PATH")
    return {str(path.relative_to(shared)) if path.is_relative_to(shared) else path.name: path for path in paths}


def _kept(out: Path | None, amount: Amount) -> Json:
    """What an earlier run of the same commit and amounts left in ``out``."""
    if out is None or not out.is_file():
        return {}
    earlier = json.loads(out.read_text("utf-8"))
    same = earlier.get("amount") == vars(amount) and earlier.get("commit") == commit()
    kept: Json = earlier["tokenizers"] if same else {}
    return kept


def _result(found: Json, amount: Amount) -> Json:
    return {**surroundings(), "amount": vars(amount), "notes": NOTES, "tokenizers": found}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="proofs.py", description="Prove tokenizers' byte views against themselves.")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="tokenizers (default: all shared ones)")
    parser.add_argument("--cuts", type=int, default=Amount.cuts, metavar="N", help="cuts of texts for each")
    parser.add_argument("--contexts", type=int, default=Amount.contexts, metavar="N", help="masks for each")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="how many are proved at once (default: 1)")
    parser.add_argument("--seed", type=int, default=Amount.seed, metavar="N", help="fixes what is tried")
    add_places(parser)
    return parse(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
