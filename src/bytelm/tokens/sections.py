"""The automaton of borders for texts with added tokens: sections of text between them, each cut by itself.

It stands in for the automaton of one section. Its states are those of that automaton together with the added tokens
that have begun and must not be completed.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.added import AddedTokens, Unfinished
from bytelm.tokens.automaton import DEAD, Automaton
from bytelm.tokens.borders import BorderAutomaton
from bytelm.tokens.classes import CharacterClasses

Options = frozenset[Unfinished]
"""What may have begun where no added token stands, for each way in which the text can have come about."""


class _Place(NamedTuple):
    """What a state stands for.

    Attributes:
        inner: the state of the section's own automaton.
        options: the added tokens that must not be completed.
        inserted: the same if the last character was not in the text, but put before the section.
        due: what is put before the text of a section that begins here.
        stripped: whether white space at this place has been swallowed by the added token before it.
        spaced: whether white space stands just before.
    """

    inner: int
    options: Options
    inserted: Options = frozenset()
    due: str = ""
    stripped: bool = False
    spaced: bool = False


class SectionAutomaton(Automaton):
    """The automaton of possible (character class, border after it) sequences between added tokens.

    Args:
        inner: the automaton of one section.
        classes: the classes of characters, with those of added tokens named.
        added: the added tokens.
        due: what is put before the text, where added tokens are looked for before that.
        swallowed: whether that is put only before sections that do not begin with it.
        marked: whether spaces are marks already where added tokens are looked for, and so are no white space.
    """

    def __init__(
        self,
        inner: BorderAutomaton,
        classes: CharacterClasses,
        added: AddedTokens,
        due: str = "",
        swallowed: bool = False,
        marked: bool = False,
    ) -> None:
        super().__init__(len(classes.representatives))
        self._swallowed = swallowed
        self._marked = marked
        self._inner = inner
        self._classes = classes
        self._added = added
        self._strips_left = any(entry.strips_left for entry in added.by_id.values())
        self._ids: dict[_Place, int] = {}
        self._places: list[_Place] = []
        self.start = self._state(_Place(inner.start, frozenset({frozenset()}), due=due))

    def kept(self) -> tuple[list[Any], NDArray[np.int32]]:
        """What was found so far: what JSON can hold, and the table of steps, int32."""
        listed = [
            [place.inner, *([sorted(o) for o in options] for options in place[1:3]), *place[3:]]
            for place in self._places
        ]
        return listed, self._table

    def restore(self, kept: list[Any], table: NDArray[np.int32]) -> None:
        """Take up what :meth:`kept` described; states keep their numbers."""
        for inner, options, inserted, *flags in kept[len(self._places) :]:
            self._state(_Place(inner, _options(options), _options(inserted), *flags))
        self._table = table

    def explore(self, limit: int) -> None:
        done: set[int] = set()
        while len(done) < min(limit, len(self._places)):
            waiting = set(range(len(self._places))) - done
            state = min(waiting, key=self._unlikelihood)
            done.add(state)
            for character_class in range(len(self._classes.representatives)):
                self.step(state, character_class, False)

    def take(self, state: int, token: int) -> int:
        """The state after an added token; ``DEAD`` if it cannot stand there."""
        place, entry = self._places[state], self._added.by_id[token]
        taken = _left(self._added.take(unfinished, token) for unfinished in place.options)
        if not self.may_end[state] or not taken or (entry.strips_left and place.spaced):
            return DEAD
        return self._state(_Place(self._inner.start, taken, due=entry.behind, stripped=entry.strips_right))

    def _learn(self, state: int, character_class: int) -> None:
        inside, border = (self._follow(self._places[state], character_class, border) for border in (False, True))
        self._set(state, character_class, inside, border)

    def _follow(self, place: _Place, character_class: int, border: bool) -> int:
        name, char = self._classes.names[character_class], self._classes.representatives[character_class]
        space = _is_space(char) and not (self._marked and char == " ")
        if (place.due and name != place.due) or (place.stripped and not place.due and space):
            return DEAD
        inner = self._inner.step(place.inner, self._classes.plain[character_class], border)
        inserted: Options = frozenset()
        if place.due:
            # A space of the text itself stands there only if no added token before it has swallowed it.
            own = self._swallowed and not place.stripped
            inserted, options = place.options, place.options if own else frozenset()
        else:
            options = place.options if self._swallowed and name == " " else place.options | place.inserted
        read = _left(self._added.read(unfinished, name) for unfinished in options)
        if inner == DEAD or not (read or inserted):
            return DEAD
        stripped = place.stripped and bool(place.due)
        return self._state(_Place(inner, read, inserted, "", stripped, self._strips_left and space))

    def _unlikelihood(self, state: int) -> tuple[int, int]:
        """How many added tokens are unfinished, and how late the state was found."""
        return sum(map(len, self._places[state].options)), state

    def _state(self, place: _Place) -> int:
        if place not in self._ids:
            may_end = bool(place.options) and self._inner.may_end[place.inner]
            self._ids[place] = self._add(self._inner.at_border[place.inner], may_end)
            self._places.append(place)
        return self._ids[place]


def _left(found: Iterable[Unfinished | None]) -> Options:
    return frozenset(one for one in found if one is not None)


def _options(kept: list[list[int]]) -> Options:
    return frozenset(map(frozenset, kept))


def _is_space(char: str) -> bool:
    """White space as Unicode has it, which Python adds four separators to."""
    return char.isspace() and not "\x1c" <= char <= "\x1f"
