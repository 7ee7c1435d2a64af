"""Counterexamples made small, so that people can see what is wrong."""

from collections.abc import Callable, Iterator

from bytelm.checking.counterexamples import ALLOWED, MISSING, REFUSED, UNPROVED, Counterexample, check_cuts
from bytelm.checking.judge import Judge

_TRIES = 2000
"""How many texts have to fail before a shorter text is taken for a counterexample to soundness, for the time being."""


def shrink(judge: Judge, found: Counterexample) -> Counterexample:
    """The smallest counterexample of the same sort that leaving out characters or tokens greedily leads to.

    A mask that refuses a token is shown as a head that is missing, in the text that proves it.
    """
    if found.kind == ALLOWED:
        return _fewer_tokens(judge, found)
    kind = MISSING if found.kind == REFUSED else found.kind
    text = next((text for text in judge.texts_of(found.data) if _in_text(judge, text, kind) is not None), None)
    if text is None:
        return found

    def still(shorter: str) -> bool:
        return _in_text(judge, shorter, kind) is not None

    smallest = _in_text(judge, _shortest(text, still), kind)
    assert smallest is not None, "only counterexamples are kept"
    if kind == UNPROVED and judge.produces(smallest.tokens, smallest.rest):
        return found
    return smallest


def _in_text(judge: Judge, text: str, kind: str) -> Counterexample | None:
    """The first counterexample of a kind in a text, if there is one."""
    if not judge.spells(text):
        return None
    cuts = range(len(judge.seen(text)) + 1)
    wrong = check_cuts(judge, text, cuts, tries=_TRIES if kind == UNPROVED else 0).wrong
    return next((one for one in wrong if one.kind == kind), None)


def _shortest(text: str, still: Callable[[str], bool]) -> str:
    """``text`` less whatever can be left out of it, ever smaller parts at a time, so that ``still`` holds."""
    size = max(1, len(text) // 2)
    while True:
        shorter = next(filter(still, _without(text, size)), None)
        if shorter is not None:
            text = shorter
        elif size == 1:
            return text
        else:
            size //= 2


def _without(text: str, size: int) -> Iterator[str]:
    """``text`` less each of its parts of ``size`` characters; the last ones first."""
    for start in reversed(range(0, max(0, len(text) - size) + 1, size)):
        yield text[:start] + text[start + size :]


def _fewer_tokens(judge: Judge, found: Counterexample) -> Counterexample:
    """An allowed token that nothing proves, after as few of the tokens before it as show the same."""
    *head, token = found.tokens
    for start in range(len(head), 0, -1):
        fewer = (*head[start:], token)
        if _is_allowed(judge, fewer) and judge.produces(fewer[:-1], b"") and not judge.produces(fewer, b""):
            return Counterexample(ALLOWED, judge.spell(fewer), len(judge.spell(fewer[:-1])), fewer)
    return found


def _is_allowed(judge: Judge, tokens: tuple[int, ...]) -> bool:
    try:
        return bool(judge.tokenizer.allowed_next(tokens[:-1])[tokens[-1]])
    except ValueError:
        return False
