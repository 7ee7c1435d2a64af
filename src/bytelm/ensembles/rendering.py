"""A pooled distribution beside those of the members, for people: as text and as HTML."""

from collections.abc import Sequence
from html import escape

import numpy as np

from bytelm.decoding.checks import check_whole
from bytelm.decoding.ranking import ranked
from bytelm.protocol import FloatArray
from bytelm.rendering import WIDTH, characters, columns, last_columns, symbol_name
from bytelm.rendering_html import behind_text

NAME_WIDTH = 14
SHOWN = 4
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
    tail = last_columns([*characters(prompt_tail), "▏"], "", WIDTH - len("after  ") - len(figure))
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


def render_members_html(
    logprobs: FloatArray,
    logprobs_KS: FloatArray,
    weights: FloatArray,
    names: Sequence[str],
    prompt_tail: bytes,
    k: int,
    *,
    logprob: float | None = None,
) -> str:
    """The same for notebooks, with all members; everything that comes from texts and names is escaped."""
    check_whole("k", k, "how many symbols to show")
    heads = "".join(f"<th>{escape(name)}</th>" for name in ("ensemble", *names))
    rows = ["<td class='left dim'>weight</td><td></td>" + "".join(f"<td>{weight:.4g}</td>" for weight in weights)]
    for symbol in ranked(logprobs)[:k].tolist():
        cells = "".join(f"<td>{escape(_percent(row[symbol]))}</td>" for row in (logprobs, *logprobs_KS))
        rows.append(f"<td class='left'><code>{escape(symbol_name(symbol))}</code></td>{cells}")
    table = "".join(f"<tr>{row}</tr>" for row in rows)
    shown = f"<table><thead><tr><th class='left'>next byte</th>{heads}</tr></thead><tbody>{table}</tbody></table>"
    return behind_text(prompt_tail, logprob, shown)


def _cell(text: str) -> str:
    return f"  {text:>{NAME_WIDTH}}"


def _percent(logprob: float) -> str:
    probability = float(np.exp(logprob))
    return "< 0.01 %" if 0 < probability < 5e-5 else f"{100 * probability:.2f} %"
