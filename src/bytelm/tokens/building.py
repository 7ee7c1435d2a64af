"""From the specification of a tokenizer to its canonical rule."""

import numpy as np

from bytelm.tokens.added import AddedTokens
from bytelm.tokens.borders import BorderAutomaton
from bytelm.tokens.bytepairs import BytePairs
from bytelm.tokens.canonical import CanonicalRule
from bytelm.tokens.classes import CharacterClasses
from bytelm.tokens.longest import LongestMatch
from bytelm.tokens.merges import Merges
from bytelm.tokens.sections import SectionAutomaton
from bytelm.tokens.segmenting import Segmenter
from bytelm.tokens.specification import LongestFamily, Specification, UnigramFamily
from bytelm.tokens.unigram import Unigram
from bytelm.tokens.vocabulary import Vocabulary
from bytelm.tokens.walks import Automaton, Walks


def canonical_rule(specification: Specification, vocabulary: Vocabulary) -> CanonicalRule:
    """The rule of ``segmentation="canonical"``.

    Raises:
        ValueError: the tokenizer has parts that cannot be followed.
    """
    splitter, normalization = specification.splitter(), specification.normalization
    segmenter = _segmenter(specification, vocabulary)
    added = AddedTokens(specification.added)
    atoms = [*splitter.atoms, *([r"\s"] if any(e.strips_left or e.strips_right for e in added.by_id.values()) else [])]
    named = added.characters + (specification.section_prefix if added.by_id else "")
    classes = CharacterClasses(atoms, normalization.unchanged, named)
    section = BorderAutomaton(splitter, classes.plain_representatives)
    automaton: Automaton = section
    if added.by_id:
        automaton = SectionAutomaton(section, classes, added, specification.section_prefix)
    spelled = segmenter.reachable.copy()
    spelled[vocabulary.index[np.array(list(added.by_id), dtype=np.int64)]] = False
    walks = Walks(vocabulary, spelled, automaton, classes, normalization, specification.fallback)
    return CanonicalRule(vocabulary, segmenter, automaton, walks, normalization, frozenset(added.by_id))


def _segmenter(specification: Specification, vocabulary: Vocabulary) -> Segmenter:
    family = specification.family
    if isinstance(family, LongestFamily):
        return LongestMatch(vocabulary, competitors=family.others, longest=family.longest)
    if isinstance(family, UnigramFamily):
        scores = np.full(len(specification.token_bytes), np.nan)
        scores[: len(family.scores)] = family.scores[: len(scores)]
        fallback = specification.fallback
        byte_tokens = sorted(fallback.tokens, key=vocabulary.token_bytes.__getitem__) if fallback else None
        return Unigram(vocabulary, scores, family.others, byte_tokens)
    merges = Merges(family.ranked, family.atoms, len(specification.token_bytes))
    whole = (
        [token for token in vocabulary.order.tolist() if not merges.reachable[token]] if family.ignore_merges else []
    )
    added = {entry.token for entry in specification.added}
    return BytePairs(vocabulary, merges, [token for token in whole if token not in added])
