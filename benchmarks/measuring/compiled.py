"""What `load(compile=True)` gains: generation, sampling and scoring beside transformers that is not compiled."""

import shutil
import time
from collections.abc import Callable
from functools import partial

from measuring.generation import BASELINE, compared
from measuring.rounds import Json, Say, by_turns, ratios, summary
from measuring.subjects import Subject, pieces
from measuring.tokenlevel import TokenLevel
from measuring.workload import Workload

OURS = "compiled"
"""The row of the compiled model."""


def measure(subject: Subject, work: Workload, say: Say) -> Json | None:
    """Greedy, sampled, and scored. ``None`` where contexts are short, or there is nothing to compile with."""
    if subject.longest is not None or shutil.which("g++") is None:
        return None
    say("compiling")
    begun = time.perf_counter()
    lm, reference = subject.load(tolerance=1e-4, compiled=True), TokenLevel(subject)
    result: Json = {"load_seconds": round(time.perf_counter() - begun, 1)}
    first, *prompts = pieces(subject.corpus, 1 + work.repeats * work.prompts, work.prompt_bytes)
    rounds = [prompts[i : i + work.prompts] for i in range(0, len(prompts), work.prompts)]
    generate = partial(lm.generate, max_bytes=work.new_bytes)
    ways: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
        "greedy": (generate, reference.generate),
        "sampling": (partial(generate, temperature=1.0, seed=1), reference.sample),
    }
    reference.plan([first, *prompts], work.new_bytes)
    reference.aim(reference.sample, first, work.new_bytes)
    for name, (ours, theirs) in ways.items():
        ours(first)
        theirs(first)
        found = by_turns({BASELINE: theirs, OURS: ours}, rounds, partial(_say, say, name))
        result[name] = compared(found, BASELINE)
    result["score"] = _scored(lm.score, reference, subject, work, say)
    return result


def _say(say: Say, name: str, text: str) -> None:
    say(f"compiled, {name}, {text}")


def _scored(
    score: Callable[[bytes], object], reference: TokenLevel, subject: Subject, work: Workload, say: Say
) -> Json:
    first, *texts = pieces(subject.corpus, 1 + work.repeats, work.score_bytes)
    systems: dict[str, Callable[[bytes], object]] = {BASELINE: reference.score, OURS: score}
    for run in systems.values():
        run(first)
    found = by_turns(systems, [[text] for text in texts], partial(_say, say, "scoring"))
    rates = {name: [len(text) / s for text, s in zip(texts, one.seconds, strict=True)] for name, one in found.items()}
    result: Json = {name: {"bytes_per_second": summary(rate)} for name, rate in rates.items()}
    result[OURS]["ratio"] = ratios(rates[OURS], rates[BASELINE])
    return result
