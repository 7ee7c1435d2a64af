"""Plain sampling, temperature 1 and no filters, beside transformers' on tokens."""

from collections.abc import Callable
from functools import partial

from measuring.generation import BASELINE, compared, count_tokens, counted, new_tokens
from measuring.rounds import Json, Meter, Say, by_turns
from measuring.subjects import Subject, pieces
from measuring.tokenlevel import TokenLevel
from measuring.workload import Workload

SAMPLING = "sampling"
"""The row of ``generate(temperature=1)``."""

SEED = 1


def measure(subject: Subject, work: Workload, say: Say) -> Json:
    """Bytes drawn from the byte model, and tokens drawn from the token model."""
    import torch

    work = subject.fitted(work)
    first, *prompts = pieces(subject.corpus, 1 + work.repeats * work.prompts, work.prompt_bytes)
    lm, reference = subject.load(tolerance=1e-6), TokenLevel(subject)
    say("sampling, warm-up")
    torch.manual_seed(SEED)
    draw = partial(lm.generate, max_bytes=work.new_bytes, temperature=1.0, seed=SEED)
    reference.aim(reference.sample, first, work.new_bytes)
    draw(first)
    meter = Meter(lm.effort)
    rounds = [prompts[i : i + work.prompts] for i in range(0, len(prompts), work.prompts)]
    systems: dict[str, Callable[[bytes], bytes]] = {BASELINE: reference.sample, SAMPLING: draw}
    found = by_turns(systems, rounds, lambda text: say(f"sampling, {text}"), subject.hardware.settle)
    result = compared(found, BASELINE)
    tokens = new_tokens(reference, prompts, found[SAMPLING])
    count_tokens(result, {SAMPLING: tokens}, len(prompts) * reference.budget)
    result[SAMPLING] |= counted(meter, result[SAMPLING]["bytes"], tokens)
    return result
