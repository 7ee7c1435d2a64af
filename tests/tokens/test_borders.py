from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest

from bytelm.tokens.automaton import DEAD
from bytelm.tokens.borders import BorderAutomaton
from bytelm.tokens.classes import CharacterClasses
from bytelm.tokens.patterns import pattern_atoms
from bytelm.tokens.splitting import Splitter, splitter_of
from tokens.tiny import CASED, PATTERNS, adversarial

Split = dict[str, Any]
MAPPING: Split = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}


def split_by(text: str, behavior: str = "Isolated") -> Split:
    return {"type": "Split", "pattern": {"String": text}, "behavior": behavior, "invert": False}


def splitting(pattern: str) -> Splitter:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return splitter_of(split if pattern else None)


MORE_PATTERNS = {**PATTERNS, "behind": r"(?<=a)\S+|\s?[^\s]", "lazy": r"\w+?(?=\d)|\w+|\W{2}|."}


@pytest.fixture(params=list(MORE_PATTERNS), scope="module")
def learned(request: pytest.FixtureRequest) -> tuple[Splitter, CharacterClasses, BorderAutomaton]:
    splitter = splitting(MORE_PATTERNS[request.param])
    classes = CharacterClasses(splitter.atoms)
    return splitter, classes, BorderAutomaton.learned(splitter, classes.representatives)


def test_the_borders_of_every_text_are_possible_at_every_cut(
    learned: tuple[Splitter, CharacterClasses, BorderAutomaton],
) -> None:
    splitter, classes, automaton = learned
    random = Random(1)
    for _ in range(300):
        text = adversarial(random)
        borders = splitter.borders(text)
        state = automaton.start
        assert automaton.at_border[state]
        for place, character_class in enumerate(classes.of(text).tolist(), start=1):
            state = automaton.step(state, character_class, place in borders)
            assert state != DEAD, (text, place)
            assert automaton.at_border[state] == (place in borders)
        assert automaton.may_end[state]


def test_every_possible_guess_is_what_some_text_shows(
    learned: tuple[Splitter, CharacterClasses, BorderAutomaton],
) -> None:
    """All guesses of borders in short texts, against those seen before all continuations of up to four characters."""
    splitter, classes, automaton = learned
    tails = ["".join(chars) for length in range(5) for chars in product("aAs 12.'\n", repeat=length)]
    for text in ("", "a", " ", "1", "  ", "'s", "11", "a'", "1 1", " \n", "\n\n", "a1a", "Aa1"):
        states: dict[tuple[int, ...], int] = {(): automaton.start}
        for place, character_class in enumerate(classes.of(text).tolist(), start=1):
            after: dict[tuple[int, ...], int] = {}
            for guess, state in states.items():
                for border in (False, True):
                    end = automaton.step(state, character_class, border)
                    if end != DEAD:
                        after[(*guess, place) if border else guess] = end
            states = after
        seen = {tuple(p for p in splitter.borders(text + tail) if p <= len(text)) for tail in tails}
        assert set(states) == seen, text
        ends = {guess for guess, state in states.items() if automaton.may_end[state]}
        assert ends == {splitter.borders(text)}


def test_stepping_many_states_is_stepping_each(learned: tuple[Splitter, CharacterClasses, BorderAutomaton]) -> None:
    _, classes, automaton = learned
    random = np.random.default_rng(0)
    states = np.array([automaton.start, DEAD], dtype=np.int32).repeat(20)
    for _ in range(4):
        drawn = random.integers(0, len(classes.representatives), len(states))
        for border in (False, True):
            expected = [
                DEAD if state == DEAD else automaton.step(state, character_class, border)
                for state, character_class in zip(states.tolist(), drawn.tolist(), strict=True)
            ]
            found = automaton.step_all(states, drawn, border)
            assert found.tolist() == expected
        states = found if random.random() < 0.5 else automaton.step_all(states, drawn, False)


