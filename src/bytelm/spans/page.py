"""A heat map as HTML: a page by itself, or the piece of one that notebooks show. Nothing is loaded from elsewhere."""

import math
from html import escape
from typing import TYPE_CHECKING

from bytelm.rendering import nats, visible
from bytelm.spans.colours import IMPOSSIBLE, colour_of
from bytelm.spans.showing import TAB, glyphs

if TYPE_CHECKING:
    from bytelm.spans.heatmap import Heatmap, Run
    from bytelm.spans.table import Span

UNITS = {"surprisal": "bits", "bits_per_byte": "bits per byte"}

_STEPS = 8

_STYLE = f"""<style>
.bytelm-heat {{ font-family: system-ui, sans-serif; font-size: 14px; line-height: 1.5; }}
.bytelm-heat h1 {{ font-size: 1.15em; margin: 0 0 .4em; }}
.bytelm-heat pre {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px;
  line-height: 1.7; white-space: pre-wrap; overflow-wrap: anywhere; tab-size: {TAB}; margin: .8em 0;
  background: transparent; color: inherit; }}
.bytelm-heat pre span {{ padding: 2px 0; border-radius: 2px; box-decoration-break: clone;
  -webkit-box-decoration-break: clone; }}
.bytelm-heat pre i {{ font-style: normal; opacity: .6; }}
.bytelm-heat .scale {{ display: inline-block; width: 12em; height: .8em; margin: 0 .5em; border-radius: 2px;
  vertical-align: -1px; }}
.bytelm-heat .zero {{ background: {IMPOSSIBLE.css()}; color: #fff; padding: 0 .4em; border-radius: 2px;
  margin-left: 1em; }}
</style>"""

_PAGE_STYLE = """<style>
:root { color-scheme: light dark; }
body { margin: 2em auto; max-width: 60em; padding: 0 1em; background: #fff; color: #1b1b1b; }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #e4e4e4; } }
</style>"""


def page(heat: "Heatmap") -> str:
    """A whole page."""
    title = escape(heat.title or f"surprisal of {heat.table.caption}")
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"{_PAGE_STYLE}\n</head>\n<body>\n{fragment(heat)}\n</body>\n</html>\n"
    )


def fragment(heat: "Heatmap") -> str:
    """The same as a piece of a page."""
    title = f"<h1>{escape(heat.title)}</h1>\n" if heat.title else ""
    text = "".join(_run(heat, run) for run in heat.runs())
    # The first newline behind <pre> would be swallowed, were it the text's own.
    return (
        f'{_STYLE}\n<div class="bytelm-heat">\n{title}<div>{escape(heat.summary)} &nbsp; {_legend(heat)}</div>\n'
        f"<pre>\n{text}</pre>\n</div>"
    )


def _legend(heat: "Heatmap") -> str:
    stops = ",".join(colour_of(heat.top * step / _STEPS, heat.top).css() for step in range(_STEPS + 1))
    zero = '<span class="zero">impossible</span>' if heat.impossible else ""
    unit = UNITS[heat.measure]
    return f'0<span class="scale" style="background:linear-gradient(90deg,{stops})"></span>≥ {heat.top:g} {unit}{zero}'


def _run(heat: "Heatmap", run: "Run") -> str:
    text = "".join(_shown(one.text, one.mark) for one in glyphs(run.text))
    if not run.spans:
        return text
    colours = [colour_of(heat.value(span), heat.top).css() for span in run.spans]
    title = escape("\n".join(_described(span) for span in run.spans))
    white = ";color:#fff" if all(math.isinf(span.logprob) for span in run.spans) else ""
    return f'<span style="background:{_background(colours)}{white}" title="{title}">{text}</span>'


def _shown(text: str, mark: bool) -> str:
    """A character; marks of line ends and tabs with these behind them."""
    if not mark:
        return escape(text)
    return f"<i>{escape(text)}</i>" + {"↵": "\n", "⇥": "\t"}.get(text, "")


def _background(colours: list[str]) -> str:
    """One colour, or stripes side by side."""
    if len(colours) == 1:
        return colours[0]
    width = 100 / len(colours)
    stripes = (f"{colour} {place * width:.0f}% {(place + 1) * width:.0f}%" for place, colour in enumerate(colours))
    return f"linear-gradient(90deg,{','.join(stripes)})"


def _described(span: "Span") -> str:
    """What the tooltip says of a span."""
    if math.isinf(span.logprob):
        figures = "probability zero"
    else:
        figures = f"{span.surprisal:.2f} bits, log P = {nats(span.logprob)} nats"
    return f"{visible(span.text)}  {figures}, bytes {span.start} to {span.end}"
