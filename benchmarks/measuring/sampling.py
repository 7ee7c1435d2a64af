"""Plain sampling, temperature 1 and no filters, beside transformers' on tokens."""

from collections.abc import Callable
from functools import partial
from typing import Any

from measuring.generation import BASELINE, compared, count_tokens, counted, new_tokens
from measuring.rounds import Json, Meter, Say, by_turns
from measuring.subjects import Subject, pieces
from measuring.tokenlevel import TokenLevel
from measuring.workload import Workload

SAMPLING = "sampling"
"""The row of ``generate(temperature=1)``."""

COLD = "sampling, cold"
"""The row of a model whose tokenizer's rule has read nothing before but one prompt."""

SEED = 1


def measure(subject: Subject, work: Workload, say: Say) -> Json:
    """Bytes drawn from the byte model, and tokens drawn from the token model."""
    import torch

    work = subject.fitted(work)
    first, *prompts = pieces(subject.corpus, 1 + work.repeats * work.prompts, work.prompt_bytes)
    lm, cold, reference = subject.load(tolerance=1e-6), subject.fresh(tolerance=1e-6), TokenLevel(subject)
    say("sampling, warm-up")
    torch.manual_seed(SEED)
    how: dict[str, Any] = {"max_bytes": work.new_bytes, "temperature": 1.0, "seed": SEED}
    draw, draw_cold = partial(lm.generate, **how), partial(cold.generate, **how)
    reference.aim(reference.sample, first, work.new_bytes)
    draw(first)
    draw_cold(first)
    meter = Meter(lm.effort)
    rounds = [prompts[i : i + work.prompts] for i in range(0, len(prompts), work.prompts)]
    systems: dict[str, Callable[[bytes], bytes]] = {BASELINE: reference.sample, SAMPLING: draw, COLD: draw_cold}
    found = by_turns(systems, rounds, lambda text: say(f"sampling, {text}"), subject.hardware.settle)
    result = compared(found, BASELINE)
    tokens, theirs = new_tokens(reference, prompts, found[SAMPLING]), len(prompts) * reference.budget
    count_tokens(result, {SAMPLING: tokens, COLD: new_tokens(reference, prompts, found[COLD])}, theirs)
    result[SAMPLING] |= counted(meter, result[SAMPLING]["bytes"], tokens)
    return result
