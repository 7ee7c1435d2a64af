from hypothesis import given
from hypothesis import strategies as st

from bytelm.tokens.spelling import ByteFallback
from bytelm.utf8 import completions, split_tail

CHARACTERS = "aé中😀ÿ\u07ff\u0800\uffff"


@given(
    st.sets(st.sampled_from(CHARACTERS)),
    st.sampled_from(CHARACTERS + "b😁"),
    st.integers(1, 4),
    st.binary(max_size=2),
)
def test_byte_tokens_spell_characters_without_a_token_and_their_beginnings(
    present: set[str], char: str, end: int, more: bytes
) -> None:
    data = char.encode()[:end] + more
    split = split_tail(data)
    expected = False
    if split is not None and len(split[0]) + bool(split[1]) == 1:
        codes = completions(split[1]) if split[1] else map(ord, split[0])
        expected = any(chr(code) not in present for code in codes)
    assert ByteFallback(frozenset(), frozenset(present)).may_spell(data) == expected


def test_a_beginning_that_all_characters_with_tokens_share_is_not_spelled_by_bytes() -> None:
    latin = frozenset(map(chr, range(0xC0, 0x100)))
    fallback = ByteFallback(frozenset(), latin)
    assert not fallback.may_spell(b"\xc3")
    assert fallback.may_spell(b"\xc4")
    assert ByteFallback(frozenset(), latin - {"é"}).may_spell(b"\xc3")
