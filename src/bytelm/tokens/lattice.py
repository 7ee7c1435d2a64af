"""All token sequences that a byte prefix leaves open, walked byte by byte without asking any model.

A **cursor** is a head (a token sequence whose bytes are a prefix of the text) and a trie node: the tokens that
spell on from the head's end through the bytes that came after it. Exact matches become heads of their own, so a
cursor's range holds longer tokens only, and every cover of the text is counted by exactly one cursor.
"""

from typing import NamedTuple

from bytelm.heads import Head
from bytelm.tokens.rules import Context, Rule


class TextHead(Head):
    """A head in a text.

    Attributes:
        context: what the rule remembers of the token sequence.
        end: where in the text its bytes end.
    """

    __slots__ = ("context", "end")

    def __init__(self, parent: Head | None, token: int, context: Context, end: int) -> None:
        super().__init__(parent, token)
        self.context = context
        self.end = end


class Cursor(NamedTuple):
    """A head and the range ``[low, high)`` of tokens, in sorted order, that spell on through the text."""

    head: TextHead
    low: int
    high: int


class Whole(NamedTuple):
    """The head that spells the text up to ``end`` completely, with a text allowed to end there."""

    head: Head
    end: int


class Lattice(NamedTuple):
    """The live cursors of a text.

    Attributes:
        cursors: the live cursors.
        end: the length of the text.
        tail: its last bytes, at least from the first cursor's start on and from ``whole.end`` on.
        whole: the last place at which the text could have ended, with its canonical head.
        root: the head that all live ones descend from: where the text began, or began anew.
    """

    cursors: tuple[Cursor, ...]
    end: int
    tail: bytes
    whole: Whole
    root: TextHead

    def after(self, start: int) -> bytes:
        """The bytes of the text from ``start`` on; ``start`` is a live cursor's or ``whole.end``."""
        return self.tail[len(self.tail) - (self.end - start) :]


def begin_lattice(rule: Rule, head: Head | None = None, end: int = 0) -> Lattice:
    """The lattice of a text that begins anew ``end`` bytes into it, behind the tokens of ``head`` if given."""
    root = TextHead(None, -1, rule.start, end) if head is None else TextHead(head.parent, head.token, rule.start, end)
    return Lattice((Cursor(root, 0, rule.vocabulary.size),), end, b"", Whole(root, end), root)


def advance_lattice(rule: Rule, lattice: Lattice, byte: int) -> Lattice:
    """The lattice after one more byte; it has no cursors if no allowed sequence of tokens spells the bytes."""
    end = lattice.end + 1
    tail = lattice.tail + bytes((byte,))
    kept: list[Cursor] = []
    born: list[Cursor] = []
    whole = lattice.whole
    take, size = rule.steps.take, rule.vocabulary.size
    for head, low, high in lattice.cursors:
        step = take(head.context, low, high, lattice.end - head.end, byte)
        for token, context in step.ended:
            child = TextHead(head, token, context, end)
            born.append(Cursor(child, 0, size))
            if whole.end < end and rule.may_end(context):
                whole = Whole(child, end)
        if step.low < step.high:
            kept.append(Cursor(head, step.low, step.high))
    cursors = (*kept, *born)  # in the order of their ends
    needed = min(whole.end, cursors[0].head.end) if cursors else whole.end
    return Lattice(cursors, end, tail[len(tail) - (end - needed) :], whole, lattice.root)


def read_lattice(rule: Rule, lattice: Lattice, data: bytes) -> Lattice:
    """The lattice after more bytes, begun anew behind those that no allowed sequence spells; see `restart_lattice`."""
    for byte in data:
        after = advance_lattice(rule, lattice, byte)
        lattice = after if after.cursors else restart_lattice(rule, lattice, byte)
    return lattice


def restart_lattice(rule: Rule, lattice: Lattice, byte: int) -> Lattice:
    """The lattice after a byte that no allowed sequence spells, with that byte taken as given.

    The bytes behind the last place where the text could have ended are fed as their byte tokens, and the text
    begins anew behind them; the byte itself starts it, if it can start any.

    Raises:
        ValueError: the vocabulary has no token for one of the bytes.
    """
    head = lattice.whole.head
    for place, value in enumerate(lattice.after(lattice.whole.end), start=lattice.whole.end):
        token = byte_token(rule, value)
        if token is None and place < 0:
            raise ValueError(
                f"no text of the tokenizer goes on with byte 0x{byte:02x} at position {lattice.end}, and it has no "
                f"token for byte 0x{value:02x}, which it puts before every text, to take the text as given"
            )
        head = Head(head, _given(token, value, place))
    after = advance_lattice(rule, begin_lattice(rule, head, lattice.end), byte)
    if after.cursors:
        return after
    return begin_lattice(rule, Head(head, _given(byte_token(rule, byte), byte, lattice.end)), lattice.end + 1)


def byte_token(rule: Rule, byte: int) -> int | None:
    """The token that is one byte, if there is one."""
    found = rule.vocabulary.find(bytes([byte]))
    return int(rule.vocabulary.order[found[0]]) if found else None


def _given(token: int | None, byte: int, place: int) -> int:
    if token is None:
        raise ValueError(f"the tokenizer has no token for byte 0x{byte:02x} at position {place} of the text")
    return token
