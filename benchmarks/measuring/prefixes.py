"""A second prompt that begins like an earlier one: the time to its first byte."""

import time
from collections.abc import Callable

from measuring.rounds import Json, Say, ratios, summary
from measuring.subjects import Subject, pieces
from measuring.tokenlevel import TokenLevel
from measuring.workload import Workload


def measure(subject: Subject, work: Workload, say: Say) -> Json | None:
    """The time to the first byte behind a prompt, behind one that shares its beginning, and behind the first again.

    Another model reads all of them before, over the same tokenizer: what that remembers of them speeds up none of
    the three more than the others. ``None`` where the context does not hold the prompt.
    """
    reference = TokenLevel(subject)
    reference.budget = 1
    warm, *prompts = pieces(subject.corpus, 1 + 2 * work.repeats, work.shared_bytes)
    if any(reference.tokens(prompt) + 2 > reference.context for prompt in prompts):
        return None
    kept = round(work.shared_part * work.shared_bytes)
    pairs = [(prompts[i], prompts[i][:kept] + prompts[i + 1][kept:]) for i in range(0, len(prompts), 2)]
    warmed = subject.fresh(tolerance=1e-6)
    say("prefixes, warm-up")
    for prompt in [warm, *(text for pair in pairs for text in pair)]:
        warmed.generate(prompt, max_bytes=1)
    lm = subject.fresh(tolerance=1e-6).over(warmed.tokenizer.canonical, warmed.tolerance)
    lm.generate(warm, max_bytes=1)
    reference.generate(warm)
    seconds: dict[str, list[float]] = {name: [] for name in ("transformers", "first", "second", "again")}
    for number, (prompt, second) in enumerate(pairs):
        say(f"prefixes, round {number + 1} of {work.repeats}")
        for name, text in {"first": prompt, "second": second, "again": prompt}.items():
            seconds[name].append(_seconds(lambda text: lm.generate(text, max_bytes=1), text, subject))
        seconds["transformers"].append(_seconds(reference.generate, prompt, subject))
    result: Json = {"bytes": work.shared_bytes, "shared": work.shared_part}
    result |= {f"{name}_seconds": summary(found) for name, found in seconds.items()}
    for name in ("second", "again"):
        result[f"{name}_over_first"] = ratios(seconds[name], seconds["first"])
    result["first_over_transformers"] = ratios(seconds["first"], seconds["transformers"])
    return result


def _seconds(run: Callable[[bytes], bytes], prompt: bytes, subject: Subject) -> float:
    subject.hardware.settle()
    begun = time.perf_counter()
    run(prompt)
    subject.hardware.settle()
    return time.perf_counter() - begun
