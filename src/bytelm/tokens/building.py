"""From the specification of a tokenizer to its canonical rule."""

from collections.abc import Mapping
from dataclasses import dataclass
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
from bytelm.tokens.splitting import Splitter
from bytelm.tokens.unigram import Unigram
from bytelm.tokens.vocabulary import Vocabulary
from bytelm.tokens.walks import Walks

SPECIFICATION, RULE = "specification", "rule"
"""The names of what is kept on disk."""

WORTH_KEEPING = 1024
"""A vocabulary smaller than this is read and learned in no time."""

_STATES_EXPLORED = 32


@dataclass(frozen=True)
class _Parts:
    """The parts of a canonical rule that there is something to keep of.

    Attributes:
        merges: those of a byte-pair encoding; ``None`` for other families, which are made anew every time.
        classes: the classes of characters.
        section: the borders of one section of text.
        automaton: the borders of whole texts; ``section`` itself where there are no added tokens.
        walks: where tokens lead.
        rule: the rule.
    """

    merges: Merges | None
    classes: CharacterClasses
    section: BorderAutomaton
    automaton: BorderAutomaton | SectionAutomaton
    walks: Walks
    rule: CanonicalRule


def canonical_rule(specification: Specification, vocabulary: Vocabulary, kept: Kept) -> CanonicalRule:
    """The rule of ``segmentation="canonical"``, taken up from what is kept, or made and then kept.

    Raises:
        ValueError: the tokenizer has parts that cannot be followed.
    """
    known = kept.part(RULE)
    if known is not None:
        return _taken_up(specification, vocabulary, *known).rule
    parts = _made(specification, vocabulary)
    if parts.merges is not None and vocabulary.size >= WORTH_KEEPING:
        told = (specification.facts or {}, vocabulary.arrays())
        kept.save({RULE: _explored(parts, parts.merges), SPECIFICATION: told})
    return parts.rule


def _made(specification: Specification, vocabulary: Vocabulary) -> _Parts:
    family, splitter = specification.family, specification.splitter()
    merges = None
    if isinstance(family, BytePairFamily):
        merges = Merges(family.ranked(), family.atoms, len(specification.token_bytes))
    atoms, named = _told_apart(specification, splitter)
    classes = CharacterClasses(atoms, specification.normalization.unchanged, named)
    section = BorderAutomaton.learned(splitter, classes.plain_representatives)
    return _assembled(specification, vocabulary, merges, classes, section, None)


def _taken_up(specification: Specification, vocabulary: Vocabulary, facts: Mapping[str, Any], arrays: Arrays) -> _Parts:
    splitter, unchanged = specification.splitter(), specification.normalization.unchanged
    atoms, _ = _told_apart(specification, splitter)
    classes = CharacterClasses.restored(atoms, unchanged, facts["classes"], arrays["classes"])
    representatives = classes.plain_representatives
    section = BorderAutomaton.restored(splitter, representatives, facts["borders"], arrays["borders"])
    merges = Merges.restored(_under("merges", arrays))
    spelling = Spelling.restored(vocabulary.words, _under("spelling", arrays))
    parts = _assembled(specification, vocabulary, merges, classes, section, spelling)
    if isinstance(parts.automaton, SectionAutomaton):
        parts.automaton.restore(facts["sections"], arrays["sections"])
    parts.walks.restore(_under("walks", arrays))
    parts.rule.restore({int(state): arrays[f"living/{state}"] for state in facts["living"]})
    return parts


def _explored(parts: _Parts, merges: Merges) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What there is to keep, after finding out what most texts will need."""
    parts.section.explore(_STATES_EXPLORED)
    parts.automaton.explore(_STATES_EXPLORED)
    living = parts.rule.kept(_STATES_EXPLORED)
    facts: dict[str, Any] = {"living": list(living)}
    arrays: dict[str, NDArray[Any]] = {f"living/{state}": bits for state, bits in living.items()}
    facts["classes"], arrays["classes"] = parts.classes.kept()
    facts["borders"], arrays["borders"] = parts.section.kept()
    if isinstance(parts.automaton, SectionAutomaton):
        facts["sections"], arrays["sections"] = parts.automaton.kept()
    under = {"merges": merges.arrays(), "spelling": parts.walks.spelling.arrays(), "walks": parts.walks.kept(living)}
    arrays |= {f"{name}/{key}": array for name, found in under.items() for key, array in found.items()}
    return facts, arrays


def _assembled(
    specification: Specification,
    vocabulary: Vocabulary,
    merges: Merges | None,
    classes: CharacterClasses,
    section: BorderAutomaton,
    spelling: Spelling | None,
) -> _Parts:
    normalization, added = specification.normalization, AddedTokens(specification.added)
    segmenter = _segmenter(specification, vocabulary, merges)
    automaton: BorderAutomaton | SectionAutomaton = section
    if added.by_id:
        marked = normalization.marks and all(entry.normalized for entry in added.by_id.values())
        due = _due(specification)
        automaton = SectionAutomaton(section, classes, added, due, specification.swallows, marked)
    spelled = segmenter.reachable.copy()
    spelled[vocabulary.index[np.array(list(added.by_id), dtype=np.int64)]] = False
    walks = Walks(vocabulary, spelled, automaton, classes, normalization, specification.fallback, spelling)
    rule = CanonicalRule(vocabulary, segmenter, automaton, walks, normalization, added.by_id)
    return _Parts(merges, classes, section, automaton, walks, rule)


def _told_apart(specification: Specification, splitter: Splitter) -> tuple[list[str], str]:
    """The expressions that characters are told apart by, and those that are classes of their own."""
    added = AddedTokens(specification.added)
    strips = any(entry.strips_left or entry.strips_right for entry in specification.added)
    named = added.characters + _due(specification) if specification.added else ""
    return [*splitter.atoms, *([r"\s"] if strips else [])], named


def _due(specification: Specification) -> str:
    """What is put before the text, unless added tokens are looked for behind that: in the normalized text."""
    normalized = all(entry.normalized for entry in specification.added)
    return specification.prefix if specification.swallows or not normalized else ""


def _segmenter(specification: Specification, vocabulary: Vocabulary, merges: Merges | None) -> Segmenter:
    family = specification.family
    if isinstance(family, LongestFamily):
        return LongestMatch(vocabulary, competitors=family.others, longest=family.longest)
    if isinstance(family, UnigramFamily):
        scores = np.full(len(specification.token_bytes), np.nan)
        scores[: len(family.scores)] = family.scores[: len(scores)]
        fallback = specification.fallback
        byte_tokens = sorted(fallback.tokens, key=vocabulary.token_bytes.__getitem__) if fallback else None
        return Unigram(vocabulary, scores, family.others, byte_tokens, family.over_bytes)
    assert merges is not None, "byte-pair encodings have merges"
    unmerged = np.flatnonzero(~merges.reachable[vocabulary.order])
    whole = set(vocabulary.order[unmerged].tolist()) - {entry.token for entry in specification.added}
    return BytePairs(vocabulary, merges, whole if family.ignore_merges else ())


def _under(name: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {key.removeprefix(name + "/"): found for key, found in arrays.items() if key.startswith(name + "/")}
