"""The three kinds of work that are measured: generation, scoring, and reading a prompt."""

import math
from collections.abc import Callable, Sequence
from functools import partial

from bytelm import END, load
from bytelm.covers.model import TokenizedLM
from measuring.rounds import Json, Meter, Rounds, Say, by_turns, ratios, summary
from measuring.subjects import Subject, Workload, pieces
from measuring.tokenlevel import TokenLevel

GREEDY = "greedy"
"""The row of ``generate``: exact at any tolerance, and certain of no more than the best byte."""

GENERATING = {GREEDY: 1e-6, "step 1e-4": 1e-4, "step 1e-6": 1e-6, "step 0": 0.0}
"""The tolerances of the generation, by the name of the row; stepping asks for the whole distribution at every byte."""

SCORING = {"bytelm 1e-6": "step 1e-6", "bytelm 0": "step 0"}
"""The models of the scoring, by the name of the row; the first is that of the reading of a prompt, too."""

Models = dict[str, TokenizedLM]


def measure(subject: Subject, work: Workload, say: Say) -> Json:
    """All that is measured of one model."""
    say("loading")
    models = {name: load(subject.path, tolerance=tolerance) for name, tolerance in GENERATING.items()}
    reference = TokenLevel(subject, next(iter(models.values())).tokenizer)
    fitted = subject.fitted(work)
    return {
        "about": subject.about,
        "parameters": reference.parameters,
        "vocabulary": reference.vocabulary,
        "context": reference.context,
        "text": subject.corpus.name,
        "workload": vars(fitted),
        "generate": generation(models, reference, subject, fitted, say),
        "score": scoring({row: models[name] for row, name in SCORING.items()}, reference, subject, fitted, say),
        "prefill": reading(models[next(iter(SCORING.values()))], subject, fitted, say),
    }


def generation(models: Models, reference: TokenLevel, subject: Subject, work: Workload, say: Say) -> Json:
    """The most probable bytes: by ``generate``, by stepping at every tolerance, and by transformers on tokens."""
    first, *prompts = pieces(subject.corpus, 1 + work.repeats * work.prompts, work.prompt_bytes)
    say("generation, warm-up")
    systems: dict[str, Callable[[bytes], bytes]] = {"transformers": reference.generate}
    systems |= {name: partial(_step, lm, work.new_bytes) for name, lm in models.items()}
    systems[GREEDY] = partial(models[GREEDY].generate, max_bytes=work.new_bytes)
    reference.aim(first, work.new_bytes)
    for run in systems.values():
        run(first)
    meters = {name: Meter(lm.effort) for name, lm in models.items()}
    rounds = [prompts[i : i + work.prompts] for i in range(0, len(prompts), work.prompts)]
    found = by_turns(systems, rounds, lambda text: say(f"generation, {text}"))
    rates = {name: [_length(made) / s for made, s in _zip(one)] for name, one in found.items()}
    result: dict[str, Json] = {name: {"bytes_per_second": summary(rate)} for name, rate in rates.items()}
    for name, lm in models.items():
        made = [text for outputs in found[name].outputs for text in outputs]
        tokens = sum(_new_tokens(lm, prompt, text) for prompt, text in zip(prompts, made, strict=True))
        result[name]["ratio"] = ratios(rates[name], rates["transformers"])
        result[name] |= {"bytes": _length(made), "tokens": tokens}
        meters[name].stop()
        costs = _reading_costs(lm, prompts, name == GREEDY)
        result[name] |= meters[name].read({"byte": _length(made), "token": tokens}, less=costs)
    made_there = sum(map(_length, found["transformers"].outputs))
    result["transformers"] |= {"bytes": made_there, "tokens": len(prompts) * reference.budget}
    return result


def scoring(models: Models, reference: TokenLevel, subject: Subject, work: Workload, say: Say) -> Json:
    """The log-probability of a text: every byte of it by bytelm, its own tokens by transformers."""
    first, *texts = pieces(subject.corpus, 1 + work.repeats, work.score_bytes)
    say("scoring, warm-up")
    systems: dict[str, Callable[[bytes], float]] = {"token level": reference.score}
    systems |= {name: partial(_total, lm) for name, lm in models.items()}
    for run in systems.values():
        run(first)
    meters = {name: Meter(lm.effort) for name, lm in models.items()}
    found = by_turns(systems, [[text] for text in texts], lambda text: say(f"scoring, {text}"))
    rates = {name: [len(text) / s for text, s in zip(texts, one.seconds, strict=True)] for name, one in found.items()}
    tokenizer = next(iter(models.values())).tokenizer
    units = {"byte": _length(texts), "token": sum(len(tokenizer.encode(text)) for text in texts)}
    result: Json = {"bytes": units["byte"], "tokens_per_byte": round(units["token"] / units["byte"], 4)}
    for name, one in found.items():
        nats = math.fsum(total for outputs in one.outputs for total in outputs)
        bits = round(-nats / math.log(2) / units["byte"], 4)
        result[name] = {"bytes_per_second": summary(rates[name]), "bits_per_byte": bits}
    for name in models:
        meters[name].stop()
        result[name]["ratio"] = ratios(rates[name], rates["token level"])
        result[name] |= meters[name].read(units)
    return result


def reading(lm: TokenizedLM, subject: Subject, work: Workload, say: Say) -> Json:
    """The time from a prompt to the distribution of the byte after it."""
    first, *prompts = pieces(subject.corpus, 1 + work.repeats, work.prefill_bytes)
    systems = {"bytelm": lambda prompt: lm.prefill(prompt).logprobs()}
    systems["bytelm"](first)
    meter = Meter(lm.effort)
    seconds = by_turns(systems, [[prompt] for prompt in prompts], lambda text: say(f"reading, {text}"))
    meter.stop()
    each = {"bytes": work.prefill_bytes, "seconds": summary(seconds["bytelm"].seconds)}
    return each | meter.read({"prompt": len(prompts)})


def _step(lm: TokenizedLM, count: int, prompt: bytes) -> bytes:
    """The most probable byte, ``count`` times, from the whole next-byte distribution each time."""
    state, made = lm.prefill(prompt), b""
    while True:
        symbol = int(state.logprobs().argmax())
        if symbol == END:
            return made
        made += bytes([symbol])
        if len(made) == count:
            return made
        state = state.advance(made[-1:])


def _reading_costs(lm: TokenizedLM, prompts: Sequence[bytes], greedy: bool) -> Json:
    """What the prompts alone cost."""
    meter = Meter(lm.effort)
    for prompt in prompts:
        if greedy:
            next(lm.greedy(prompt))
        else:
            lm.prefill(prompt)
    return meter.stop()


def _total(lm: TokenizedLM, text: bytes) -> float:
    return float(lm.score(text).sum())


def _length(texts: Sequence[bytes]) -> int:
    return sum(map(len, texts))


def _zip(rounds: Rounds[bytes]) -> "zip[tuple[list[bytes], float]]":
    return zip(rounds.outputs, rounds.seconds, strict=True)


def _new_tokens(lm: TokenizedLM, prompt: bytes, text: bytes) -> int:
    """How many tokens the generated bytes make, a character left unfinished aside."""
    whole = (prompt + text).decode("utf-8", "ignore")
    return len(lm.tokenizer.encode(whole)) - len(lm.tokenizer.encode(prompt))
