"""Next-byte distributions and live covers as HTML for notebooks: what ``bytelm.rendering`` does for terminals.

Each function gives one piece of HTML that loads nothing. All that comes from texts and tokens is escaped.
"""

from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from bytelm.decoding.checks import check_whole
from bytelm.decoding.ranking import ranked
from bytelm.protocol import FloatArray
from bytelm.rendering import COVERS_SHOWN, CoverLike, certainty, logtotal, nats, pieces, symbol_name, visible

TAIL = 200
"""How many of the last bytes of a text are shown."""

TOKENS = 40
"""How many of the last tokens of a cover are shown."""

_STYLE = (
    "<style>.bytelm-next{font-size:90%}.bytelm-next table{border-collapse:collapse;margin:.5em 0}"
    ".bytelm-next td,.bytelm-next th{padding:1px 8px;text-align:right;border:0}"
    ".bytelm-next caption{text-align:left;padding:2px 8px;font-weight:bold}"
    ".bytelm-next code{background:none;color:inherit;overflow-wrap:anywhere}"
    ".bytelm-next .left{text-align:left}.bytelm-next .dim{opacity:.6}"
    ".bytelm-next .bar{width:18em;text-align:left}.bytelm-next .bar div{background:#2a8fbd;height:.8em}"
    ".bytelm-next .token{border:1px solid rgba(128,128,128,.5);border-radius:3px;padding:0 2px;margin:0 1px}"
    ".bytelm-next .rest{text-decoration:underline}</style>"
)


def render_next_html(
    logprobs: FloatArray,
    bounds: tuple[FloatArray, FloatArray],
    covers: Sequence[CoverLike],
    token_bytes: Callable[[int], bytes],
    prompt_tail: bytes,
    k: int,
    *,
    logprob: float | None = None,
    dropped: float = 0.0,
) -> str:
    """The next-byte distribution as bars, and the live covers token by token.

    Args:
        logprobs: ``(257,)``, nats.
        bounds: lower and upper bounds on ``logprobs``, ``(257,)`` each.
        covers: best first; none for a model without tokens.
        token_bytes: the bytes of a token id.
        prompt_tail: the bytes so far, or the end of them.
        k: how many symbols to show.
        logprob: log P(bytes so far), nats, if it is to be shown.
        dropped: the posterior mass given up so far.
    """
    check_whole("k", k, "how many symbols to show")
    note = f'<div class="dim">{escape(certainty(bounds, dropped, bool(covers)))}</div>'
    shown = f"{_distribution(logprobs, k)}{note}{_cover_table(covers, token_bytes) if covers else ''}"
    return behind_text(prompt_tail, logprob, shown)


def behind_text(prompt_tail: bytes, logprob: float | None, shown: str) -> str:
    """A piece of HTML under the text that it is about, and log P of that, nats, if it is known."""
    figure = "" if logprob is None else f' <span class="dim">log P = {nats(logprob)} nats</span>'
    tail = escape(visible(prompt_tail[-TAIL:]))
    return f'{_STYLE}<div class="bytelm-next"><div><b>after</b> <code>{tail}▏</code>{figure}</div>{shown}</div>'


def render_batch_html(logprob: FloatArray, logprobs: FloatArray, of: int) -> str:
    """Several states, a line each: log P of the bytes so far, and the most probable next symbols.

    Args:
        logprob: of those shown, ``(n,)``, nats.
        logprobs: their next-byte distributions, ``(n, 257)``, nats.
        of: how many there are in all.
    """
    lines = [
        f"<tr><td>{index}</td><td>{nats(one)}</td><td class='left'>{_best(row)}</td></tr>"
        for index, (one, row) in enumerate(zip(logprob, logprobs, strict=True))
    ]
    more = f'<div class="dim">and {of - len(lines)} more</div>' if of > len(lines) else ""
    return (
        f'{_STYLE}<div class="bytelm-next"><table><caption>BatchState of {of} states</caption>'
        "<thead><tr><th></th><th>log P, nats</th><th class='left'>next byte</th></tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>{more}</div>"
    )


def _distribution(logprobs: FloatArray, k: int) -> str:
    best = ranked(logprobs)[:k].tolist()
    lines = [_bar_line(f"<code>{escape(symbol_name(one))}</code>", float(logprobs[one])) for one in best]
    if len(best) < len(logprobs):
        with np.errstate(divide="ignore"):
            others = float(np.log(np.exp(np.delete(logprobs, best)).sum()))
        lines.append(_bar_line(f'<span class="dim">{len(logprobs) - len(best)} others</span>', others))
    heads = "<th class='left'>next byte</th><th></th><th>probability</th><th>nats</th>"
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _bar_line(name: str, logprob: float) -> str:
    probability = min(1.0, float(np.exp(logprob)))
    bar = f'<div style="width:{100 * probability:.2f}%"></div>'
    cells = f"<td>{_percent(probability)}</td><td>{nats(logprob)}</td>"
    return f"<tr><td class='left'>{name}</td><td class='bar'>{bar}</td>{cells}</tr>"


def _best(logprobs: FloatArray) -> str:
    best = ranked(logprobs)[:3].tolist()
    return ", ".join(
        f"<code>{escape(symbol_name(one))}</code> {_percent(float(np.exp(logprobs[one])))}" for one in best
    )


def _cover_table(covers: Sequence[CoverLike], token_bytes: Callable[[int], bytes]) -> str:
    total = logtotal(covers)
    lines = [_cover_line(cover, total, token_bytes) for cover in covers[:COVERS_SHOWN]]
    if hidden := covers[COVERS_SHOWN:]:
        weight = float(np.exp([cover.logweight - total for cover in hidden]).sum())
        lines.append(
            f'<tr class="dim"><td>{_percent(weight)}</td><td></td><td class="left">{len(hidden)} more</td></tr>'
        )
    plural = "s" if len(covers) > 1 else ""
    heads = "<th>share</th><th>nats</th><th class='left'>tokens, and the bytes after them</th>"
    return (
        f"<table><caption>{len(covers)} live cover{plural}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _cover_line(cover: CoverLike, total: float, token_bytes: Callable[[int], bytes]) -> str:
    *tokens, rest = pieces(cover.tokens[-TOKENS:], cover.rest, token_bytes)
    cut = "…" if len(cover.tokens) > TOKENS else ""
    shown = "".join(f'<code class="token">{escape(token)}</code>' for token in tokens)
    ending = f'<code class="rest">{escape(rest)}</code>' if rest else ""
    start, bound, note = ("<tr>", "", "") if cover.evaluated else ('<tr class="dim">', "≤ ", " (pending)")
    share = f"<td>{bound}{_percent(float(np.exp(cover.logweight - total)))}</td><td>{nats(cover.logweight)}</td>"
    return f"{start}{share}<td class='left'>{cut}{shown}{ending}{note}</td></tr>"


def _percent(probability: float) -> str:
    """What is small but not zero does not look like zero."""
    return "&lt; 0.01 %" if 0 < probability < 5e-5 else f"{100 * probability:.2f} %"
