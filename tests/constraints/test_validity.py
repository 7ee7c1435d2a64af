"""What is drawn to its end is valid, by judges of its own: 1000 random constraints of each kind in the benchmark."""

from random import Random

import pytest

import bytelm
from bytelm.constraints.building import constrain
from bytelm.constraints.model import ConstrainedLM
from bytelm.covers.model import TokenizedLM
from bytelm.protocol import END
from constraints.random_constraints import matches, random_regex, random_schema, validates
from decoding.byte_models import markov

LONGEST = 4096


@pytest.fixture(scope="module")
def bundled() -> TokenizedLM:
    return bytelm.load()


def drawn(model: ConstrainedLM, seed: int) -> bytes:
    """An output that was drawn to its end at temperature 1."""
    output = model.generate(b"", max_bytes=LONGEST, temperature=1, seed=seed)
    assert len(output) < LONGEST
    assert model.prefill(output).allowed()[END]
    return output


@pytest.mark.parametrize("seed", range(300))
def test_regular_expressions(seed: int) -> None:
    regex = random_regex(Random(seed))
    output = drawn(constrain(markov(seed), regex=regex), seed)
    assert matches(regex, output), (regex, output)


@pytest.mark.parametrize("seed", range(300))
def test_schemas(seed: int) -> None:
    schema = random_schema(Random(seed))
    output = drawn(constrain(markov(seed), json_schema=schema), seed)
    assert validates(schema, output), (schema, output)


@pytest.mark.parametrize("seed", range(1000, 1020))
def test_regular_expressions_and_the_bundled_model(seed: int, bundled: TokenizedLM) -> None:
    regex = random_regex(Random(seed))
    output = drawn(constrain(bundled, regex=regex, after="text = "), seed)
    assert matches(regex, output), (regex, output)


@pytest.mark.parametrize("seed", range(1000, 1020))
def test_schemas_and_the_bundled_model(seed: int, bundled: TokenizedLM) -> None:
    schema = random_schema(Random(seed))
    output = drawn(constrain(bundled, json_schema=schema, after="data = "), seed)
    assert validates(schema, output), (schema, output)


def test_a_grammar_that_counts() -> None:
    """Parentheses that close: no regular expression does that."""
    grammar = 'start: "(" start ")" start | "-"'
    model = constrain(markov(5, symbols=b"()-", end=0.3), grammar=grammar)
    for seed in range(20):
        output = model.generate("", temperature=1, seed=seed, max_bytes=400)
        if len(output) < 400:
            depth = 0
            for byte in output:
                depth += {ord("("): 1, ord(")"): -1, ord("-"): 0}[byte]
                assert depth >= 0
            assert depth == 0


def test_the_judges_can_say_no() -> None:
    assert matches("(?:é){1,2}", "éé".encode())
    assert not matches("(?:é){1,2}", "ééé".encode())
    assert not matches(".", b"\xff")
    assert validates({"type": "integer", "maximum": 3}, b"3")
    assert not validates({"type": "integer", "maximum": 3}, b"4")
    assert not validates({"type": "string", "maxLength": 1}, b'"ab"')
    assert not validates({"type": "string"}, b'"a')
