"""All heads that a text leaves open at some place, found without asking a model.

Columns are the places between bytes; where the text becomes impossible, it begins anew in columns of its own.
"""

from dataclasses import dataclass, field

from bytelm.heads import Head
from bytelm.tokens.lattice import Lattice, TextHead, advance_lattice, begin_lattice, restart_lattice
from bytelm.tokens.rules import Rule


@dataclass(slots=True, eq=False)
class Trace:
    """What the lattices of a text say about one head.

    Attributes:
        born: the column at its end.
        spans: ``(column, low, high)`` for every later column at which its cursor lives.
        children: the heads that follow it by one token.
        reach: the last column at which it or a descendant is live.
    """

    born: int
    reach: int
    spans: list[tuple[int, int, int]] = field(default_factory=list)
    children: list[TextHead] = field(default_factory=list)


@dataclass
class Walk:
    """All heads that a text leaves open at some place, in the order in which they were born.

    Attributes:
        traces: each head's trace.
        roots: where the text begins, and begins anew.
        before, after: for every byte, the columns on both sides of it.
        possible: for every byte, whether any text of the tokenizer goes on so.
        columns: how many columns there are.
    """

    traces: dict[TextHead, Trace] = field(default_factory=dict)
    roots: list[TextHead] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    possible: list[bool] = field(default_factory=list)
    columns: int = 0

    def begin(self, root: TextHead) -> None:
        """Record where the text begins, or begins anew, at a new column."""
        self.roots.append(root)
        self.traces[root] = Trace(self.columns, self.columns)
        self.columns += 1

    def enter(self, lattice: Lattice) -> None:
        """Record the live cursors of a lattice at a new column."""
        for head, low, high in lattice.cursors:
            trace = self.traces.get(head)
            if trace is not None:
                trace.spans.append((self.columns, low, high))
                continue
            self.traces[head] = Trace(self.columns, self.columns)
            assert isinstance(head.parent, TextHead), "only the root has no parent in the text"
            self.traces[head.parent].children.append(head)
        self.columns += 1

    def close(self) -> None:
        """Find how far every head reaches, its descendants included."""
        for trace in reversed(self.traces.values()):
            last = trace.spans[-1][0] if trace.spans else trace.born
            trace.reach = max([last, *(self.traces[child].reach for child in trace.children)])

    def chain(self, head: TextHead, limit: int) -> list[TextHead]:
        """``head`` and its descendants along the one that reaches furthest, as long as there is just one.

        None has a depth of ``limit`` or more, so that what a segment asks for costs no more in a long text.
        """
        path = [head]
        while path[-1].depth + 1 < limit:
            reach = self.traces[path[-1]].reach
            furthest = [child for child in self.traces[path[-1]].children if self.traces[child].reach == reach]
            if len(furthest) != 1 or self.traces[furthest[0]].born == reach:
                break
            path.append(furthest[0])
        return path


def walk_of(rule: Rule, prefix: bytes, text: bytes, head: Head | None) -> Walk:
    """The walk along a text behind the tokens of ``head`` and the bytes ``prefix``."""
    lattice = begin_lattice(rule, head, -len(prefix))
    walk = Walk()
    walk.begin(lattice.root)
    for byte in prefix + text:
        walk.before.append(walk.columns - 1)
        after = advance_lattice(rule, lattice, byte)
        walk.possible.append(bool(after.cursors))
        if not after.cursors:
            after = restart_lattice(rule, lattice, byte)
            walk.begin(after.root)
        if after.root.end < after.end:
            walk.enter(after)
        walk.after.append(walk.columns - 1)
        lattice = after
    walk.close()
    return walk
