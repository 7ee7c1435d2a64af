"""From the specification of a tokenizer to its canonical rule."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bytelm.tokens.added import AddedTokens
from bytelm.tokens.borders import BorderAutomaton
from bytelm.tokens.bytepairs import BytePairs
from bytelm.tokens.canonical import CanonicalRule
from bytelm.tokens.classes import CharacterClasses
from bytelm.tokens.keeping import Arrays, Kept
from bytelm.tokens.longest import LongestMatch
from bytelm.tokens.merges import Merges
from bytelm.tokens.sections import SectionAutomaton
from bytelm.tokens.segmenting import Segmenter
from bytelm.tokens.specification import BytePairFamily, LongestFamily, Specification, UnigramFamily
from bytelm.tokens.spelling import Spelling
from bytelm.tokens.unigram import Unigram
from bytelm.tokens.vocabulary import Vocabulary
from bytelm.tokens.walks import Walks

SPECIFICATION, RULE = "specification", "rule"
"""The names of what is kept on disk."""

WORTH_KEEPING = 4096
"""A vocabulary smaller than this is read and learned in no time."""

_STATES_EXPLORED = 32


def canonical_rule(specification: Specification, vocabulary: Vocabulary, kept: Kept) -> CanonicalRule:
    """The rule of ``segmentation="canonical"``, taken up from what is kept, or made and then kept.

    Raises:
        ValueError: the tokenizer has parts that cannot be followed.
    """
    parts = _Parts(specification, vocabulary, kept.part(RULE))
    if parts.worth_keeping and not parts.restored:
        facts, arrays = parts.explored()
        kept.save({RULE: (facts, arrays), SPECIFICATION: (specification.facts or {}, vocabulary.arrays())})
    return parts.rule


class _Parts:
    """The parts of a canonical rule.

    Args:
        specification: the tokenizer.
        vocabulary: its tokens, sorted.
        known: what was kept of the parts, if anything.

    Attributes:
        rule: the rule.
        restored: whether it was taken up from what was kept.
        worth_keeping: whether making it takes so long that it should be kept.
    """

    def __init__(
        self, specification: Specification, vocabulary: Vocabulary, known: tuple[dict[str, Any], Arrays] | None
    ) -> None:
        facts, arrays = known if known is not None else ({}, {})
        self.restored = known is not None
        splitter, normalization = specification.splitter(), specification.normalization
        self._added = AddedTokens(specification.added)
        strips = any(entry.strips_left or entry.strips_right for entry in self._added.by_id.values())
        atoms = [*splitter.atoms, *([r"\s"] if strips else [])]
        # Added tokens that are looked for in the normalized text find there what the normalizer puts before it.
        swallows, normalized = specification.swallows, all(entry.normalized for entry in self._added.by_id.values())
        due = specification.prefix if swallows or not normalized else ""
        named = self._added.characters + due if self._added.by_id else ""
        family = specification.family
        self._merges: Merges | None = None
        if isinstance(family, BytePairFamily):
            self._merges = _merges(family, len(specification.token_bytes), _under("merges", arrays))
        segmenter = self._segmenter(specification, vocabulary)
        if known is None:
            self._classes = CharacterClasses(atoms, normalization.unchanged, named)
            self._section = BorderAutomaton.learned(splitter, self._classes.plain_representatives)
        else:
            self._classes = CharacterClasses.restored(
                atoms, normalization.unchanged, facts["classes"], arrays["classes"]
            )
            self._section = BorderAutomaton.restored(
                splitter, self._classes.plain_representatives, facts["borders"], arrays["borders"]
            )
        self._automaton: BorderAutomaton | SectionAutomaton = self._section
        if self._added.by_id:
            self._automaton = SectionAutomaton(
                self._section, self._classes, self._added, due, swallows, normalized and normalization.marks
            )
            if known is not None:
                self._automaton.restore(facts["sections"], arrays["sections"])
        spelled = segmenter.reachable.copy()
        spelled[vocabulary.index[np.array(list(self._added.by_id), dtype=np.int64)]] = False
        spelling = None if known is None else Spelling.restored(vocabulary.words, _under("spelling", arrays))
        self._walks = Walks(
            vocabulary, spelled, self._automaton, self._classes, normalization, specification.fallback, spelling
        )
        self.rule = CanonicalRule(vocabulary, segmenter, self._automaton, self._walks, normalization, self._added.by_id)
        if known is not None:
            self.rule.restore({int(state): arrays[f"living/{state}"] for state in facts["living"]})
            self._walks.restore(_under("walks", arrays))
        self.worth_keeping = self._merges is not None and vocabulary.size >= WORTH_KEEPING

    def explored(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What there is to keep, after finding out what most texts will need."""
        assert self._merges is not None, "only byte-pair encodings are kept"
        self._section.explore(_STATES_EXPLORED)
        self._automaton.explore(_STATES_EXPLORED)
        living = self.rule.kept(_STATES_EXPLORED)
        facts: dict[str, Any] = {"living": list(living)}
        arrays: dict[str, NDArray[Any]] = {f"living/{state}": bits for state, bits in living.items()}
        arrays |= {f"walks/{name}": array for name, array in self._walks.kept(living).items()}
        facts["classes"], arrays["classes"] = self._classes.kept()
        facts["borders"], arrays["borders"] = self._section.kept()
        if isinstance(self._automaton, SectionAutomaton):
            facts["sections"], arrays["sections"] = self._automaton.kept()
        arrays |= {f"merges/{name}": array for name, array in self._merges.arrays().items()}
        arrays |= {f"spelling/{name}": array for name, array in self._walks.spelling.arrays().items()}
        return facts, arrays

    def _segmenter(self, specification: Specification, vocabulary: Vocabulary) -> Segmenter:
        family = specification.family
        if isinstance(family, LongestFamily):
            return LongestMatch(vocabulary, competitors=family.others, longest=family.longest)
        if isinstance(family, UnigramFamily):
            scores = np.full(len(specification.token_bytes), np.nan)
            scores[: len(family.scores)] = family.scores[: len(scores)]
            fallback = specification.fallback
            byte_tokens = sorted(fallback.tokens, key=vocabulary.token_bytes.__getitem__) if fallback else None
            return Unigram(vocabulary, scores, family.others, byte_tokens)
        assert self._merges is not None, "byte-pair encodings have merges"
        unmerged = np.flatnonzero(~self._merges.reachable[vocabulary.order])
        whole = set(vocabulary.order[unmerged].tolist()) - set(self._added.by_id)
        return BytePairs(vocabulary, self._merges, whole if family.ignore_merges else ())


def _merges(family: BytePairFamily, size: int, arrays: Arrays) -> Merges:
    return Merges.restored(arrays) if arrays else Merges(family.ranked(), family.atoms, size)


def _under(name: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {key.removeprefix(name + "/"): found for key, found in arrays.items() if key.startswith(name + "/")}
