import numpy as np
import pytest

from bytelm.engines.table import TableModel, random_table
from bytelm.heads import Head
from bytelm.protocol import FloatArray


def row(*probabilities: float) -> FloatArray:
    with np.errstate(divide="ignore"):
        logs: FloatArray = np.log(np.array(probabilities))
        return logs


def test_the_function_sees_the_tokens_after_begin() -> None:
    table = {(): row(0.5, 0.5), (1,): row(1.0, 0.0), (1, 0): row(0.25, 0.75)}
    model = TableModel(2, table.__getitem__)
    root = Head()
    one = Head(root, 1)
    answers = list(model.evaluate([Head(one, 0), root, one]))
    np.testing.assert_allclose(answers, [table[1, 0], table[()], table[1,]], rtol=0, atol=1e-15)


def test_a_yielded_array_belongs_to_the_caller() -> None:
    kept = row(0.5, 0.5)
    model = TableModel(2, lambda _: kept)
    answer = next(model.evaluate([Head()]))
    answer[:] = 0
    np.testing.assert_array_equal(kept, row(0.5, 0.5))


def test_answers_come_one_by_one() -> None:
    model = random_table(3, np.random.default_rng(0))
    answers = model.evaluate([Head(), Head(), Head()])
    next(answers)
    assert model.effort.heads == 1


def test_effort_counts() -> None:
    model = random_table(3, np.random.default_rng(0))
    list(model.evaluate([Head(), Head()]))
    list(model.evaluate([]))
    assert (model.effort.passes, model.effort.heads, model.effort.tokens) == (1, 2, 2)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (row(0.5, 0.25, 0.25), r"gives shape \(3,\) after \(1,\), not \(2,\)"),
        (np.array([0.0, np.nan]), r"gives NaN after \(1,\)"),
        (row(0.5, 0.6), r"after \(1,\) sum to 1\.1\d*, not to one"),
        (row(0.5, 0.5 + 1e-8), "not to one"),
        (np.array([np.inf, 0.0]), "sum to inf"),
    ],
)
def test_bad_answers_are_refused(answer: FloatArray, complaint: str) -> None:
    model = TableModel(2, lambda _: answer)
    with pytest.raises(ValueError, match=complaint):
        list(model.evaluate([Head(Head(), 1)]))


def test_bad_arguments_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="at least one token, not 0"):
        TableModel(0, lambda _: np.zeros(0))
    with pytest.raises(ValueError, match="concentration must be positive, not 0"):
        random_table(2, rng, concentration=0)
    with pytest.raises(ValueError, match="memory must not be negative, not -1"):
        random_table(2, rng, memory=-1)


@pytest.mark.parametrize("concentration", [1e-3, 0.1, 1.0, 100.0])
def test_a_random_table_is_a_function_of_its_seed(concentration: float) -> None:
    once = random_table(5, np.random.default_rng(7), concentration)
    again = random_table(5, np.random.default_rng(7), concentration)
    heads = [Head(), Head(Head(), 1), Head(Head(Head(), 1), 1)]
    backwards = list(again.evaluate(heads[::-1]))[::-1]
    answers = list(once.evaluate(heads))
    np.testing.assert_array_equal(answers, backwards)
    assert np.isfinite(answers).all()
    assert len({tuple(answer) for answer in answers}) == 3


@pytest.mark.parametrize("memory", [0, 1, 2])
def test_memory_is_how_many_tokens_back_a_random_table_looks(memory: int) -> None:
    model = random_table(4, np.random.default_rng(0), memory=memory)
    ends = [1, 2, 3][3 - memory :]
    first, second = Head(), Head(Head(), 2)
    for token in [3, *ends]:
        first = Head(first, token)
    for token in [0, *ends]:
        second = Head(second, token)
    longer = Head(first, 0)
    one, two, three = model.evaluate([first, second, longer])
    np.testing.assert_array_equal(one, two)
    assert np.array_equal(one, three) == (memory == 0)
