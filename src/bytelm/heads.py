"""Heads: token sequences that share their beginnings, as a tree linked from child to parent."""

from collections.abc import Iterator


class Head:
    """A token sequence after the begin tokens, as its last token and the head before it.

    Heads are compared by identity: two heads with the same tokens are two nodes. They are immutable, and a
    node nobody refers to is gone, so an engine that keeps its caches by weak reference learns from the garbage
    collector which slots are dead.

    Attributes:
        parent: the head without its last token; ``None`` for the root.
        token: the last token's id; ``-1`` for the root, which stands for the begin tokens alone.
        depth: how many tokens follow the begin tokens.
    """

    __slots__ = ("__weakref__", "depth", "parent", "token")

    def __init__(self, parent: "Head | None" = None, token: int = -1) -> None:
        self.parent = parent
        self.token = token
        self.depth: int = 0 if parent is None else parent.depth + 1

    def path(self) -> "Iterator[Head]":
        """This head and its ancestors up to the root, deepest first."""
        node: Head | None = self
        while node is not None:
            yield node
            node = node.parent

    def tokens(self) -> tuple[int, ...]:
        """The token ids after the begin tokens, in order."""
        ids = [node.token for node in self.path()]
        return tuple(reversed(ids[:-1]))

    def __repr__(self) -> str:
        return f"Head{self.tokens()}"
