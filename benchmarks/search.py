"""What a beam search finds beyond greedy decoding, and what it costs, in one run on one thread.

    python benchmarks/search.py --out benchmarks/search.json

Every width continues the same prompts, by turns. The table goes to standard output, progress to standard error.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bytelm.searching.completing import complete
from bytelm.searching.completion import Completion
from bytelm.searching.search import search
from measuring.options import add_places, parse
from measuring.rounds import Json, Meter, Say, by_turns, ratios, summary
from measuring.running import one_quiet_thread, present, saying
from measuring.subjects import SUBJECTS, Subject, pieces
from measuring.surroundings import load_average, surroundings
from measuring.writing import write

MODELS = ("bundled", "pycode-bpe4k")
BEAMS = (1, 2, 4, 8, 16)
GREEDY = "greedy"

NOTES = [
    "gain: the log-probability of the best continuation found less that of greedy decoding's, nats, what ended them "
    "included: the median of the prompts, the least, the most, and each.",
    "mean: the same for the log-probabilities divided by their lengths (bytes, and one for what ended them).",
    "better: for how many prompts another continuation than greedy decoding's was found to be better.",
    "ended: how the best continuations ended. bytes: their mean length.",
    "per_byte: passes and evaluated heads for each byte that greedy decoding made, the prompt's included.",
    "ratio: the time of the search over that of one greedy stream, on the same prompts, round by round.",
]

Options = dict[str, Any]

TASKS: dict[str, Options] = {
    "the rest of the line": {"max_bytes": 96, "stop": "\n"},
    "48 bytes": {"max_bytes": 48},
    "48 bytes, length penalty 1": {"max_bytes": 48, "length_penalty": 1.0},
}


@dataclass(frozen=True)
class Amount:
    """How much is measured.

    Attributes:
        rounds: how many times all systems take turns.
        prompts: how many prompts each has in a round.
        prompt_bytes: the length of each.
        beams: the widths.
    """

    rounds: int = 4
    prompts: int = 6
    prompt_bytes: int = 200
    beams: tuple[int, ...] = BEAMS


QUICK = Amount(rounds=1, prompts=2, prompt_bytes=60, beams=(1, 2))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit status."""
    options = _options(arguments)
    try:
        result = run(options.models, options.shared, options.quick)
    except KeyboardInterrupt:
        print("\nsearch.py: interrupted; nothing was written", file=sys.stderr)
        return 130
    except FileNotFoundError as error:
        print(f"search.py: {error}", file=sys.stderr)
        return 2
    print("\n".join(table(result)))
    if options.out is not None:
        write(options.out, result)
    return 0


def run(names: Sequence[str], shared: Path, quick: bool) -> Json:
    """Measure the named models, as far as they are there.

    Raises:
        FileNotFoundError: none of them is there.
    """
    amount, left_out = QUICK if quick else Amount(), dict[str, str]()
    with tempfile.TemporaryDirectory(prefix="bytelm-search-") as scratch:
        subjects = list(present(names, shared, Path(scratch), left_out))
        if not subjects:
            raise FileNotFoundError("; ".join(left_out.values()) + "; name other --models, or --shared PATH")
        one_quiet_thread()
        result: Json = {**surroundings(), "amount": vars(amount), "notes": NOTES, "left_out": left_out}
        result["models"] = {
            subject.name: saying(subject.name, lambda say, subject=subject: measure(subject, amount, say))
            for subject in subjects
        }
    result["machine"]["load_after"] = load_average()
    return result


def measure(subject: Subject, amount: Amount, say: Say) -> Json:
    """Every task with every width."""
    found = {name: _task(subject, amount, options, partial(_say, say, name)) for name, options in TASKS.items()}
    return {"text": subject.corpus.name, "prompts": amount.rounds * amount.prompts, "tasks": found}


def _say(say: Say, name: str, text: str) -> None:
    say(f"{name}, {text}")


