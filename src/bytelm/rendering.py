"""Next-byte distributions and live covers as text, for people: plain functions from arrays to strings.

Bytes that cannot be seen are given a mark: ``·`` space, ``↵`` newline, ``⇥`` tab; others as escapes, such as
``\\x00`` or, where they are valid UTF-8, ``\\u200b``. Characters that serve as marks are escaped themselves.
"""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from bytelm.decoding.checks import check_whole
from bytelm.decoding.ranking import ranked
from bytelm.protocol import END, FloatArray

WIDTH = 100
"""No rendered line has more columns."""

BAR_WIDTH = 48
COVERS_SHOWN = 8

_MARKS = {" ": "·", "\n": "↵", "\t": "⇥", "\r": "\\r", "\\": "\\\\", "|": "\\|"}
_RESERVED = frozenset("·↵⇥…⟨⟩▏")
_EIGHTHS = " ▏▎▍▌▋▊▉"
_BOLD, _DIM, _CYAN, _UNDERLINE = "1", "2", "36", "4"


class CoverLike(Protocol):
    """One live cursor, as ``state.covers()`` gives them."""

    @property
    def tokens(self) -> tuple[int, ...]:
        """The token ids of the head."""
        ...

    @property
    def rest(self) -> bytes:
        """The bytes after the head, which the next token must begin with."""
        ...

    @property
    def logweight(self) -> float:
        """Its log-probability with the bytes after it, nats; an upper bound while it is not evaluated."""
        ...

    @property
    def evaluated(self) -> bool:
        """Whether the model was asked for the distribution after the head."""
        ...


def render_next(
    logprobs: FloatArray,
    bounds: tuple[FloatArray, FloatArray],
    covers: Sequence[CoverLike],
    token_bytes: Callable[[int], bytes],
    prompt_tail: bytes,
    k: int,
    *,
    logprob: float | None = None,
    dropped: float = 0.0,
    colour: bool = False,
) -> str:
    """The next-byte distribution as bars, and the live covers token by token. No newline at the end.

    Args:
        logprobs: ``(257,)``, nats.
        bounds: lower and upper bounds on ``logprobs``, ``(257,)`` each.
        covers: best first; none for a model without tokens.
        token_bytes: the bytes of a token id.
        prompt_tail: the bytes so far, or the end of them; what does not fit is left out.
        k: how many symbols to show.
        logprob: log P(bytes so far), nats, if it is to be shown.
        dropped: the posterior mass given up so far.
        colour: whether to add ANSI colours.
    """
    check_whole("k", k, "how many symbols to show")
    figure = "" if logprob is None else f"   log P = {nats(logprob)} nats"
    tail = last_columns([*characters(prompt_tail[-4 * WIDTH :]), "▏"], "", WIDTH - len("after  ") - len(figure))
    lines = [_paint("after", _BOLD, colour) + "  " + tail + _paint(figure, _DIM, colour), ""]
    lines += _distribution(logprobs, k, colour)
    lines.append(_paint("  " + certainty(bounds, dropped, bool(covers)), _DIM, colour))
    if covers:
        lines += ["", *cover_table(covers, token_bytes, colour)]
    return "\n".join(lines)


def visible(text: bytes) -> str:
    """``text`` on one line with every byte to be seen; different bytes give different strings."""
    return "".join(characters(text))


def symbol_name(symbol: int) -> str:
    """A name for one symbol, 0 to 256, of at most five columns; ``⟨end⟩`` for the end of text."""
    if symbol == END:
        return "⟨end⟩"
    return chr(symbol) if 0x20 < symbol < 0x7F else visible(bytes([symbol]))


def pieces(tokens: Sequence[int], rest: bytes, token_bytes: Callable[[int], bytes]) -> list[str]:
    """A cover as visible strings: one for each token, and last the bytes after them, perhaps empty.

    A token without bytes is shown by its id, as ``⟨7⟩``.
    """
    names = ((token, token_bytes(token)) for token in tokens)
    return [visible(data) if data else f"⟨{token}⟩" for token, data in names] + [visible(rest)]


