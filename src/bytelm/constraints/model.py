"""A byte model whose outputs obey a constraint."""

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from bytelm.batch import BatchState, advance_all
from bytelm.constraints.place import Place
from bytelm.constraints.state import ConstrainedState, begin, together
from bytelm.decoding.texts import text_of
from bytelm.model import ByteLM, Progress
from bytelm.prompts import Prompt, Text, as_prompt
from bytelm.protocol import FloatArray


class ConstrainedLM(ByteLM[ConstrainedState]):
    """The byte model of a base model's outputs behind a fixed context, as far as a constraint allows them.

    Its texts are the outputs alone: a prompt is the beginning of one. The next symbol has the base model's probability,
    divided by that of all symbols that are allowed. So every text that is drawn to its end is valid. But texts are not
    as probable, one against another, as the base model has them: this is *not* the base model's distribution given that
    the output is valid. Where the constraint leaves little of the base model's probability, what is left is raised, and
    the choices that led there do not know of it (Park et al. 2024, "Grammar-Aligned Decoding", section 3). A complete
    output y is ``exp(-logmasses(y)) * P(valid)`` times as probable here as given that it is valid, the place of its end
    counted: ``state.logmasses`` says how far apart the two are, and ``exp(logmasses)`` are the weights of importance
    sampling that mend it.

    Attributes:
        base: the base model.
        context: what stands before the output: bytes, or a ``Prompt`` with special tokens.
    """

    def __init__(self, base: ByteLM[Any], place: Place, context: bytes | Prompt) -> None:
        self.base = base
        self.context = context
        self._place = place

    def after(self, context: Text | Prompt) -> "ConstrainedLM":
        """The same constraint, which is not compiled again, behind another context.

        Raises:
            ValueError: the context has special tokens, and the base model reads none.
            TypeError: it is no text or prompt.
        """
        return ConstrainedLM(self.base, self._place, readable(self.base, context))

    def __repr__(self) -> str:
        return f"ConstrainedLM of {self.base!r} after {self.context!r}"

    @cached_property
    def _start(self) -> BatchState[Any]:
        """The base model behind the context, as a batch of one."""
        return self.base.prefill([self.context])

    def _begin(self, count: int) -> BatchState[ConstrainedState]:
        """So many states before the first byte of output."""
        first = begin(self._place, self._start[0])
        return BatchState((first,) * count, together(partial(advance_all, self._start.together)))

    def _prefill_all(self, prompts: Sequence[bytes | Prompt]) -> BatchState[ConstrainedState]:
        return self._begin(len(prompts)).advance([text_of(prompt) for prompt in prompts])

    def _score_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        """The renormalised scores; ``-inf`` from the first forbidden byte on. Texts are read side by side."""
        given = [text_of(text) for text in texts]
        scores = [np.full(len(text), -np.inf) for text in given]
        going = dict(zip((index for index, text in enumerate(given) if text), self._begin(len(given)), strict=False))
        move, offset, total = together(partial(advance_all, self._start.together)), 0, sum(map(len, given))
        while going:
            going = {index: state for index, state in going.items() if state.allowed()[given[index][offset]]}
            for index, state in going.items():
                scores[index][offset] = state.logprobs()[given[index][offset]]
            offset += 1
            if progress is not None:
                progress(sum(min(len(text), offset) for text in given), total)
            going = {index: state for index, state in going.items() if offset < len(given[index])}
            after = move(list(going.values()), [given[index][offset - 1 : offset] for index in going])
            going = dict(zip(going, after, strict=True))
        return scores


def readable(base: ByteLM[Any], context: Text | Prompt) -> bytes | Prompt:
    """A context as the base model takes it; errors as ``ConstrainedLM.after``."""
    given = as_prompt(context)
    if isinstance(given, Prompt) and not base.reads_specials:
        raise ValueError(
            f"the context has special tokens, and the base model reads bytes alone; give it bytes, got {given!r}"
        )
    return given
