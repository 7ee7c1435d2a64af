"""The result itself."""

import dataclasses
import math

import numpy as np
import pytest

from bytelm.searching.completion import Completion


def test_what_it_says() -> None:
    one = Completion(b"ab", np.log([0.5, 0.25]), math.log(0.5), "end")
    assert one.logprob == pytest.approx(math.log(1 / 16))
    assert one.bits_per_byte == pytest.approx(1.5)
    assert repr(one) == "Completion(b'ab', logprob=-2.773, bits_per_byte=1.500, ended='end')"


def test_an_empty_text_has_no_bits_per_byte() -> None:
    one = Completion(b"", np.zeros(0), -1.0, "stop")
    assert one.bits_per_byte is None
    assert repr(one) == "Completion(b'', logprob=-1.000, bits_per_byte=None, ended='stop')"


def test_a_certain_text_shows_no_minus_sign() -> None:
    assert repr(Completion(b"a", np.zeros(1), None, "max_bytes")) == (
        "Completion(b'a', logprob=0.000, bits_per_byte=0.000, ended='max_bytes')"
    )


def test_it_is_frozen() -> None:
    one = Completion(b"a", np.zeros(1), None, "max_bytes")
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.text = b"b"  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        one.logprobs[0] = 1.0
