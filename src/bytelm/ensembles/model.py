"""Several byte models as one."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bytelm.batch import BatchState, advance_all
from bytelm.decoding.infilling import Gap, GapFormat
from bytelm.decoding.sampling import Sampling
from bytelm.decoding.texts import text_of
from bytelm.ensembles.fitting import fit_exponents, fit_mixture
from bytelm.ensembles.state import REMEMBERED, EnsembleState, together
from bytelm.ensembles.ways import Mean, Product, Way
from bytelm.later import Later
from bytelm.lockstep import continued
from bytelm.model import ByteLM, Progress
from bytelm.prompts import Prompt, Text, as_bytes
from bytelm.protocol import FloatArray


class Attribution(NamedTuple):
    """Which member wanted which byte of a text of n bytes; K members.

    Attributes:
        logprob: the ensemble's log-probabilities, float64 ``(n,)``, nats.
        logprobs: the members', float64 ``(n, K)``, nats.
        weights: the members' weights before each byte, float64 ``(n, K)``; exponents for a product.
        shares: which part of each byte's probability comes from which member, float64 ``(n, K)``; rows sum to one.
            ``None`` where the ensemble is no weighted mean.
    """

    logprob: FloatArray
    logprobs: FloatArray
    weights: FloatArray
    shares: FloatArray | None


class EnsembleLM(ByteLM[EnsembleState]):
    """The byte model that several byte models are together; see ``bytelm.ensemble``.

    Attributes:
        members: the models.
        way: how their distributions become one.
        names: of the members, for people.
    """

    def __init__(self, members: Sequence[ByteLM[Any]], way: Way, names: Sequence[str]) -> None:
        assert len(members) == way.count == len(names) > 0
        self.members = tuple(members)
        self.way = way
        self.names = tuple(names)

    def attribute(self, text: Text) -> Attribution:
        """Which member wanted which byte of a text.

        Of a weighted mean this takes one scoring by each member; of others, all distributions along the text.
        """
        data, way = as_bytes(text), self.way
        logprobs = np.array([member.score(data) for member in self.members]).T.reshape(len(data), way.count)
        known, weights = way.begin, np.empty((len(data), way.count))
        for place, row in enumerate(logprobs):
            weights[place] = way.weights(known)
            known = way.learn(known, row)
        if not way.linear:
            return Attribution(self.score(data), logprobs, weights, None)
        with np.errstate(divide="ignore"):
            joint = np.log(weights) + logprobs
        total = np.logaddexp.reduce(joint, axis=1)
        possible = np.isfinite(total)
        shares = weights.copy()
        shares[possible] = np.exp(joint[possible] - total[possible, np.newaxis])
        return Attribution(total, logprobs, weights, shares)

    def fitted(self, texts: Text | Sequence[Text], *, progress: Progress | None = None) -> "EnsembleLM":
        """The same ensemble with the weights that give a sample the most probability.

        Args:
            texts: the sample: other texts than those that the ensemble will be judged by.
            progress: called during long work with the bytes done and the bytes in all.

        Raises:
            ValueError: the sample is empty, or the ensemble has no weights to be learned (``min``, ``max``).
        """
        sample = [as_bytes(texts)] if isinstance(texts, bytes | bytearray | str) else [as_bytes(one) for one in texts]
        if not any(sample):
            raise ValueError("the weights are learned on texts; give at least one byte")
        return EnsembleLM(self.members, self._fitted_way(sample, progress), self.names)

    def prefill_each(self, prompts: Sequence[Text | Prompt]) -> EnsembleState:
        """The state after a prompt of its own for each member: chats by each member's template, say.

        ``logprob`` counts from there, and a mixture has learned nothing yet.

        Raises:
            ValueError: there is not one prompt for each member, or a member does not read its special tokens.
        """
        if len(prompts) != len(self.members):
            raise ValueError(f"expected {len(self.members)} prompts, one for each member; got {len(prompts)}")
        batches = [member.prefill([prompt]) for member, prompt in zip(self.members, prompts, strict=True)]
        return self._side_by_side(batches)[0]

    def marks_gaps(self, form: GapFormat) -> bool:
        return all(member.marks_gaps(form) for member in self.members)

    def gap_symbols(
        self,
        gaps: Sequence[Gap],
        form: GapFormat,
        sampling: Sampling,
        rngs: Sequence[np.random.Generator],
        most: int,
    ) -> list[Iterator[int]]:
        """The symbols of each filling; every member is asked in its own way."""
        asked = [member.gap_prompts(gaps, form) for member in self.members]
        begin = partial(self._prefilled, asked)
        return continued(begin, sampling, rngs, most)

    def _prefilled(self, asked: Sequence[tuple[ByteLM[Any], list[bytes | Prompt]]]) -> BatchState[EnsembleState]:
        return self._side_by_side([model.prefill(prompts) for model, prompts in asked])

    def _side_by_side(self, batches: Sequence[BatchState[Any]]) -> BatchState[EnsembleState]:
        """The members' states, one batch for each member, at the beginning of what they say together."""
        rows = zip(*batches, strict=True)
        states = tuple(EnsembleState(self.way, self.names, row, self.way.begin, Later(float), 0.0, b"") for row in rows)
        return BatchState(states, together([partial(advance_all, batch.together) for batch in batches]))

    def _fitted_way(self, sample: list[bytes], progress: Progress | None) -> Way:
        way = self.way
        if isinstance(way, Mean):
            scores = self._member_scores(sample, progress)
            return way.reweighted(fit_mixture(np.concatenate([np.array(one) for one in zip(*scores, strict=True)], 1)))
        if isinstance(way, Product):
            found = [member.distributions(sample, progress=progress) for member in self.members]
            stacked = np.array([np.concatenate([one[:-1] for one in rows]) for rows in found])
            return way.reweighted(fit_exponents(stacked, np.frombuffer(b"".join(sample), dtype=np.uint8), way))
        raise ValueError(f"{type(way).__name__.lower()} has no weights; learn those of mean, mixture or product")

    def _prefill_all(self, prompts: Sequence[bytes | Prompt]) -> BatchState[EnsembleState]:
        texts = [text_of(prompt) for prompt in prompts]
        batches = [member.prefill(texts) for member in self.members]
        known = self._known_after(texts)
        states = tuple(
            EnsembleState(
                self.way, self.names, members, seen, Later(partial(self._logprob, text)), 0.0, text[-REMEMBERED:]
            )
            for text, seen, members in zip(texts, known, zip(*batches, strict=True), strict=True)
        )
        return BatchState(states, together([partial(advance_all, batch.together) for batch in batches]))

    def _known_after(self, texts: Sequence[bytes]) -> list[FloatArray]:
        """What each prompt tells of the members."""
        if not self.way.learns:
            return [self.way.begin] * len(texts)
        scores = self._member_scores(texts, None)
        known = []
        for rows in zip(*scores, strict=True):
            seen = self.way.begin
            for row in np.array(rows).T:
                seen = self.way.learn(seen, row)
            known.append(seen)
        return known

    def _logprob(self, text: bytes) -> float:
        return math.fsum(self.score(text))

    def _score_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        given = [text_of(text) for text in texts]
        if not self.way.linear:
            rows = self.distributions(given, progress=progress)
            return [row[np.arange(len(text)), list(text)] for row, text in zip(rows, given, strict=True)]
        scores = self._member_scores(given, progress)
        return [self._pooled(np.array(rows)) for rows in zip(*scores, strict=True)]

    def _member_scores(self, texts: Sequence[bytes], progress: Progress | None) -> list[list[FloatArray]]:
        """Each member's scores of each text."""
        total = sum(map(len, texts))
        found = []
        for place, member in enumerate(self.members):
            report = None if progress is None else partial(_report, progress, place * total, len(self.members) * total)
            found.append(member.score(list(texts), progress=report))
        return found

    def _pooled(self, logprobs_Kn: FloatArray) -> FloatArray:
        """The scores of a text, ``(n,)``, of its members' ``(K, n)``, for a weighted mean."""
        known, found = self.way.begin, np.empty(logprobs_Kn.shape[1])
        for place, row in enumerate(logprobs_Kn.T):
            found[place] = self.way.pool(row[:, np.newaxis], known)[0]
            known = self.way.learn(known, row)
        return found


def _report(progress: Progress, before: int, total: int, done: int, _of_one: int) -> None:
    progress(before + done, total)
