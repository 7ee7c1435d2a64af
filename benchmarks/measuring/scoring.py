"""Every byte of a document, beside one token-level forward pass over it."""

import math
from collections.abc import Callable
from functools import partial

from bytelm.covers.model import TokenizedLM
from measuring.rounds import Json, Meter, Say, by_turns, ratios, summary
from measuring.subjects import Subject, pieces
from measuring.tokenlevel import TokenLevel
from measuring.workload import Workload

BASELINE = "token level"

SCORING = (("bytelm 1e-6", 1e-6), ("bytelm 0", 0.0))
"""The rows of ``score`` and their tolerances."""


def measure(subject: Subject, work: Workload, say: Say) -> Json:
    """The log-probability of documents: of each byte by bytelm, of their own tokens by transformers."""
    models = {name: subject.load(tolerance) for name, tolerance in SCORING}
    reference = TokenLevel(subject)
    result = {"short": _documents(models, reference, subject, work.repeats, work.score_bytes, say)}
    if subject.long_texts:
        result["long"] = _documents(models, reference, subject, work.long_repeats, work.long_bytes, say)
    return result


def _documents(
    models: dict[str, TokenizedLM], reference: TokenLevel, subject: Subject, count: int, size: int, say: Say
) -> Json:
    first, *texts = pieces(subject.corpus, 1 + count, size)
    say(f"scoring {size} bytes, warm-up")
    systems: dict[str, Callable[[bytes], float]] = {BASELINE: reference.score}
    systems |= {name: partial(_total, lm) for name, lm in models.items()}
    for run in systems.values():
        run(first[:4096])
    meters = {name: Meter(lm.effort) for name, lm in models.items()}
    rounds = [[text] for text in texts]
    found = by_turns(systems, rounds, lambda text: say(f"scoring {size} bytes, {text}"), subject.hardware.settle)
    rates = {name: [len(text) / s for text, s in zip(texts, one.seconds, strict=True)] for name, one in found.items()}
    units = {"byte": sum(map(len, texts)), "token": sum(map(reference.tokens, texts))}
    result: Json = {"bytes": units["byte"], "document_bytes": size, "documents": count}
    result["tokens_per_byte"] = round(units["token"] / units["byte"], 4)
    for name, one in found.items():
        nats = math.fsum(total for outputs in one.outputs for total in outputs)
        bits = round(-nats / math.log(2) / units["byte"], 4)
        result[name] = {"bytes_per_second": summary(rates[name]), "bits_per_byte": bits}
    for name, meter in meters.items():
        meter.stop()
        result[name]["ratio"] = ratios(rates[name], rates[BASELINE])
        result[name] |= meter.read(units)
    return result


def _total(lm: TokenizedLM, text: bytes) -> float:
    return float(lm.score(text).sum())
