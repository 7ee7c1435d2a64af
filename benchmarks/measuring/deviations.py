"""How far bytelm is from its judges: the comparisons of `tests/covers`, with the largest deviation kept.

Needs the folder `tests` on Python's path. The texts, judges and references are the tests' own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

import bytelm
from bytelm.covers.judges import judge
from bytelm.covers.model import TokenizedLM
from bytelm.protocol import FloatArray
from covers import comparing, test_all_segmentations, test_genlm_references, test_references, test_trained_models
from covers.comparing import joint_of, largest_gap, total
from covers.full_forward import full_forward
from covers.random_models import Case, cases, texts
from covers.test_enumeration import Sample
from covers.tiny_tokenizers import KINDS
from measuring.rounds import Json, Say

SYSTEMS = {"byte-sampler": test_references.BYTE_SAMPLER, "Meta": test_references.META}
ALL_TOLERANCES = (1e-2, 1e-4, 1e-6)
"""Those that the tests compare with the estimate."""

SUM = 1e-12
"""What rounding may cost a sum of probabilities."""


@dataclass(frozen=True)
class Amount:
    """How many examples hypothesis makes.

    Attributes:
        tables: random tables for each segmentation.
        tokenizers: texts for each kind of tiny tokenizer.
        seed: fixes them.
    """

    tables: int = 2000
    tokenizers: int = 300
    seed: int = 0


QUICK = Amount(tables=20, tokenizers=5)


class Largest:
    """The largest deviations seen of one claim (mutable).

    Args:
        by: what judges the claim.
        bound: what the tests hold it to.
    """

    def __init__(self, by: str, bound: float) -> None:
        self._by, self._bound = by, bound
        self._cases = 0
        self._largest: dict[str, float] = {}

    def see(self, **deviations: float) -> None:
        """Keep the largest of each name; not-a-number is larger than any (mutates)."""
        for name, value in deviations.items():
            self._largest[name] = float(np.maximum(self._largest.get(name, 0.0), abs(value)))

    def count(self) -> None:
        """One more case was compared (mutates)."""
        self._cases += 1

    def read(self) -> Json:
        """The judge, the bound, how many cases there were, and the largest deviations to five figures."""
        found = {name: float(f"{value:.5g}") for name, value in self._largest.items()}
        return {"judge": self._by, "cases": self._cases, "bound": self._bound, "largest": found}


def measure(shared: Path, amount: Amount, left_out: dict[str, str], say: Say) -> Json:
    """Every claim and reference; what the shared folder lacks is named in ``left_out`` (mutates it)."""
    claims = _claims(shared, amount, left_out, say)
    return {"claims": claims, "references": _references(shared, left_out, say)}


def _claims(shared: Path, amount: Amount, left_out: dict[str, str], say: Say) -> Json:
    sums = Largest("", SUM)
    found: Json = {}
    say("random tables")
    found["random tables, both segmentations, tolerance 0"] = _tables(amount, sums).read()
    say("tiny tokenizers")
    found["canonical models of tiny tokenizers"] = _tokenizers(amount, sums).read()
    for name, needs, compare in _with_trained_models(shared, sums):
        lacking = [need for need in needs if not (shared / need).exists()]
        if lacking:
            left_out[name] = f"{', '.join(lacking)}: not in the shared folder"
        else:
            say(name)
            found |= compare()
    found["distributions sum to one"] = sums.read()
    return found


def _tables(amount: Amount, sums: Largest) -> Largest:
    """As ``test_exact.check_answers``."""
    found = Largest("sum over all token sequences", comparing.NATS)

    def compare(case: Case, text: bytes) -> None:
        assume(total(joint_of(case, text)) > -np.inf)
        _see(found, sums, case.model(), text, lambda length: joint_of(case, text[:length]))

    for pairs in (True, False):
        _examples(amount.tables, amount.seed)(given(cases(pairs=pairs), texts(6 if pairs else 5))(compare))()
    return found


def _tokenizers(amount: Amount, sums: Largest) -> Largest:
    """As ``test_enumeration``; each kind of tokenizer in turn."""
    found = Largest("the tokenizer's own encode of all texts over its characters", comparing.NATS)

    def compare(kind: str, data: st.DataObject) -> None:
        sample = Sample(data, kind)
        _see(found, sums, sample.case.model(prefix=sample.tokenizer.prefix), sample.text, sample.joint)

    for kind in KINDS:
        _examples(amount.tokenizers, amount.seed)(given(st.just(kind), st.data())(compare))()
    return found


def _examples(count: int, fixed: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """So many examples of hypothesis, the same every time, and nothing kept."""
    options = settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: seed(fixed)(options(test))


def _see(found: Largest, sums: Largest, model: TokenizedLM, text: bytes, joint: Callable[[int], FloatArray]) -> None:
    """Compare what follows a text, its probability and its scores (mutates ``found`` and ``sums``)."""
    joints = [joint(length) for length in range(len(text) + 1)]
    totals = np.array([total(one) for one in joints])
    state = model.prefill(text)
    found.count()
    found.see(
        next_bytes=largest_gap(state.logprobs(), joints[-1] - totals[-1]),
        logprob=state.logprob - totals[-1],
        score=largest_gap(model.score(text), np.diff(totals)),
    )
    sums.count()
    sums.see(sum=float(np.exp(state.logprobs()).sum()) - 1)


Comparison = tuple[str, list[str], Callable[[], Json]]


def _with_trained_models(shared: Path, sums: Largest) -> Iterator[Comparison]:
    """The comparisons that the shared folder is needed for: their names, what they need, and what they do."""
    for name in test_trained_models.TEXTS:
        yield name, [f"data/models/{name}"], lambda name=name: {name: _passes(shared, name, sums).read()}
    for name, system in SYSTEMS.items():
        title = f"{name}, normalising left out"
        yield title, _needed(system), lambda s=system, t=title: {t: _unnormalised(shared, s).read()}
    for name in test_genlm_references.MODELS:
        title, needs = f"genlm-bytes, {name}", [f"data/models/{name}", f"reference/genlm_{name}.json"]
        yield title, needs, lambda n=name, t=title: {t: _beams(shared, n).read()}
    stories = ["data/models/stories260K"]
    yield 'segmentation="all", short texts', stories, lambda: {'segmentation="all", short texts': _short(shared).read()}
    needs = [*stories, "data/corpora/tinystories/tinystories_1000.json"]
    yield 'segmentation="all", long texts', needs, lambda: dict(_estimates(shared))


def _needed(system: test_references.System) -> list[str]:
    return [f"data/models/{system[1]}", f"reference/{system[0]}"]


def _passes(shared: Path, name: str, sums: Largest) -> Largest:
    """As ``test_trained_models``: at once and byte by byte, against plain forward passes."""
    path = test_trained_models.directory(shared, name)
    model = bytelm.load(path, tolerance=0, device="cpu")
    found = Largest("one plain forward pass for each token sequence, no cache, float32", test_trained_models.NATS)
    for text in map(str.encode, test_trained_models.TEXTS[name]):
        joints = test_trained_models.truths(path, text)
        found.see(score=largest_gap(model.score(text), np.diff([total(joint) for joint in joints])))
        stepped = model.prefill(b"")
        for cut, joint in enumerate(joints):
            found.count()
            for state in (stepped, model.prefill(text[:cut])):
                gap = largest_gap(state.logprobs(), joint - total(joint))
                found.see(next_bytes=gap, logprob=state.logprob - total(joint))
                sums.count()
                sums.see(sum=float(np.exp(state.logprobs()).sum()) - 1)
            stepped = stepped.advance(text[cut : cut + 1])
    return found


def _unnormalised(shared: Path, system: test_references.System) -> Largest:
    """As ``test_references``: the covers' sums with the token model's own probabilities, against those listed."""
    found = Largest("its listed log-probabilities above -6", test_references.ROUNDING)
    full = full_forward(shared / "data" / "models" / system[1])
    for prompt, listed in test_references.listed(shared, system):
        logprobs = test_references.without_normalising(full, prompt.encode())
        found.count()
        found.see(next_bytes=largest_gap(logprobs[list(listed)], np.array(list(listed.values()))))
    return found


def _beams(shared: Path, name: str) -> Largest:
    """As ``test_genlm_references``: masses, next bytes, and candidates; another candidate is infinitely far."""
    found = Largest("its log-masses, next bytes and candidates", test_genlm_references.NATS)
    for state, before, entry in test_genlm_references.states(shared, name):
        listed = {int(symbol): logprob for symbol, logprob in entry["next"].items()}
        listed.pop(test_genlm_references.SPECIAL, None)
        gap = largest_gap(state.logprobs()[list(listed)], np.array(list(listed.values())))
        found.count()
        found.see(next_bytes=gap, logprob=state.logprob + before - entry["logZ"])
        share = entry["prune_threshold"]
        kept = [cover for cover in state.covers() if share == 0 or np.exp(cover.logweight - state.logprob) > share]
        for cover, candidate in zip(kept, entry["candidates"], strict=False):
            same = cover.tokens == tuple(candidate["tokens"][1:]) and cover.rest == bytes(candidate["partial"])
            found.see(candidates=cover.logweight + before - candidate["weight"] if same else np.inf)
    return found


def _references(shared: Path, left_out: dict[str, str], say: Say) -> list[Json]:
    """For every prompt of the two other exact systems, how far the listed log-probabilities are."""
    found = []
    for name, system in SYSTEMS.items():
        lacking = [need for need in _needed(system) if not (shared / need).exists()]
        if lacking:
            left_out[f"{name}, as bytelm computes"] = f"{', '.join(lacking)}: not in the shared folder"
            continue
        say(f"{name}, as bytelm computes")
        model = bytelm.load(shared / "data" / "models" / system[1], device="cpu")
        for prompt, listed in test_references.listed(shared, system):
            logprobs = model.prefill(prompt).logprobs()
            gaps = {symbol: abs(float(logprobs[symbol]) - logprob) for symbol, logprob in listed.items()}
            bound = test_references.EXCEPTIONS.get(prompt, test_references.CLOSE)
            found.append({"prompt": prompt, "system": name, "nats": float(f"{max(gaps.values()):.5g}"), "bound": bound})
            found[-1]["listed"] = len(listed)
            found[-1]["same_most_probable"] = int(logprobs.argmax()) == max(listed, key=lambda symbol: listed[symbol])
            far = {symbol: round(gap, 4) for symbol, gap in gaps.items() if not gap <= test_references.CLOSE}
            found[-1] |= {"further": {bytes([symbol]).decode("latin-1"): gap for symbol, gap in far.items()}}
    return found


def _short(shared: Path) -> Largest:
    """As ``test_short_texts_of_a_trained_model``, at the tolerances that come near the sum."""
    found = Largest("one plain forward pass for each token sequence, all of them", test_all_segmentations.ROUNDING)
    full = full_forward(test_all_segmentations.stories(shared))
    every, prefix = full.tokenizer.every, full.tokenizer.prefix
    before = total(judge(every, full.logprobs_of, (full.end,), prefix))
    for text in test_all_segmentations.SHORT:
        truth = total(judge(every, full.logprobs_of, (full.end,), prefix + text)) - before
        found.count()
        for tolerance in (0.0, 1e-6):
            found.see(logprob=test_all_segmentations.model(shared, tolerance).prefill(text).logprob - truth)
    return found


def _estimates(shared: Path) -> Iterator[tuple[str, Json]]:
    """As ``test_long_texts_agree_with_the_estimate``; the bound is that of the text that is furthest off."""
    for tolerance in ALL_TOLERANCES:
        model = test_all_segmentations.model(shared, tolerance)
        rows = []
        for text in test_all_segmentations.long_texts(shared)[:-1]:
            state, found = model.prefill(text), model.estimate_logprob(text)
            more = found.logprob - state.logprob
            bound = 3 * found.standard_error + test_all_segmentations.ROUNDING
            bound -= float(np.log1p(-state.dropped)) if more > 0 else 0.0
            figures = {"nats": more, "standard_error": found.standard_error, "dropped": state.dropped, "bound": bound}
            rows.append({name: float(f"{value:.5g}") for name, value in figures.items()})
        worst = max(rows, key=lambda row: abs(row["nats"]))
        yield (
            f'segmentation="all", long texts, tolerance {tolerance:g}',
            {
                "judge": "the sampled estimate: three standard errors and what was dropped",
                "cases": len(rows),
                "bound": worst["bound"],
                "largest": {"logprob": abs(worst["nats"])},
                "texts": rows,
            },
        )
