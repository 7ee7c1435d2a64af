"""Many streams at once, beside the same prompts one after the other."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from measuring.rounds import Json, Say, by_turns, ratios, summary
from measuring.subjects import Subject, pieces
from measuring.tokenlevel import TokenLevel
from measuring.workload import Workload

SYSTEMS = ("bytelm", "transformers")


def measure(subject: Subject, work: Workload, say: Say) -> Json | None:
    """Greedy generation from a list of prompts of different lengths: all at once, and one by one.

    Each side has a model for the batch and another one for the single streams, so that neither has seen the prompts.
    ``None`` where the context is too short.
    """
    if subject.longest is not None:
        return None
    say("batches, warm-up")
    batched, single = subject.load(tolerance=1e-6), subject.load(tolerance=1e-6)
    reference = TokenLevel(subject)
    first, *rounds = _rounds(subject, work)
    reference.aim(reference.generate, first[0], work.new_bytes)
    systems: dict[str, Callable[[list[bytes]], list[bytes]]] = {
        "bytelm, batch": lambda prompts: batched.generate(prompts, max_bytes=work.new_bytes),
        "bytelm, single": lambda prompts: [single.generate(one, max_bytes=work.new_bytes) for one in prompts],
        "transformers, batch": reference.generate_batch,
        "transformers, single": lambda prompts: [reference.generate(prompt) for prompt in prompts],
    }
    for run in systems.values():
        run(first[:2])
    found = by_turns(
        systems, [[prompts] for prompts in rounds], lambda text: say(f"batches, {text}"), subject.hardware.settle
    )
    rates = {
        name: [sum(map(len, made[0])) / seconds for made, seconds in zip(one.outputs, one.seconds, strict=True)]
        for name, one in found.items()
    }
    result: Json = {"streams": work.streams, "longest_prompt": max(map(len, rounds[0]))}
    for system in SYSTEMS:
        batch, alone = f"{system}, batch", f"{system}, single"
        result[system] = {
            "batch_bytes_per_second": summary(rates[batch]),
            "single_bytes_per_second": summary(rates[alone]),
            "ratio": ratios(rates[batch], rates[alone]),
            "same_outputs": _same(found[batch].outputs, found[alone].outputs),
        }
    result["ratio_of_batches"] = ratios(rates["bytelm, batch"], rates["transformers, batch"])
    return result


def _rounds(subject: Subject, work: Workload) -> Iterator[list[bytes]]:
    """One list of prompts for the warm-up and one for each repeat: half to one and a half of the usual length."""
    count = work.streams * (1 + work.batch_repeats)
    longest = work.prompt_bytes * 3 // 2
    prompts = pieces(subject.corpus, count, longest)
    least = work.prompt_bytes // 2
    for _ in range(1 + work.batch_repeats):
        some = list(islice(prompts, work.streams))
        step = (longest - least) / max(1, len(some) - 1)
        yield [text[: round(least + step * number)] for number, text in enumerate(some)]


def _same(some: Sequence[Sequence[Sequence[bytes]]], others: Sequence[Sequence[Sequence[bytes]]]) -> str:
    """How many outputs are the same: rounding differs between batches, and a tie may fall to the other side."""
    pairs = [
        (one, other)
        for batch, alone in zip(some, others, strict=True)
        for one, other in zip(batch[0], alone[0], strict=True)
    ]
    return f"{sum(one == other for one, other in pairs)} of {len(pairs)}"
