import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.protocol import END
from bytelm.spans.characters import Kind, begins, character_kinds, kind_of, kinds_within
from bytelm.spans.words import NO, OPEN, YES, answers, merged, parts, word_ends

PIECES = st.sampled_from(
    [b"a", b" ", b".", b"\n", "é".encode(), "“".encode(), "Ⰰ".encode(), "字".encode(), "я".encode(), "😀".encode()]
    + [bytes([byte]) for byte in (0x80, 0xA0, 0xBF, 0xC0, 0xC2, 0xC3, 0xD1, 0xE2, 0xE5, 0xED, 0xF0, 0xF4, 0xFF)]
)
TEXTS = st.lists(PIECES, max_size=6).map(b"".join)


def answer(text: bytes, more: bytes, spaced: bool) -> int:
    """Whether a word ends behind ``text`` where ``more`` follows, by the answers, a symbol at a time."""
    before = merged(character_kinds(text)[-1], spaced)
    for place, symbol in enumerate([*more, END]):
        verdict = int(answers(before, spaced, more[:place])[symbol])
        if verdict != OPEN:
            return verdict
    raise AssertionError("the end of a text leaves nothing open")


@given(TEXTS.filter(bool), TEXTS, st.booleans())
def test_answers_are_those_of_the_whole_text(text: bytes, more: bytes, spaced: bool) -> None:
    ends = word_ends(text + more, spaced)[0]
    assert answer(text, more, spaced) == (YES if len(text) in ends else NO)


@given(TEXTS, st.booleans())
def test_what_stands_before_an_end_is_known_from_the_text_up_to_there(text: bytes, spaced: bool) -> None:
    for end, kind in zip(*word_ends(text, spaced), strict=True):
        assert merged(character_kinds(text[:end])[-1], spaced) is kind


def test_little_is_left_open() -> None:
    """What follows a letter is decided by its first byte but for those that begin both letters and others."""
    verdicts = answers(Kind.WORD, False)
    assert verdicts[ord("a")] == verdicts[0xD0] == verdicts[0xE5] == verdicts[0x80] == NO
    assert verdicts[ord(" ")] == verdicts[ord(".")] == verdicts[END] == verdicts[0xFF] == YES
    assert verdicts[0xC2] == verdicts[0xC3] == verdicts[0xE2] == OPEN
    assert (answers(Kind.WORD, True) == OPEN).sum() == 4  # white space begins with c2, e1, e2, e3
    assert not (answers(Kind.SPACE, False) == OPEN).any()


def test_kinds_of_all_characters() -> None:
    """By the first byte, against encoding every character there is."""
    found: dict[int, set[Kind]] = {}
    for code in [*range(0x80, 0xD800), *range(0xE000, 0x110000)]:
        found.setdefault(chr(code).encode()[0], set()).add(kind_of(chr(code)))
    assert {lead: set(kinds_within(bytes([lead]))) for lead in range(0xC2, 0xF5)} == found


@pytest.mark.parametrize(
    ("character", "kind"),
    [
        *((one, Kind.WORD) for one in "a_7字\u0301²"),
        *((one, Kind.SPACE) for one in " \n\xa0\u3000"),
        *((one, Kind.OTHER) for one in "-’😀\x00\u200b"),
    ],
)
def test_kinds(character: str, kind: Kind) -> None:
    assert kind_of(character) is kind


def test_white_space_belongs_to_the_word_behind_it() -> None:
    assert [parts(Kind.SPACE, kind) for kind in Kind] == [False] * 3
    assert [parts(Kind.WORD, kind) for kind in Kind] == [True, False, True]
    assert [parts(Kind.OTHER, kind) for kind in Kind] == [True, True, False]


def test_beginnings_of_characters() -> None:
    assert begins(b"\xe2")
    assert begins(b"\xe2\x80")
    assert not any(map(begins, (b"", b"a", "é".encode(), b"\xff", b"\xed\xa0", b"a\xe2")))
