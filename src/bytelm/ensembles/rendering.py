"""A pooled distribution beside those of the members, as text for people."""

from collections.abc import Sequence

import numpy as np

from bytelm.decoding.checks import check_whole
from bytelm.decoding.ranking import ranked
from bytelm.protocol import FloatArray
from bytelm.rendering import WIDTH, columns, last_columns, symbol_name, visible

NAME_WIDTH = 14
SHOWN = 5
"""More members than these do not fit on a line."""


def render_members(
    logprobs: FloatArray,
    logprobs_KS: FloatArray,
    weights: FloatArray,
    names: Sequence[str],
    prompt_tail: bytes,
    k: int,
    *,
    logprob: float | None = None,
) -> str:
    """The next symbols, a line each: what the ensemble gives them, and what each member does. No newline at the end.

    Args:
        logprobs: the ensemble's, ``(257,)``, nats.
        logprobs_KS: the members', ``(members, 257)``, nats.
        weights: the members' weights, ``(members,)``.
        names: of the members.
        prompt_tail: the bytes so far, or the end of them.
        k: how many symbols to show.
        logprob: log P(bytes so far), nats, if it is to be shown.
    """
    check_whole("k", k, "how many symbols to show")
    figure = "" if logprob is None else f"   log P = {logprob:.4f} nats"
    tail = last_columns([*map(visible_byte, _characters(prompt_tail)), "▏"], "", WIDTH - len("after  ") - len(figure))
    heading = f"{'next byte':<11}{'ensemble':>12}" + "".join(_cell(short_name(name)) for name in names[:SHOWN])
    lines = [f"after  {tail}{figure}", "", heading]
    lines.append(f"{'weight':<11}{'':>12}" + "".join(_cell(f"{weight:.4g}") for weight in weights[:SHOWN]))
    for symbol in ranked(logprobs)[:k].tolist():
        cells = "".join(_cell(_percent(row[symbol])) for row in logprobs_KS[:SHOWN])
        lines.append(f"  {symbol_name(symbol):<9}{_percent(logprobs[symbol]):>12}{cells}")
    if len(names) > SHOWN:
        lines.append(f"  and {len(names) - SHOWN} more members")
    return "\n".join(lines)


def short_name(name: str) -> str:
    """A name that fits into a column, cut on the left."""
    return name if columns(name) <= NAME_WIDTH else "…" + name[-(NAME_WIDTH - 1) :]


def visible_byte(text: str) -> str:
    """One character of a text to be seen."""
    return visible(text.encode("utf-8", "surrogateescape"))


def _characters(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def _cell(text: str) -> str:
    return f"  {text:>{NAME_WIDTH}}"


def _percent(logprob: float) -> str:
    probability = float(np.exp(logprob))
    return "< 0.01 %" if 0 < probability < 5e-5 else f"{100 * probability:.2f} %"
