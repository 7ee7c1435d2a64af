"""A table of spans as text and as HTML, for people."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from bytelm.rendering import WIDTH, columns, nats, visible

if TYPE_CHECKING:
    from bytelm.spans.table import Span, SpanTable

SHOWN = 40
"""How many rows are shown where not all are asked for."""

BAR_WIDTH = 13
TEXT_WIDTH = 36

STYLE = (
    "<style>.bytelm-spans{border-collapse:collapse;font-size:90%}"
    ".bytelm-spans td,.bytelm-spans th{padding:1px 8px;text-align:right;border:0}"
    ".bytelm-spans .text{font-family:monospace;text-align:left;white-space:pre-wrap;overflow-wrap:anywhere}"
    ".bytelm-spans .bar{text-align:left;min-width:8em}"
    ".bytelm-spans .bar div{background:rgba(222,84,34,.75);height:.8em}"
    ".bytelm-spans tfoot td,.bytelm-spans thead th{border-bottom:1px solid rgba(128,128,128,.5)}"
    ".bytelm-spans caption{text-align:left;padding:4px 8px}</style>"
)


def render_table(table: "SpanTable") -> str:
    """The table in at most 100 columns, the middle of a long one left out. No newline at the end."""
    top = most_bits(table.rows)
    lines = [
        table.caption,
        "",
        f"{'start':>8}{'end':>8}  {'text':<{TEXT_WIDTH}}  {'nats':>10}{'bits':>9}  per byte",
    ]
    for row in shown(table.rows, SHOWN):
        lines.append(f"{'…':>8}" if row is None else _line(row, top))
    total = f"{nats(table.logprob):>10}{table.surprisal:>9.3f}{table.bits_per_byte:>10.3f}"
    lines.append(f"{counted(len(table.rows), 'span'):>14}{'':<{TEXT_WIDTH + 6}}{total}")
    return "\n".join(lines)


def render_table_html(table: "SpanTable", most: int = SHOWN) -> str:
    """The table as a piece of HTML that needs nothing else.

    Args:
        table: the table.
        most: how many rows to show; of more, the middle is left out.
    """
    top = most_bits(table.rows)
    heads = "".join(f"<th>{name}</th>" for name in ("start", "end", "text", "nats", "bits", "bits per byte", ""))
    body = [_row_html(row, top) for row in shown(table.rows, most)]
    total = f"<td>{nats(table.logprob)}</td><td>{table.surprisal:.3f}</td><td>{table.bits_per_byte:.3f}</td><td></td>"
    return (
        f'{STYLE}<table class="bytelm-spans"><caption>{escape(table.caption)}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody><tfoot><tr><td></td><td></td>"
        f'<td class="text">{counted(len(table.rows), "span")}</td>{total}</tr></tfoot></table>'
    )


def shown(rows: "Sequence[Span]", most: int) -> "Iterator[Span | None]":
    """The rows, at most so many; ``None`` stands for the middle of more."""
    if len(rows) <= most:
        yield from rows
        return
    yield from rows[: most - most // 2]
    yield None
    yield from rows[len(rows) - most // 2 :]


def most_bits(rows: "Sequence[Span]") -> float:
    """The highest surprisal that is finite, at least one bit."""
    return max([1.0, *(row.surprisal for row in rows if math.isfinite(row.surprisal))])


def counted(number: int, what: str) -> str:
    """``1 span``, ``2 spans``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def shortened(text: bytes, width: int) -> str:
    """``text`` to be seen on one line of at most ``width`` columns; ``…`` stands for the rest."""
    found = visible(text[: 4 * width])
    if columns(found) <= width and len(text) <= 4 * width:
        return found
    while columns(found) > width - 1:
        found = found[:-1]
    return found + "…"


def _line(row: "Span", top: float) -> str:
    name = shortened(row.text, TEXT_WIDTH)
    name += " " * (TEXT_WIDTH - columns(name))
    rate = "" if math.isnan(row.bits_per_byte) else f"{row.bits_per_byte:.3f}"
    bar = "█" * round(_share(row, top) * BAR_WIDTH)
    line = f"{row.start:>8}{row.end:>8}  {name}  {nats(row.logprob):>10}{row.surprisal:>9.3f}{rate:>10}  {bar}"
    return line[:WIDTH].rstrip()


def _row_html(row: "Span | None", top: float) -> str:
    if row is None:
        return '<tr><td>…</td><td></td><td class="text"></td><td></td><td></td><td></td><td></td></tr>'
    rate = "" if math.isnan(row.bits_per_byte) else f"{row.bits_per_byte:.3f}"
    bar = f'<div style="width:{100 * _share(row, top):.1f}%"></div>'
    return (
        f'<tr><td>{row.start}</td><td>{row.end}</td><td class="text">{escape(visible(row.text))}</td>'
        f"<td>{nats(row.logprob)}</td><td>{row.surprisal:.3f}</td><td>{rate}</td>"
        f'<td class="bar">{bar}</td></tr>'
    )


def _share(row: "Span", top: float) -> float:
    """How long the bar of a row is: 0 to 1."""
    return min(1.0, max(0.0, row.surprisal / top))
