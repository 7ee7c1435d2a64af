"""Next-byte distributions as HTML, with the inputs that the text form takes."""

from dataclasses import dataclass
from html.parser import HTMLParser

import numpy as np
import pytest

import bytelm
from bytelm.batch import SHOWN
from bytelm.protocol import END, SYMBOLS, FloatArray
from bytelm.rendering import COVERS_SHOWN
from bytelm.rendering_html import render_next_html
from decoding.byte_models import markov


@dataclass(frozen=True)
class Told:
    """A cover as told."""

    tokens: tuple[int, ...]
    rest: bytes
    logweight: float
    evaluated: bool = True


class Table(HTMLParser):
    """The cells of all rows, and all tags (mutable)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.text = ""
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._inside:
            self.rows[-1][-1] += data


def certain(**probabilities: float) -> FloatArray:
    """A distribution over named bytes, ``end`` among them."""
    masses = np.zeros(SYMBOLS)
    for name, probability in probabilities.items():
        masses[END if name == "end" else ord(name)] = probability
    with np.errstate(divide="ignore"):
        return np.log(masses)


TOKENS = {0: b"<b>", 1: b"a&", 2: b""}


def rendered(covers: list[Told], k: int = 3, tail: bytes = b"</code>\n\xff", dropped: float = 0.0) -> Table:
    logprobs = certain(a=0.75, end=0.25)
    html = render_next_html(
        logprobs, (logprobs, logprobs), covers, TOKENS.__getitem__, tail, k, logprob=-1.5, dropped=dropped
    )
    assert html.count("<div") == html.count("</div>")
    return Table(html)


def test_the_distribution() -> None:
    found = rendered([])
    assert found.rows[1:] == [
        ["a", "", "75.00 %", "-0.2877"],
        ["⟨end⟩", "", "25.00 %", "-1.3863"],
        ["\\x00", "", "0.00 %", "-inf"],
        ["254 others", "", "0.00 %", "-inf"],
    ]
    assert "after </code>↵\\xff▏ log P = -1.5000 nats" in found.text
    assert found.text.rstrip().endswith("exact")


def test_what_was_dropped_is_said() -> None:
    assert "not certified: posterior mass dropped so far 0.01" in rendered([], dropped=0.01).text


def test_covers_are_escaped() -> None:
    found = rendered([Told((0, 1), b"<i>", -0.5), Told((2,), b"", -1.0, False)])
    assert found.tags <= {"style", "div", "b", "code", "span", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert found.rows[-2:] == [
        ["100.00 %", "-0.5000", "<b>a&<i>"],
        ["≤ 60.65 %", "-1.0000", "⟨2⟩ (pending)"],
    ]


def test_many_covers_are_summed_up() -> None:
    covers = [Told((1,), b"", float(np.log(1 / 20))) for _ in range(20)]
    found = rendered(covers)
    assert "20 live covers" in found.text
    assert found.rows[-1] == [f"{100 * (20 - COVERS_SHOWN) / 20:.2f} %", "", f"{20 - COVERS_SHOWN} more"]


def test_k_is_a_number() -> None:
    with pytest.raises(ValueError, match="k is -1; expected a whole number of at least 0: how many symbols to show"):
        rendered([], k=-1)


@pytest.mark.parametrize("options", [{}, {"method": "beam"}])
def test_states_show_themselves(options: dict[str, str]) -> None:
    state = bytelm.load(**options).prefill("import nu")  # type: ignore[arg-type]
    found = Table(state._repr_html_())
    (best, _), *_ = state.top(1)
    assert found.rows[1][0].encode() == best
    assert "after import·nu▏" in found.text
    assert "import" in found.rows[-1][2]


def test_batches_show_their_first_states() -> None:
    batch = markov(0).prefill(["a"] * (SHOWN + 2))
    found = Table(batch._repr_html_())
    assert len(found.rows) == SHOWN + 1
    assert f"BatchState of {SHOWN + 2} states" in found.text
    assert "and 2 more" in found.text
    assert found.rows[1][1] == f"{batch[0].logprob:.4f}"
    assert "more" not in Table(markov(0).prefill(["a"])._repr_html_()).text
