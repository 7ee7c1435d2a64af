"""The adaptive beam of ``segmentation="all"``: heads that never die are given up, and grown again where it matters.

A side head lives on for ever, as single bytes continue anything. So heads that were not worth evaluating are given up
byte by byte, and their share of the mass is counted. That share is small before the next byte is known; a byte that
is less probable than the tolerance may be spelled by little else. Then the heads behind those that were evaluated
first are grown anew, and the byte is judged again. A model that gives tokens probability zero can leave nothing at all
of what was kept; then the text is read again by a wider beam.
"""

import numpy as np

from bytelm.covers.settling import Weights, logknown, settle
from bytelm.covers.weighing import Weigher, log
from bytelm.tokens.lattice import Cursor, Lattice, Whole, advance_lattice
from bytelm.tokens.rules import Rule

_NARROWEST = 1e-150
"""The tolerance of the widest beam that is tried before a text is called impossible."""


def advance_beam(
    weigher: Weigher, lattice: Lattice, weights: Weights, tolerance: float, byte: int
) -> tuple[Lattice, Weights]:
    """The lattice and the weights after one more byte; it has no cursors if no tokens spell the bytes."""
    after = advance_lattice(weigher.rule, lattice, byte)
    settled = settle(weigher, after, weights, tolerance)
    expected = logknown(lattice, weights.evaluated) + log(tolerance)
    if not weights.evaluated or (logknown(after, settled.evaluated) >= expected and after.cursors):
        return after, settled
    regrown = _regrow(weigher.rule, lattice, weights, byte)
    settled = settle(weigher, regrown, weights, tolerance)
    if logknown(regrown, settled.evaluated) > -np.inf or expected == -np.inf or tolerance**2 < _NARROWEST:
        return regrown, settled
    return _read_again(weigher, lattice, tolerance**2, byte)


def prune(lattice: Lattice, weights: Weights) -> tuple[Lattice, Weights, float]:
    """Give up the pending heads.

    Returns:
        the lattice and the weights without them, and the share of the mass that they had.
    """
    cursors = tuple(cursor for cursor in lattice.cursors if cursor.head in weights.evaluated)
    pending = [weight for weight in weights.pending.values() if weight > -np.inf]
    kept = lattice._replace(cursors=cursors)
    logtotal = np.logaddexp.reduce([logknown(kept, weights.evaluated), *pending])
    lost = float(np.exp(np.array(pending) - logtotal).sum())
    return kept, Weights(weights.evaluated, {}), lost


def _read_again(weigher: Weigher, lattice: Lattice, tolerance: float, byte: int) -> tuple[Lattice, Weights]:
    """The lattice and the weights after one more byte, by a beam of another tolerance from the beginning on."""
    head, root = lattice.cursors[0].head, lattice.root
    spelled = [weigher.rule.vocabulary.token_bytes[token] for token in head.tokens()[root.depth :]]
    again = Lattice((Cursor(root, 0, weigher.rule.vocabulary.size),), root.end, b"", Whole(root, root.end), root)
    weights = settle(weigher, again, Weights({}, {root: 0.0}), tolerance)
    for value in (*b"".join(spelled), *lattice.after(head.end), byte):
        again, weights, _ = prune(again, weights)
        again, weights = advance_beam(weigher, again, weights, tolerance, value)
    return again, weights


def _regrow(rule: Rule, lattice: Lattice, weights: Weights, byte: int) -> Lattice:
    """The lattice after one more byte, with all heads behind the first of the evaluated ones of each branch."""
    tops = [
        head
        for head in weights.evaluated
        if not any(above in weights.evaluated for above in head.path() if above is not head)
    ]
    grown = []
    for top in tops:
        cursor = Cursor(top, 0, rule.vocabulary.size)
        branch = Lattice((cursor,), top.end, b"", Whole(top, top.end), lattice.root)
        for value in (*lattice.after(top.end), byte):
            branch = advance_lattice(rule, branch, value)
        grown.append(branch)
    cursors = tuple(cursor for branch in grown for cursor in branch.cursors)
    longest = max(grown, key=lambda branch: len(branch.tail))
    return longest._replace(cursors=cursors)
