"""The hashes of n-grams against their definition in Python's integers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bytelm.blt import hashing
from bytelm.blt.config import HashConfig
from bytelm.blt.hashing import PRIMES, embed, table_rows
from bytelm.blt.vocabulary import PADDING, document

IDS = st.lists(st.integers(0, 259), min_size=1, max_size=20)
CONFIGS = st.builds(
    HashConfig,
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4).map(tuple),
    rows=st.integers(1, 10**6),
    functions=st.integers(1, 12),
)


def hashed(gram: list[int], prime: int, rows: int) -> int:
    """The row of an n-gram in its table."""
    value = sum(id * prime**power for power, id in enumerate(gram)) % 2**64
    return (value - 2**64 if value >= 2**63 else value) % rows


def slowly(ids: list[int], config: HashConfig, first: list[int] | None = None) -> list[list[int]]:
    """The definition, position by position; ids before ``first`` do not count."""
    found = []
    for position in range(len(ids)):
        begin = 0 if first is None else first[position]
        known = [0] * max(config.sizes) + ids[begin : position + 1]
        rows = [
            hashed(known[-size:], PRIMES[function % len(PRIMES)], config.rows)
            for function in range(config.functions)
            for size in config.sizes
        ]
        found.append([row + table * config.rows for table, row in enumerate(rows)])
    return found


def test_the_vector_of_the_release() -> None:
    found = table_rows(torch.from_numpy(document(b"hello"))[None], HashConfig(sizes=(3,), rows=500002))
    assert found[0, :, 0].tolist() == [443987, 25397, 266194, 386177, 358223, 190185]


def test_the_tables_of_the_release_stand_one_below_the_other() -> None:
    config = HashConfig()
    assert (config.sizes, config.rows, config.tables) == ((3, 4, 5, 6, 7, 8), 500002, 6)
    found = table_rows(torch.from_numpy(document(b"hello"))[None], config)
    assert (found // 500002 == torch.arange(6)).all()
    assert found[0, :, 0].tolist() == [443987, 25397, 266194, 386177, 358223, 190185]


@given(IDS, CONFIGS)
def test_rows_are_those_of_the_definition(ids: list[int], config: HashConfig) -> None:
    found = table_rows(torch.tensor([ids, ids[::-1]]), config)
    assert found.tolist() == [slowly(ids, config), slowly(ids[::-1], config)]


@given(IDS, CONFIGS, st.data())
def test_a_text_goes_on_with_the_ids_before(ids: list[int], config: HashConfig, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(ids) - 1))
    many = hashing.context(config)
    assert many == max(config.sizes) - 1
    before = ([PADDING] * many + ids[:place])[place:]
    found = table_rows(torch.tensor([ids[place:]]), config, torch.tensor([before], dtype=torch.int64).view(1, many))
    assert found[0].tolist() == slowly(ids, config)[place:]


@given(st.lists(IDS, min_size=1, max_size=4), CONFIGS)
def test_documents_have_their_own_ngrams(documents: list[list[int]], config: HashConfig) -> None:
    ids = [id for one in documents for id in one]
    begins = np.cumsum([0, *map(len, documents)])
    first = [int(begin) for begin, one in zip(begins, documents, strict=False) for _ in one]
    found = table_rows(torch.tensor([ids]), config, None, torch.tensor([first]))[0].tolist()
    assert found == slowly(ids, config, first)
    assert found == [rows for one in documents for rows in slowly(one, config)]


@given(IDS, st.integers(1, 3), st.integers(1, 5))
def test_embeddings_are_plain_sums(ids: list[int], functions: int, width: int) -> None:
    config = HashConfig(sizes=(1, 3), rows=7, functions=functions)
    tables = torch.randn(config.tables * config.rows, width, dtype=torch.float64)
    rows = table_rows(torch.tensor([ids, ids]), config)
    expected = [[sum(tables[row] for row in table) for table in line] for line in rows.tolist()]
    found = embed(rows, tables)
    assert found.shape == (2, len(ids), width)
    for line, other in zip(found, expected, strict=True):
        torch.testing.assert_close(line, torch.stack(other), atol=1e-12, rtol=0)


@pytest.mark.parametrize("prime", PRIMES)
def test_bases_are_primes(prime: int) -> None:
    """By Fermat's test, and by small divisors."""
    assert pow(2, prime - 1, prime) == 1
    assert all(prime % small for small in range(3, 2000, 2))
