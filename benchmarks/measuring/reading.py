"""Reading a prompt, to the distribution of the byte after it."""

from measuring.rounds import Json, Meter, Say, by_turns, summary
from measuring.subjects import Subject, pieces
from measuring.workload import Workload


def measure(subject: Subject, work: Workload, say: Say) -> Json:
    """The time from a prompt to the distribution of the byte after it."""
    work = subject.fitted(work)
    first, *prompts = pieces(subject.corpus, 1 + work.repeats, work.prefill_bytes)
    lm = subject.load(tolerance=1e-6)
    systems = {"bytelm": lambda prompt: lm.prefill(prompt).logprobs()}
    systems["bytelm"](first)
    meter = Meter(lm.effort)
    rounds = [[prompt] for prompt in prompts]
    found = by_turns(systems, rounds, lambda text: say(f"reading, {text}"), subject.hardware.settle)
    meter.stop()
    each = {"bytes": work.prefill_bytes, "seconds": summary(found["bytelm"].seconds)}
    return each | meter.read({"prompt": len(prompts)})
