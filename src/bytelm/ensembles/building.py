"""From a user's words to an ensemble."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bytelm.decoding.checks import check_real
from bytelm.ensembles.model import EnsembleLM
from bytelm.ensembles.ways import RATES, Extreme, Mean, Mixture, Product, Way, check_weights, fractions
from bytelm.model import ByteLM

HOW = ("mixture", "mean", "product", "min", "max", "contrast", "proxy")

STRENGTH = {"contrast": 0.5, "proxy": 1.0}
PLAUSIBLE = 0.1

_MEMBERS = {"contrast": "an expert and an amateur", "proxy": "a base model, an expert and an anti-expert"}

_TAKES = {
    "mixture": ("weights", "switch"),
    "mean": ("weights",),
    "product": ("weights",),
    "min": (),
    "max": (),
    "contrast": ("strength", "plausible"),
    "proxy": ("strength",),
}


def ensemble(
    members: Sequence[ByteLM[Any]],
    how: str = "mixture",
    weights: Sequence[float] | None = None,
    *,
    switch: float | None = None,
    strength: float | None = None,
    plausible: float | None = None,
    names: Sequence[str] | None = None,
) -> EnsembleLM:
    """Several byte models as one, whatever their tokenizers: their next-byte distributions, pooled, byte by byte.

    Args:
        members: any byte models; ensembles, too.
        how: ``"mixture"`` (the default): a mean whose weights follow the members' success through the text.
            ``"mean"``: a mean with fixed weights. ``"product"``: the product of powers of the distributions,
            normalised. ``"min"``, ``"max"``: the least or greatest probability of each symbol, normalised.
            ``"contrast"``: an expert, sharpened by what an amateur says: ``(1 + s) log expert - s log amateur`` where
            the expert holds a symbol plausible (Li et al. 2023; in the form of O'Brien and Lewis 2023). ``"proxy"``: a
            base model moved as an expert moves from an anti-expert: ``log base + s (log expert - log anti)`` (Liu et
            al. 2024, "Tuning Language Models by Proxy").
        weights: of a mean or mixture, normalised here, equal by default; of a product, the exponents, ``1 / members``
            by default, so that a model with itself is that model; 1 each multiplies the distributions as they are.
        switch: of a mixture: how probable it is before every byte that another member becomes the right one; by
            default that is learned from the text, too; 0 makes a Bayesian mixture of whole texts.
        strength: of contrast and proxy, the ``s`` above; 0.5 and 1 by default.
        plausible: of contrast: keep symbols with this share of the best one's probability under the expert; 0.1 by
            default.
        names: of the members, for people; their places by default.

    Raises:
        ValueError: an unknown way, an option that it does not take or out of range, or not the members it needs.
        TypeError: the members are no list, or one is no byte model.
    """
    if not isinstance(members, Sequence):
        raise TypeError(f"members are a list of byte models; got {type(members).__name__}")
    for member in members:
        if not isinstance(member, ByteLM):
            raise TypeError(f"members are byte models, as bytelm.load gives them; got {type(member).__name__}")
    given = {"weights": weights, "switch": switch, "strength": strength, "plausible": plausible}
    _check(how, len(members), given)
    called = [str(place) for place in range(len(members))] if names is None else list(names)
    if len(called) != len(members):
        raise ValueError(f"expected {len(members)} names, one for each member; got {len(called)}")
    return EnsembleLM(members, _way(how, len(members), weights, switch, strength, plausible), called)


def _check(how: str, count: int, given: dict[str, Any]) -> None:
    if how not in HOW:
        raise ValueError(f"unknown way {how!r} to make an ensemble; choose one of {', '.join(HOW)}")
    foreign = [name for name, value in given.items() if value is not None and name not in _TAKES[how]]
    if foreign:
        takes = " and ".join(f"{name}=" for name in _TAKES[how]) or "none of these options"
        raise ValueError(f"{how!r} takes no {' and no '.join(f'{name}=' for name in foreign)}; it takes {takes}")
    needed = {"contrast": 2, "proxy": 3}.get(how)
    if needed is not None and count != needed:
        raise ValueError(f"{how!r} takes {needed} members, {_MEMBERS[how]}; got {count}")
    if count < 1:
        raise ValueError("an ensemble has at least one member; got none")


def _way(
    how: str,
    count: int,
    weights: Sequence[float] | None,
    switch: float | None,
    strength: float | None,
    plausible: float | None,
) -> Way:
    if how == "mean":
        return Mean(fractions(weights, count))
    if how == "mixture":
        if switch is not None:
            check_real("switch", switch, 1.0, "how often another member becomes the right one")
        return Mixture(fractions(weights, count), RATES if switch is None else (switch,))
    if how in ("min", "max"):
        return Extreme(count, how == "min")
    if how == "product":
        exponents = check_weights(weights, count)
        return Product(np.full(count, 1 / count) if exponents is None else exponents)
    force = STRENGTH[how] if strength is None else strength
    check_real("strength", force, 1e6, "how far the expert is moved")
    if how == "proxy":
        return Product(np.array([1.0, force, -force]))
    share = PLAUSIBLE if plausible is None else plausible
    check_real("plausible", share, 1.0, "the share of the best symbol's probability that others need under the expert")
    return Product(np.array([1 + force, -force]), share)
