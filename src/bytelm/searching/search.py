"""The most probable continuations of a prompt, byte by byte."""

from collections.abc import Sequence
from typing import Any, Protocol, overload

from bytelm.batch import BatchState
from bytelm.decoding.stopping import stop_strings
from bytelm.decoding.texts import Prompts, Texts, as_prompts, text_of
from bytelm.prompts import Prompt, Text, is_batch
from bytelm.searching.beam import Beam
from bytelm.searching.completion import Completion
from bytelm.searching.objective import Objective


class SearchedModel(Protocol):
    """A byte model, as far as a search needs it; ``ByteLM`` is one."""

    def prefill(self, prompt: Prompts, /) -> BatchState[Any]:
        """The states after some prompts."""
        ...


@overload
def search(
    model: SearchedModel,
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
    model: SearchedModel,
    prompt: Prompts,
    *,
    beams: int = 8,
    best: int = 4,
    max_bytes: int = 64,
    stop: Text | Texts = (),
    length_penalty: float = 0.0,
) -> list[list[Completion]]: ...


def search(
    model: SearchedModel,
    prompt: Text | Prompt | Prompts,
    *,
    beams: int = 8,
    best: int = 4,
    max_bytes: int = 64,
    stop: Text | Texts = (),
    length_penalty: float = 0.0,
) -> list[Completion] | list[list[Completion]]:
    """The most probable continuations that a beam search finds, best first; a list of prompts gives a list of lists.

    A continuation is complete where plain sampling would end it: at the end of text, at the first stop string, or at
    ``max_bytes``. These events exclude each other, and their probabilities sum to one; looked for are the most probable
    of them. A text that ``max_bytes`` cuts stands for all that begin so; an ended one stands for itself alone, and the
    longer a text, the less probable. So compare ended continuations with each other, make ``max_bytes`` large enough
    for a stop string or the end of text, or give a ``length_penalty``.

    A wider beam never finds less: the i-th result of ``beams=b`` has at least the score of the i-th with fewer beams,
    and the first result at least that of what ``generate`` gives with the same ``max_bytes`` and ``stop`` (but for
    rounding; see ``bytelm.searching.beam``). The search ends as soon as no hypothesis in the beam can become worth more
    than the last of the ``best``: log-probabilities only fall.

    All hypotheses of all prompts take each byte together, in passes that they share where the model can; those that are
    given up are released. No result depends on the other prompts.

    Args:
        model: any byte model.
        prompt: the text before, or a ``Prompt`` with special tokens; it is not repeated.
        beams: how many hypotheses are kept at every byte.
        best: how many continuations to give; fewer are given where no more were met. No two of them are the same but
            for an unfinished last character, or for the way in which they ended: of such the best is given.
        max_bytes: the most bytes of a continuation, those of a stop string included.
        stop: strings that end a continuation and are left out of it; what a stop string is, is the same as in
            ``generate``. Their log-probability counts.
        length_penalty: continuations are ranked by their log-probability over this power of their length: 0 by
            probability, 1 by the mean of a symbol. The length counts the bytes, those of a stop string, and the end of
            text. It is the power of `transformers`, without the constant of Wu et al. 2016 ("Google's Neural Machine
            Translation System", section 7), which is made for tokens.

    Raises:
        ValueError: an option outside its range.
    """
    objective = Objective(beams, best, max_bytes, stop_strings(stop), length_penalty)
    results = _searched(model, as_prompts(prompt), objective)
    return results if is_batch(prompt) else results[0]


def _searched(model: SearchedModel, prompts: list[bytes | Prompt], objective: Objective) -> list[list[Completion]]:
    """The best continuations of each prompt."""
    batch = model.prefill(prompts)
    searches = [Beam(objective, state, text_of(prompt)) for state, prompt in zip(batch, prompts, strict=True)]
    together, batch = batch.together, BatchState(())  # a prompt's state may go once its hypotheses have moved on
    while _advance(searches, together):
        pass
    return [beam.best_first for beam in searches]


def _advance(searches: Sequence[Beam], together: Any) -> bool:
    """One more byte of every hypothesis that may still become one of the best (mutates); whether there are any."""
    grown = [beam.grow() for beam in searches]
    children = [child for some in grown for child in some]
    if not children:
        return False
    states = BatchState(tuple(child.parent.state for child in children), together)
    advanced = iter(states.advance([bytes((child.byte,)) for child in children]))
    for beam, some in zip(searches, grown, strict=True):
        beam.take([next(advanced) for _ in some])
    return True