def columns(text: str) -> int:
    """How many terminal columns ``text`` takes."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) != 0 for c in text)


def last_columns(parts: Sequence[str], separator: str, width: int) -> str:
    """The parts joined, from the left cut to ``width`` columns; ``…`` stands for what is cut."""
    kept: list[str] = []
    for part in reversed(parts):
        if columns(separator.join([part, *kept])) > width - columns("…" + separator):
            break
        kept.insert(0, part)
    if len(kept) == len(parts):
        return separator.join(parts)
    if kept:
        return separator.join(["…", *kept])
    last = parts[-1]
    while columns(last) >= width:
        last = last[1:]
    return "…" + last


def characters(text: bytes) -> list[str]:
    """Each character of ``text``, or byte that belongs to none, to be seen."""
    return [_visible_character(c) for c in text.decode("utf-8", "surrogateescape")]


def _visible_character(c: str) -> str:
    if c in _MARKS:
        return _MARKS[c]
    if c.isprintable() and c not in _RESERVED:
        return c
    code = ord(c)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _distribution(logprobs: FloatArray, k: int, colour: bool) -> list[str]:
    best = ranked(logprobs)[:k].tolist()
    lines = [_paint(f"{'next byte':<{9 + BAR_WIDTH}}  {'probability':>11}  {'nats':>10}", _BOLD, colour)]
    for symbol in best:
        probability = float(np.exp(logprobs[symbol]))
        bar = _paint(f"{_bar(probability):<{BAR_WIDTH}}", _CYAN, colour)
        lines.append(f"  {symbol_name(symbol):<5}  {bar}  {_percent(probability)}  {nats(logprobs[symbol]):>10}")
    others = float(np.exp(np.delete(logprobs, best)).sum())
    if len(best) < len(logprobs):
        label = f"  {len(logprobs) - len(best)} others"
        lines.append(_paint(f"{label:<{9 + BAR_WIDTH}}  {_percent(others)}", _DIM, colour))
    return lines


def _bar(probability: float) -> str:
    eighths = round(min(probability, 1.0) * BAR_WIDTH * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def nats(value: float) -> str:
    """Four decimals, and no minus sign in front of zeros."""
    return f"{round(float(value), 4) + 0.0:.4f}"


def _percent(probability: float) -> str:
    """``probability`` in eleven columns; what is small but not zero does not look like zero."""
    return "   < 0.01 %" if 0 < probability < 5e-5 else f"{100 * probability:9.2f} %"


def certainty(bounds: tuple[FloatArray, FloatArray], dropped: float, covers: bool) -> str:
    """In words how exact a distribution is; ``covers``: whether it is a sum over some."""
    lower, upper = bounds
    if dropped > 0:
        return f"not certified: posterior mass dropped so far {dropped:.2g}, the expected relative shortfall"
    gap = float((np.exp(upper) - np.exp(lower)).max())
    if gap == 0:
        return "exact: every live cover was evaluated" if covers else "exact"
    return f"certified: each probability is known to within {gap:.1e}"


def cover_table(covers: Sequence[CoverLike], token_bytes: Callable[[int], bytes], colour: bool) -> list[str]:
    """Live covers as a table, best first: lines without newlines.

    Args:
        covers: at least one, best first.
        token_bytes: the bytes of a token id.
        colour: whether to add ANSI colours.
    """
    plural = "s" if len(covers) > 1 else ""
    lines = [_paint(f"{len(covers)} live cover{plural}: share, nats, tokens, and the bytes after them", _BOLD, colour)]
    total = logtotal(covers)
    lines += [_cover_line(cover, total, token_bytes, colour) for cover in covers[:COVERS_SHOWN]]
    if hidden := covers[COVERS_SHOWN:]:
        weight = float(np.exp([cover.logweight - total for cover in hidden]).sum())
        lines.append(_paint(f"  and {len(hidden)} more with {_percent(weight).strip()} together", _DIM, colour))
    return lines


def logtotal(covers: Sequence[CoverLike]) -> float:
    """The log-probability of all covers together, nats, which their shares refer to; evaluated ones, if any are."""
    evaluated = [cover.logweight for cover in covers if cover.evaluated]
    return float(np.logaddexp.reduce(evaluated or [cover.logweight for cover in covers]))


def _cover_line(cover: CoverLike, total: float, token_bytes: Callable[[int], bytes], colour: bool) -> str:
    bound = " " if cover.evaluated else "≤"
    label = f"{bound}{_percent(float(np.exp(cover.logweight - total)))}  {nats(cover.logweight):>10}   "
    note = "" if cover.evaluated else "  (pending)"
    names = pieces(cover.tokens[-WIDTH:], cover.rest, token_bytes)  # more do not fit on a line
    text = last_columns(names, "|", WIDTH - len(label) - len(note))
    if colour and cover.rest and text.endswith(names[-1]):
        text = text[: -len(names[-1])] + _paint(names[-1], _UNDERLINE, colour)
    return _paint(label, "" if cover.evaluated else _DIM, colour) + text + _paint(note, _DIM, colour)


def _paint(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code and text else text
