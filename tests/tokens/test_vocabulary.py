import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.tokens.vocabulary import Vocabulary

WORDS = st.lists(st.binary(max_size=4) | st.text("ab\xff", max_size=4).map(lambda t: t.encode("latin-1")), max_size=30)


def vocabularies() -> st.SearchStrategy[Vocabulary]:
    return WORDS.filter(any).map(Vocabulary)


@given(WORDS.filter(any))
def test_order_is_sorted_by_bytes_then_by_id_and_index_is_its_inverse(words: list[bytes]) -> None:
    vocabulary = Vocabulary(words)
    expected = sorted((word, i) for i, word in enumerate(words) if word)
    assert vocabulary.order.tolist() == [i for _, i in expected]
    assert [vocabulary.bytes_at(k) for k in range(vocabulary.size)] == [word for word, _ in expected]
    for i, word in enumerate(words):
        assert vocabulary.index[i] == (vocabulary.order.tolist().index(i) if word else -1)
        assert not word or i in vocabulary.order[vocabulary.find(word)]


@given(vocabularies(), st.binary(max_size=3), st.data())
def test_narrow_finds_the_tokens_that_start_with_a_prefix(
    vocabulary: Vocabulary, prefix: bytes, data: st.DataObject
) -> None:
    if data.draw(st.booleans()):
        prefix = vocabulary.bytes_at(data.draw(st.integers(0, vocabulary.size - 1)))[: data.draw(st.integers(0, 3))]
    low = data.draw(st.integers(0, vocabulary.size))
    high = data.draw(st.integers(low, vocabulary.size))
    narrowed = vocabulary.narrow(low, high, prefix)
    inside = [i for i in range(low, high) if vocabulary.bytes_at(i).startswith(prefix)]
    exact = [i for i in inside if vocabulary.bytes_at(i) == prefix]
    assert list(range(narrowed.low, narrowed.high)) == inside
    assert list(range(narrowed.low, narrowed.exact)) == exact


@given(vocabularies(), st.integers(0, 2**32 - 1), st.binary(max_size=2))
def test_byte_masses_are_the_sums_over_children(vocabulary: Vocabulary, seed: int, prefix: bytes) -> None:
    masses = np.random.default_rng(seed).exponential(size=vocabulary.size) ** 8
    _, exact, high = vocabulary.narrow(0, vocabulary.size, prefix)
    expected = np.zeros(256)
    for i in range(exact, high):
        expected[vocabulary.bytes_at(i)[len(prefix)]] += masses[i]
    found = vocabulary.byte_masses(masses, exact, high, len(prefix))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)
    if exact < high:
        symbols, starts = vocabulary.next_bytes(exact, high, len(prefix))
        assert symbols.tolist() == np.flatnonzero(expected).tolist()
        firsts = [vocabulary.bytes_at(i)[len(prefix)] for i in starts.tolist()]
        assert firsts == symbols.tolist()


def test_small_masses_beside_large_ones_are_not_lost() -> None:
    vocabulary = Vocabulary([b"a", b"b", b"c"])
    masses = np.array([1.0, 1e-300, 1e-290])
    assert vocabulary.byte_masses(masses, 0, 3, 0)[[97, 98, 99]].tolist() == masses.tolist()


def test_a_vocabulary_without_bytes_is_an_error() -> None:
    with pytest.raises(ValueError, match="no token of the vocabulary has bytes"):
        Vocabulary([b"", b""])
