"""Choices are bytes: they need no engine, and need not be UTF-8."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bytelm.constraints.building import constrain
from bytelm.constraints.choices import begin_choices
from bytelm.protocol import END
from constraints.brute_force import allowed
from decoding.byte_models import markov

TESTS = Path(__file__).resolve().parents[1]

few = st.binary(max_size=4) | st.text(st.sampled_from("ab"), max_size=4).map(str.encode)


@given(st.lists(few | st.just(b"\xff\x00"), min_size=1, max_size=8), st.data())
def test_places_are_those_of_the_list(texts: list[bytes], data: st.DataObject) -> None:
    """Every place on the way of every text, whatever the steps; and where a text leaves the list."""
    first = begin_choices(texts)
    text = data.draw(st.sampled_from(texts))
    cut = data.draw(st.integers(0, len(text)))
    place, read = first.after(text[:cut])
    assert read == cut
    assert place.allowed.tolist() == allowed(texts, text[:cut])
    assert place.forced == (sum(allowed(texts, text[:cut])) == 1)
    other = data.draw(st.binary(max_size=4))
    stopped, read = place.after(other)
    begun = [any(one.startswith(text[:cut] + other[:length]) for one in texts) for length in range(len(other) + 1)]
    assert read == max(length for length, holds in enumerate(begun) if holds)
    assert stopped.allowed.tolist() == allowed(texts, text[:cut] + other[:read])


def test_choices_need_not_be_utf8() -> None:
    choices = [b"\xff\xfe", b"\xff\x80\x80", b"\x00"]
    model = constrain(markov(1), choices=choices)
    assert np.flatnonzero(model.prefill("").allowed()).tolist() == [0, 255]
    assert np.flatnonzero(model.prefill(b"\xff").allowed()).tolist() == [0x80, 0xFE]
    drawn = {constrain(markov(seed), choices=choices).generate("", temperature=1) for seed in range(60)}
    assert drawn == set(choices)


def test_a_choice_may_begin_another() -> None:
    state = constrain(markov(1), choices=["ab", "abc", "ab"]).prefill("ab")
    assert np.flatnonzero(state.allowed()).tolist() == [ord("c"), END]


def test_the_engine_is_not_imported_for_choices() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(TESTS)!r})\n"
        "from bytelm.constraints.building import constrain\n"
        "from decoding.byte_models import markov\n"
        "model = constrain(markov(1), choices=['a', 'b'])\n"
        "assert 'llguidance' not in sys.modules\n"
        "constrain(markov(1), regex='a')\n"
        "assert 'llguidance' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
