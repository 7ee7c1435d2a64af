"""The parts of the benchmark of speed, by name: what is measured of every model."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from measuring import batches, compiled, contexts, generation, memory, overhead, prefixes, reading, sampling, scoring
from measuring.rounds import Json, Say
from measuring.subjects import Subject
from measuring.tokenlevel import TokenLevel
from measuring.workload import Workload

Measure = Callable[[Subject, Workload, Say], Json | None]
"""Measures one model; ``None`` where it cannot be measured so."""

PARTS: Mapping[str, Measure] = MappingProxyType(
    {
        "generate": generation.measure,
        "sample": sampling.measure,
        "batch": batches.measure,
        "overhead": overhead.measure,
        "score": scoring.measure,
        "compiled": compiled.measure,
        "prefill": reading.measure,
        "prefix": prefixes.measure,
        "contexts": contexts.measure,
        "memory": memory.measure,
    }
)


def measure(subject: Subject, work: Workload, only: Sequence[str], say: Say) -> Json:
    """The named parts, as far as the model takes part in them."""
    say("loading")
    result = _about(subject)
    say("reading, so that the tokenizer's rule is warm")
    subject = subject.read(work)
    for name in only:
        if subject.parts is None or name in subject.parts:
            found = PARTS[name](subject, work, say)
            if found is not None:
                result[name] = found
    return result


def _about(subject: Subject) -> Json:
    reference = TokenLevel(subject)
    return {
        "about": subject.about,
        "parameters": reference.parameters,
        "vocabulary": reference.vocabulary,
        "context": reference.context,
        "text": subject.corpus.name,
    }
