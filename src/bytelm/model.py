"""The public face of every byte model, on top of two methods for one text."""

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, overload

import numpy as np

from bytelm.batch import BatchState, StateT
from bytelm.decoding import generation
from bytelm.decoding.infilling import Gap, GapFormat, as_gaps, fillings
from bytelm.decoding.sampling import Sampling
from bytelm.decoding.stopping import stop_strings
from bytelm.decoding.texts import Prompts, Texts, as_prompts, text_of
from bytelm.lockstep import continued
from bytelm.prompts import Prompt, Special, Text, as_prompt, is_batch
from bytelm.protocol import FloatArray
from bytelm.searching import completing, search
from bytelm.searching.completion import Completion
from bytelm.stepping import distributions

Progress = Callable[[int, int], None]
"""Called now and then during long work with the bytes done and the bytes in all."""


class ByteLM(ABC, Generic[StateT]):
    """A language model over bytes: a probability distribution over byte strings.

    Subclasses say what several texts do (``_prefill_all``, ``_score_all``); the rest is written here once.
    Wherever a text is taken, ``str`` stands for its UTF-8 bytes, and a list of texts gives a list or a batch.
    Wherever a prompt is taken, it may be a ``Prompt`` with special tokens; a model that has none refuses it.
    """

    reads_specials = False
    """Whether prompts may have special tokens."""

    @abstractmethod
    def _prefill_all(self, prompts: Sequence[bytes | Prompt]) -> BatchState[StateT]:
        """The state after each prompt; it may be empty."""

    @abstractmethod
    def _score_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        """Of each text ``log P(byte i | bytes before i)``, float64 ``(len(text),)``, nats; it may be empty.

        Of a ``Prompt`` the bytes behind the last special token are scored, given all that stands before.
        ``progress``, where given, is called with the bytes done and those of all texts.
        """

    @overload
    def prefill(self, prompt: Text | Prompt) -> StateT: ...

    @overload
    def prefill(self, prompt: Prompts) -> BatchState[StateT]: ...

    def prefill(self, prompt: Text | Prompt | Prompts) -> StateT | BatchState[StateT]:
        """The state after a prompt; a list of ``n`` prompts gives one state with a leading axis of ``n``.

        The ``logprob`` after a ``Prompt`` with special tokens is that of the bytes behind the last one, given
        everything before them; so it is 0 right behind it.
        """
        batch = self._prefill_all(self._readable(prompt))
        return batch if is_batch(prompt) else batch[0]

    def greedy(self, prompt: Text | Prompt) -> Iterator[int]:
        """The most probable symbols after a prompt, 0 to 256, each given those before it; ``END`` is the last one.

        Of equally probable symbols the lowest comes first. The model advances when one more is asked for.
        """
        (symbols,) = self.symbols([as_prompt(prompt)], Sampling(), [np.random.default_rng(0)])
        return symbols

    def symbols(
        self,
        prompts: Sequence[bytes | Prompt],
        sampling: Sampling,
        rngs: Sequence[np.random.Generator],
        most: int = sys.maxsize,
    ) -> list[Iterator[int]]:
        """The symbols after each prompt, 0 to 256, each given those before it; ``END`` is the last one.

        The iterators may be read in any order and left at any time; a model that can gives them shared passes. Nothing
        is read before the first symbol is asked for.

        Args:
            prompts: as ``as_prompts`` gives them.
            sampling: how a symbol is chosen.
            rngs: where the draws of each prompt come from; greedy choice leaves them alone.
            most: how many symbols of each will be read at most; so nothing is computed beyond.
        """
        given = list(prompts)
        return continued(lambda: self.prefill(given), sampling, rngs, most)

    @overload
    def score(self, text: Text | Prompt, *, progress: Progress | None = None) -> FloatArray: ...

    @overload
    def score(self, text: Prompts, *, progress: Progress | None = None) -> list[FloatArray]: ...

    def score(
        self, text: Text | Prompt | Prompts, *, progress: Progress | None = None
    ) -> FloatArray | list[FloatArray]:
        """``log P(byte i | bytes before i)`` for every byte, float64 ``(len,)``, nats; a list gives a list.

        The end of the text is not scored: the sum is the log-probability that a text begins like this. Of a
        ``Prompt`` with special tokens the bytes behind the last one are scored, given everything before them.

        Args:
            text: one text or a list of them; empty ones give empty arrays.
            progress: called during long work with the bytes done and the bytes in all.
        """
        scores = self._score_all(self._readable(text), progress)
        return scores if is_batch(text) else scores[0]

    @overload
    def distributions(self, text: Text | Prompt, *, progress: Progress | None = None) -> FloatArray: ...

    @overload
    def distributions(self, text: Prompts, *, progress: Progress | None = None) -> list[FloatArray]: ...

    def distributions(
        self, text: Text | Prompt | Prompts, *, progress: Progress | None = None
    ) -> FloatArray | list[FloatArray]:
        """The next-byte distribution at every place of a text: float64 ``(len + 1, 257)``, nats; a list gives a list.

        Row ``i`` is what ``prefill(text[:i]).logprobs()`` gives, to the model's tolerance; the last one is that behind
        the text. Of a ``Prompt`` with special tokens those are the places behind the last one. Each takes 2 kB.

        Args:
            text: one text or a list of them.
            progress: called during long work with the bytes done and the bytes in all.
        """
        found = self._distributions_all(self._readable(text), progress)
        return found if is_batch(text) else found[0]

    def _distributions_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        """What `distributions` gives of each text; here byte by byte."""
        return distributions(self.prefill, texts, progress)

    def bits_per_byte(self, texts: Text | Prompt | Prompts, *, progress: Progress | None = None) -> float:
        """How many bits the model needs for a byte of these texts: total -log2 P over total bytes.

        This is the figure to compare models by. Loss or perplexity per token depends on how the tokenizer
        cuts the text: with longer tokens there are fewer of them, each harder to guess. The bytes of a text
        are the same for every model. All bytes count alike, so the figure is that of the texts joined, not
        the mean of one figure per text. The end of text is left out: it is no byte. Of a ``Prompt`` the bytes
        behind the last special token count.

        Raises:
            ValueError: the texts have no bytes.
        """
        batch = as_prompts(texts)
        total = sum(len(text_of(one)) for one in batch)
        if total == 0:
            raise ValueError("bits per byte of 0 bytes is undefined; give at least one byte of text")
        nats = math.fsum(float(scores.sum()) for scores in self.score(batch, progress=progress))
        return -nats / math.log(2) / total

    def stream(
        self,
        prompt: Text | Prompt,
        *,
        max_bytes: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        min_p: float = 0.0,
        stop: Text | Texts = (),
        seed: int = 0,
        raw: bool = False,
    ) -> Iterator[bytes]:
        """The continuation of one prompt, piece by piece; see ``bytelm.decoding.generation.stream``."""
        return generation.stream(
            self,
            prompt,
            max_bytes=max_bytes,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            min_p=min_p,
            stop=stop,
            seed=seed,
            raw=raw,
        )

    @overload
    def generate(
        self,
        prompt: Text | Prompt,
        *,
        max_bytes: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        min_p: float = 0.0,
        stop: Text | Texts = (),
        seed: int = 0,
    ) -> bytes: ...

    @overload
    def generate(
        self,
        prompt: Prompts,
        *,
        max_bytes: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        min_p: float = 0.0,
        stop: Text | Texts = (),
        seed: int = 0,
    ) -> list[bytes]: ...

    def generate(
        self,
        prompt: Text | Prompt | Prompts,
        *,
        max_bytes: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        min_p: float = 0.0,
        stop: Text | Texts = (),
        seed: int = 0,
    ) -> bytes | list[bytes]:
        """The continuation of a prompt, a list for a list; see ``bytelm.decoding.generation.generate``."""
        return generation.generate(
            self,
            prompt,
            max_bytes=max_bytes,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            min_p=min_p,
            stop=stop,
            seed=seed,
        )

    @overload
    def complete(
        self,
        prompt: Text | Prompt,
        *,
        max_bytes: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        min_p: float = 0.0,
        stop: Text | Texts = (),
        seed: int = 0,
    ) -> Completion: ...

    @overload
    def complete(
        self,
        prompt: Prompts,
        *,
        max_bytes: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        min_p: float = 0.0,
        stop: Text | Texts = (),
        seed: int = 0,
    ) -> list[Completion]: ...

    def complete(
        self,
        prompt: Text | Prompt | Prompts,
        *,
        max_bytes: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        min_p: float = 0.0,
        stop: Text | Texts = (),
        seed: int = 0,
    ) -> Completion | list[Completion]:
        """What ``generate`` gives, with its log-probabilities; see ``bytelm.searching.completing.complete``."""
        return completing.complete(
            self,
            prompt,
            max_bytes=max_bytes,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            min_p=min_p,
            stop=stop,
            seed=seed,
        )

    @overload
    def search(
        self,
        prompt: Text | Prompt,
        *,
        beams: int = 8,
        best: int = 4,
        max_bytes: int = 64,
        stop: Text | Texts = (),
        length_penalty: float = 0.0,
    ) -> list[Completion]: ...

    @overload
    def search(
        self,
        prompt: Prompts,
        *,
        beams: int = 8,
        best: int = 4,
        max_bytes: int = 64,
        stop: Text | Texts = (),
        length_penalty: float = 0.0,
    ) -> list[list[Completion]]: ...

    def search(
        self,
        prompt: Text | Prompt | Prompts,
        *,
        beams: int = 8,
        best: int = 4,
        max_bytes: int = 64,
        stop: Text | Texts = (),
        length_penalty: float = 0.0,
    ) -> list[Completion] | list[list[Completion]]:
        """The most probable continuations, best first; see ``bytelm.searching.search.search``."""
        return search.search(
            self, prompt, beams=beams, best=best, max_bytes=max_bytes, stop=stop, length_penalty=length_penalty
        )

    def infill(
        self,
        prefix: Text | Texts,
        suffix: Text | Texts = b"",
        *,
        max_bytes: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        min_p: float = 0.0,
        stop: Text | Texts = (),
        seed: int = 0,
        end: str | None = None,
        match: int | None = None,
        order: str | None = None,
        tokens: Sequence[str | Special] | None = None,
        moved: int | None = None,
    ) -> bytes | list[bytes]:
        """What stands between two texts, which may be cut anywhere; a list of prefixes gives a list.

        A model with special tokens for filling gaps reads both texts. Any other continues the prefix, and the suffix
        says only where to end.

        Args:
            prefix: the text before the gap.
            suffix: the text behind it; one for all prefixes, or one for each.
            max_bytes, temperature, top_p, top_k, min_p, stop, seed: as for ``generate``.
            end: what ends the filling: ``"mark"``, the model's own word that it is complete, or ``"suffix"``, also a
                beginning of the suffix, which is left out. By default the mark, if the model has one.
            match: how many bytes of the suffix the output must repeat to have met it; by default its first lines
                that have 8 bytes which are no white space.
            order: ``"psm"`` (the default) or ``"spm"``: how prefix, suffix and middle stood in training.
            tokens: the special tokens before prefix, suffix and middle, if the tokenizer spells them in its own way.
            moved: how many bytes of the prefix stand where the middle is written, so that no token need end at the gap;
                by default the last line, and what stands behind the last place where all covers of the prefix have a
                border. 0 cuts the tokens at the gap.

        Raises:
            ValueError: an option outside its range, or one that the model does not take.
        """
        plan = generation.Plan(max_bytes, Sampling(temperature, top_p, top_k, min_p), stop_strings(stop), seed)
        streams = fillings(self, as_gaps(prefix, suffix), GapFormat(order, tokens, moved), plan, end, match)
        filled = generation.joined(streams)
        return filled if is_batch(prefix) else filled[0]

    def marks_gaps(self, form: GapFormat) -> bool:
        """Whether the model reads what stands behind a gap, and says itself where its filling ends."""
        return False

    def gap_symbols(
        self,
        gaps: Sequence[Gap],
        form: GapFormat,
        sampling: Sampling,
        rngs: Sequence[np.random.Generator],
        most: int,
    ) -> list[Iterator[int]]:
        """The symbols of each filling, as ``symbols`` gives those behind prompts."""
        model, prompts = self.gap_prompts(gaps, form)
        return model.symbols(prompts, sampling, rngs, most)

    def gap_prompts(self, gaps: Sequence[Gap], form: GapFormat) -> "tuple[ByteLM[StateT], list[bytes | Prompt]]":
        """What fills the gaps when it continues what; without special tokens for it, this model the prefixes.

        Raises:
            ValueError: the format asks for what the model does not have.
        """
        if form != GapFormat():
            raise ValueError("this model has no special tokens for filling gaps; leave out order=, tokens= and moved=")
        return self, [gap.prefix for gap in gaps]

    def _readable(self, prompts: Text | Prompt | Prompts) -> list[bytes | Prompt]:
        """One prompt or several as a list.

        Raises:
            ValueError: one has special tokens, and the model reads none.
        """
        checked = as_prompts(prompts)
        for prompt in checked:
            if isinstance(prompt, Prompt) and not self.reads_specials:
                special = next(part for part in prompt.parts if not isinstance(part, bytes))
                raise ValueError(
                    f"this model reads bytes alone and has no special token {special.content!r}; give it bytes"
                )
        return checked