def test_a_class_first_seen_later_is_learned() -> None:
    """Sixteen classes fit into the table at first; more of them make it grow."""
    splitter = splitting("|".join("abcdefghijklmnopqrstu"))
    classes = CharacterClasses(splitter.atoms)
    automaton = BorderAutomaton.learned(splitter, classes.representatives)
    last = int(classes.of("u")[0])
    assert automaton.step(automaton.start, last, True) != DEAD
    assert automaton.step_all(np.array([automaton.start], dtype=np.int32), np.array([last]), False).tolist() != []


@pytest.mark.parametrize("name", list(MORE_PATTERNS))
def test_characters_of_one_class_are_cut_alike(name: str) -> None:
    splitter = splitting(MORE_PATTERNS[name])
    classes = CharacterClasses(splitter.atoms)
    random = Random(name)
    codes = [*range(0xD800), *range(0xE000, 0x20000)]
    alike: dict[int, list[str]] = {}
    for char in map(chr, random.sample(codes, 1000)):
        alike.setdefault(int(classes.of(char)[0]), []).append(char)
    for _ in range(200):
        text = adversarial(random)
        others = "".join(random.choice(alike.get(c, [char])) for c, char in zip(classes.of(text), text, strict=True))
        assert splitter.borders(text) == splitter.borders(others), (text, others)


def test_classes_of_a_range_are_those_of_its_characters() -> None:
    classes = CharacterClasses(splitting(CASED).atoms)
    for start, stop in ((0x41, 0x60), (0x400, 0x460), (0x1F600, 0x1F640), (0x1D000, 0x1E000)):
        characters = "".join(map(chr, range(start, stop)))
        assert classes.of_range(range(start, stop)) == set(classes.of(characters).tolist())
    assert classes.of("").tolist() == []


@pytest.mark.parametrize(
    ("pattern", "atoms"),
    [
        (r"a|bc", ["a", "b", "c"]),
        (r"\p{L}+|\p{N}{1,3}", [r"\p{L}", r"\p{N}"]),
        (r"[^\s\p{L}]+ ?", [r"[^\s\p{L}]", " "]),
        (r"(?i:'s|'T)x", ["(?i:')", "(?i:s)", "(?i:T)", "x"]),
        (r"(?i)ab", ["(?i:a)", "(?i:b)"]),
        (r"(x(?i)a)b()", ["x", "(?i:a)", "b"]),
        (r"a(?=\S)(?!b)(?<=c)(?<!d)(?:e)(?>f)", ["a", r"\S", *"bcdef"]),
        (r"[[a-z]&&[^b]]|[]x]|\.", ["[[a-z]&&[^b]]", "[]x]", r"\."]),
        (r"\bx\B\R$.\x41\u0042", [r"\w", "x", r"[\n\r]", "\n", ".", r"\x41", r"\u0042"]),
        (r"\x{1F600}+?|\pL*", [r"\x{1F600}", r"\pL"]),
        (r"#-&", [r"\#", r"\-", r"\&"]),
    ],
)
def test_the_characters_that_a_pattern_distinguishes(pattern: str, atoms: list[str]) -> None:
    assert pattern_atoms(pattern) == atoms


def test_a_set_that_does_not_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="a character set that does not end: '\\[ab'"):
        pattern_atoms("x[ab")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([{"type": "UnicodeScripts"}], "a part 'UnicodeScripts' whose borders bytelm cannot follow"),
        ([split_by(" ", "Removed")], "a part 'Split' whose borders bytelm cannot follow"),
        ([{"type": "WhitespaceSplit"}], "leaves out the white space between words"),
        ([MAPPING, {"type": "Digits", "individual_digits": True}], "a part 'Digits' behind 'ByteLevel'"),
        ([split_by("a"), MAPPING | {"add_prefix_space": True}], "puts a space before every piece that others have cut"),
    ],
)
def test_a_pre_tokenizer_that_cannot_be_followed_is_an_error(parts: list[Split], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        splitter_of({"type": "Sequence", "pretokenizers": parts})


def test_without_a_pre_tokenizer_nothing_is_cut() -> None:
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    for description in (None, {"type": "ByteLevel", "use_regex": False}, metaspace):
        splitter = splitter_of(description)
        assert splitter.borders("it's  12\n x") == (11,)
        assert splitter.borders("two words") == (9,)
        assert splitter.borders("") == ()
