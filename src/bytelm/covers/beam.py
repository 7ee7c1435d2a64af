"""The adaptive beam of ``segmentation="all"``: heads that never die are given up, and grown again where it matters.

A side head lives on for ever, as single bytes continue anything. So heads that were not worth evaluating are given up
byte by byte, and their share of the mass is counted. That share is small before the next byte is known; a byte that
is less probable than the tolerance may be spelled by little else. Then the heads behind those that were evaluated
first are grown anew, and the byte is judged again.
"""

from dataclasses import replace

import numpy as np

from bytelm.covers.settling import Weights, logknown, settle
from bytelm.covers.weighing import Weigher, log
from bytelm.tokens.lattice import Cursor, Lattice, Whole, advance_lattice
from bytelm.tokens.rules import Rule


def advance_beam(
    weigher: Weigher, lattice: Lattice, weights: Weights, tolerance: float, byte: int
) -> tuple[Lattice, Weights]:
    """The lattice and the weights after one more byte; it has no cursors if no tokens spell the bytes."""
    after = advance_lattice(weigher.rule, lattice, byte)
    settled = settle(weigher, after, weights, tolerance)
    expected = logknown(lattice, weights.evaluated) + log(tolerance)
    if not weights.evaluated or (logknown(after, settled.evaluated) >= expected and after.cursors):
        return after, settled
    after = _regrow(weigher.rule, lattice, weights, byte)
    return after, settle(weigher, after, weights, tolerance)


def prune(lattice: Lattice, weights: Weights) -> tuple[Lattice, Weights, float]:
    """Give up the pending heads.

    Returns:
        the lattice and the weights without them, and the share of the mass that they had.
    """
    cursors = tuple(cursor for cursor in lattice.cursors if cursor.head in weights.evaluated)
    pending = [weight for weight in weights.pending.values() if weight > -np.inf]
    kept = replace(lattice, cursors=cursors)
    logtotal = np.logaddexp.reduce([logknown(kept, weights.evaluated), *pending])
    lost = float(np.exp(np.array(pending) - logtotal).sum())
    return kept, Weights(weights.evaluated, {}), lost


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
    return replace(longest, cursors=cursors)
