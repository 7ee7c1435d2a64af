"""What a byte costs behind longer and longer prompts, apart from attention itself."""

from functools import partial

from measuring.overhead import per_byte, spend, whole
from measuring.rounds import Json, Say, summary
from measuring.stopwatch import Stopwatch, network_of
from measuring.subjects import Subject, pieces
from measuring.tokenlevel import TokenLevel
from measuring.workload import Workload


def measure(subject: Subject, work: Workload, say: Say) -> Json | None:
    """For each length of prompt that the context holds: the time to the first byte, and that of each byte after it.

    Greedy, one stream; the passes and what is outside of them apart. ``None`` where the context holds none of them.
    """
    if subject.longest is not None:
        return None
    reference = TokenLevel(subject)
    sizes = [size for size in work.context_bytes if _fits(reference, subject, size, work.context_new)]
    if not sizes:
        return None
    lm = subject.load(tolerance=1e-6)
    watch = Stopwatch(network_of(lm), subject.hardware.settle)
    below = Stopwatch(reference.network, subject.hardware.settle)
    run = partial(lm.stream, max_bytes=work.context_new, raw=True)
    (warm,) = pieces(subject.corpus, 1, work.prompt_bytes)
    spend(run(warm), watch, subject)
    result: Json = {"bytes": work.context_new, "prompts": {}}
    for size in sizes:
        say(f"contexts, {size} bytes")
        _, *prompts = pieces(subject.corpus, 1 + work.context_repeats, size)
        spent = [spend(run(prompt), watch, subject) for prompt in prompts]
        reference.plan(prompts, work.context_new)
        beside = [whole(reference.generate, prompt, below, subject) for prompt in prompts]
        result["prompts"][str(size)] = {
            "tokens": round(sum(map(reference.tokens, prompts)) / len(prompts)),
            "first_byte_seconds": summary([one.first for one in spent]),
            "first_pass_seconds_of_transformers": summary([one.first for one in beside]),
            "bytelm": per_byte([one for one in spent if one.made]),
            "transformers": per_byte(beside),
        }
    return result


def _fits(reference: TokenLevel, subject: Subject, size: int, new_bytes: int) -> bool:
    """Whether the context holds such a prompt and what comes after it, a token for every byte at worst."""
    longest = max(map(reference.tokens, pieces(subject.corpus, 8, size)))
    return longest + new_bytes + 1 <= reference.context