def _task(subject: Subject, amount: Amount, options: Options, say: Say) -> Json:
    """Each width has a model of its own, so that none finds passes that another one made."""
    first, *prompts = pieces(subject.corpus, 1 + amount.rounds * amount.prompts, amount.prompt_bytes)
    rounds = [prompts[start : start + amount.prompts] for start in range(0, len(prompts), amount.prompts)]
    plain = {name: value for name, value in options.items() if name != "length_penalty"}
    models = {name: subject.load(tolerance=1e-6) for name in (GREEDY, *map(_name, amount.beams))}
    systems: dict[str, Callable[[bytes], Any]] = {GREEDY: partial(models[GREEDY].generate, **plain)}
    for width in amount.beams:
        systems[_name(width)] = partial(search, models[_name(width)], beams=width, best=1, **options)
    for system in systems.values():
        system(first)
    meters = {name: Meter(model.effort) for name, model in models.items()}
    found = by_turns(systems, rounds, say)
    for meter in meters.values():
        meter.stop()
    greedy = complete(subject.load(tolerance=1e-6), prompts, **plain)
    made = sum(len(text) for one in found[GREEDY].outputs for text in one)
    row = {"seconds": summary(found[GREEDY].seconds), "bytes": made, **meters[GREEDY].read({"byte": made})}
    rows = {
        name: {
            **_found([results[0] for one in found[name].outputs for results in one], greedy),
            "ratio": ratios(found[name].seconds, found[GREEDY].seconds),
            **meters[name].read({"byte": made}),
        }
        for name in map(_name, amount.beams)
    }
    return {"options": options, "greedy": row, "widths": rows}


def _name(width: int) -> str:
    return f"{width} beam{'s' if width > 1 else ''}"


def _found(best: Sequence[Completion], greedy: Sequence[Completion]) -> Json:
    """The best continuations beside the greedy ones."""
    pairs = list(zip(best, greedy, strict=True))
    return {
        "gain": summary([one.logprob - other.logprob for one, other in pairs]),
        "mean": summary([_mean(one) - _mean(other) for one, other in pairs]),
        "better": sum((one.text, one.ended) != (other.text, other.ended) for one, other in pairs),
        "ended": {ended: sum(one.ended == ended for one in best) for ended in ("end", "stop", "max_bytes")},
        "bytes": round(sum(len(one.text) for one in best) / len(best), 1),
    }


def _mean(one: Completion) -> float:
    return one.logprob / max(1, len(one.text) + (one.logend is not None))


def table(result: Json) -> Iterator[str]:
    """The results as lines for people."""
    machine = result["machine"]
    yield f"bytelm search, {result['date']}, commit {result['commit']}"
    yield f"{machine['processor']}, {machine['torch_threads']} torch thread, load {machine['load_before']}"
    for name, model in result["models"].items():
        yield ""
        yield f"{name}: {model['prompts']} prompts from {model['text']}"
        for task, found in model["tasks"].items():
            greedy = found["greedy"]["per_byte"]
            yield f"{task} (greedy: {greedy['heads']:.2f} heads a byte)"
            yield from (f"  {line}" for line in _widths(found, "{:<10}{:>14}{:>16}{:>10}{:>9}{:>8}{:>8}{:>9}{:>9}"))


def markdown(result: Json, name: str, task: str) -> list[str]:
    """One task of one model as a Markdown table."""
    head, *rows = _widths(result["models"][name]["tasks"][task], "| {} | {} | {} | {} | {} | {} | {} | {} | {} |")
    return [head, "|---" * 9 + "|", *rows]


def _widths(found: Json, form: str) -> Iterator[str]:
    yield form.format("", "gain, median", "least to most", "a symbol", "better", "ended", "bytes", "time", "heads/B")
    for width, row in found["widths"].items():
        gain, prompts = row["gain"], len(row["gain"]["repeats"])
        yield form.format(
            width,
            _rounded(gain["median"], 2),
            f"{_rounded(gain['least'], 2)} to {_rounded(gain['most'], 2)}",
            _rounded(row["mean"]["median"], 3),
            f"{row['better']}/{prompts}",
            f"{row['ended']['end'] + row['ended']['stop']}/{prompts}",
            f"{row['bytes']:.0f}",
            f"{row['ratio']['median']:.1f}",
            f"{row['per_byte']['heads']:.2f}",
        )


def _rounded(value: float, places: int) -> str:
    """No minus sign in front of zeros."""
    return f"{round(value, places) + 0.0:.{places}f}"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="search.py", description="Measure what beam search finds beyond greedy.")
    parser.add_argument(
        "--models", nargs="+", metavar="NAME", choices=list(SUBJECTS), default=list(MODELS), help=", ".join(SUBJECTS)
    )
    parser.add_argument("--quick", action="store_true", help="two prompts, to see that everything works")
    add_places(parser)
    return parse(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
