"""What of a ``tokenizer.json`` cannot be followed canonically, said before anything is computed from it."""

from collections.abc import Iterable, Mapping
from typing import Any

from bytelm.tokens.added import AddedToken
from bytelm.tokens.normalizing import Normalization, parts_of

_WAY_OUT = 'load the model with segmentation="all"'
_WITHOUT_SPACES = {"BertPreTokenizer", "WhitespaceSplit"}


def check_limits(facts: Mapping[str, Any], added: Iterable[AddedToken], normalization: Normalization) -> None:
    """Make sure that a tokenizer can be followed.

    Args:
        facts: what was read of the file.
        added: the added tokens that text produces.
        normalization: what happens to characters first.

    Raises:
        ValueError: it cannot; the error says what of it.
    """
    normalization.check()
    if facts["dropout"]:
        raise ValueError(f"the tokenizer drops merges at random (dropout), so no segmentation is its own; {_WAY_OUT}")
    _check_normalizer(facts, normalization)
    single = [entry["content"] for entry in facts["entries"] if entry.get("single_word") and not entry["special"]]
    if single:
        raise ValueError(
            f"the added token {single[0]!r} stands only for whole words (single_word), which bytelm cannot follow; "
            f"{_WAY_OUT}"
        )
    special = [entry["content"] for entry in facts["entries"] if entry["special"]]
    for token in added:
        _check_added(token, special, normalization)


def _check_normalizer(facts: Mapping[str, Any], normalization: Normalization) -> None:
    spaced = any(
        part["type"] == "BertNormalizer" and part.get("handle_chinese_chars")
        for part in parts_of(facts["description"]["normalizer"], "normalizers")
    )
    cutting = {part["type"] for part in parts_of(facts["description"]["pre_tokenizer"], "pretokenizers")}
    if spaced and not cutting & _WITHOUT_SPACES:
        raise ValueError(
            "the normalizer puts spaces around Chinese characters, and the pre-tokenizer does not take them out again; "
            f"bytelm cannot follow that; {_WAY_OUT}"
        )
    unstable = normalization.unstable()
    if unstable is not None:
        raise ValueError(
            f"the normalizer makes {normalization.seen(unstable)!r} of {unstable!r} and changes that again, so what it "
            f"leaves alone is not what it makes; bytelm cannot follow that; {_WAY_OUT}"
        )


def _check_added(token: AddedToken, special: Iterable[str], normalization: Normalization) -> None:
    masking = next((content for content in special if _masks(content, token.content)), None)
    if masking is not None:
        raise ValueError(
            f"the added token {token.content!r} is looked for only where the special token {masking!r} does not stand, "
            f"and bytelm cannot follow that; {_WAY_OUT}"
        )
    if token.normalized and _is_touched(token.content, normalization):
        raise ValueError(
            f"the normalizer replaces characters around the added token {token.content!r}, which is looked for behind "
            f"it, and bytelm cannot follow that; {_WAY_OUT}"
        )


def _masks(special: str, content: str) -> bool:
    """Whether looking for a special token first keeps an added one from being found inside it, or at its end."""
    return content in special or any(special.endswith(content[:length]) for length in range(1, len(content)))


def _is_touched(pattern: str, normalization: Normalization) -> bool:
    """Whether the patterns of the normalizer may change what stands beside an added token together with it."""
    around = (before + pattern + behind for before in ("a ", "a") for behind in (" a", "a", pattern + "a"))
    return any(normalization.replaced(text) != text for text in around)
