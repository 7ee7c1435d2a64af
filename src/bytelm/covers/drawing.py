"""Drawing from the byte model itself: one cover of the prompt, and from there token by token.

The next symbols of a text are distributed as the bytes of a drawn token sequence: a cover of the text, by its weight,
then tokens that the rule allows, each by its probability. So plain sampling needs no sums over covers, and one pass a
token.
Where temperature or a filter changes the distribution of a symbol, all of it must be known at every byte.
"""

from math import exp, inf

import numpy as np

from bytelm.covers.courses import Ask, Course
from bytelm.covers.masses import drawing
from bytelm.covers.settling import Settling, begin_anywhere, impossible
from bytelm.covers.state import CoverState
from bytelm.covers.weighing import Weigher
from bytelm.decoding.sampling import Sampling, choose
from bytelm.engines.protocol import Logits
from bytelm.protocol import END
from bytelm.tokens.lattice import Cursor, Lattice, TextHead

TRIES = 16
"""How many draws of a token may be thrown away before what may follow is looked at as a whole."""


def drawn_course(weigher: Weigher, tolerance: float, lattice: Lattice, rng: np.random.Generator) -> Course:
    """Symbols drawn from the model after a text; ``END`` is the last. Heads within the tolerance are never drawn.

    Args:
        weigher: the token model and the rule.
        tolerance: how much of the covers of the text may be left out, as a fraction.
        lattice: of the text.
        rng: where the draws come from.
    """
    work = Settling(weigher, lattice, begin_anywhere(lattice))
    while heads := work.needed(tolerance):
        work.learn(heads, (yield Ask(heads)))
    cursor = _drawn_cover(work, lattice, rng.random())
    masses, depth = work.evaluated[cursor.head].masses, lattice.end - cursor.head.end
    end = masses.end if depth == 0 else 0.0
    tokens = masses.of(cursor.low, cursor.high)
    share = rng.random() * (tokens + end)
    if share >= tokens:
        yield (END,)
        return
    vocabulary = weigher.rule.vocabulary
    index = masses.drawn(cursor.low, cursor.high, share / tokens)
    yield vocabulary.words[index][depth:]
    head: TextHead | None = _follow(weigher, cursor.head, int(vocabulary.order[index]))
    del work, lattice, cursor, masses, heads  # what was not drawn may go, and its keys and values with it
    while head is not None:
        (logits,) = yield Ask(bare=(head,))
        head = _drawn_token(weigher, head, logits, rng)
        yield (END,) if head is None else vocabulary.token_bytes[head.token]


def _drawn_token(weigher: Weigher, head: TextHead, logits: Logits, rng: np.random.Generator) -> TextHead | None:
    """The head with one more token, drawn from what may follow; ``None`` for the end of the text.

    A draw from all tokens that is thrown away until it may follow is a draw from those that may; and nearly all that a
    trained model draws may. So the mask of what may follow is not made, but where many draws are thrown away.
    """
    rule, ends = weigher.rule, weigher.end_tokens
    draw = drawing(logits)
    for _ in range(TRIES):
        token = draw(rng.random())
        if token in ends:
            if rule.may_end(head.context):
                return None
        elif token < len(rule.vocabulary.index) and rule.vocabulary.index[token] >= 0:
            context = rule.advance(head.context, token)
            if context is not None:
                return TextHead(head, token, context, head.end + len(rule.vocabulary.token_bytes[token]))
    (masses,) = weigher.restricted((head,), logits)
    tokens = masses.of(0, rule.vocabulary.size)
    if tokens + masses.end == 0:
        raise impossible()
    share = rng.random() * (tokens + masses.end)
    if share >= tokens:
        return None
    index = masses.drawn(0, rule.vocabulary.size, share / tokens)
    return _follow(weigher, head, int(rule.vocabulary.order[index]))


def filtered_course(state: CoverState, sampling: Sampling, rng: np.random.Generator, most: int) -> Course:
    """Symbols drawn one after the other from the filtered distribution of each; ``END`` is the last.

    ``state`` is unsettled; ``most`` is as for its `settling`.
    """
    state = yield from state.settling(most)
    while True:
        symbol = choose(state.logprobs(), sampling, rng)
        yield (symbol,)
        if symbol == END:
            return
        state = yield from state.unsettled(bytes((symbol,))).settling(most)


def _drawn_cover(work: Settling, lattice: Lattice, share: float) -> Cursor:
    """A live cursor, by its weight."""
    logs = work.logmasses
    scale = max(logs.values(), default=-inf)
    if scale == -inf:
        raise impossible()
    heads = list(logs)
    sums = np.cumsum([exp(logs[head] - scale) for head in heads])
    place = int(np.searchsorted(sums, share * float(sums[-1]), side="right"))
    return work.cursors[heads[min(place, len(heads) - 1)]]


def _follow(weigher: Weigher, head: TextHead, token: int) -> TextHead:
    context = weigher.rule.advance(head.context, token)
    assert context is not None, "the mask and the step agree on what may follow"
    return TextHead(head, token, context, head.end + len(weigher.rule.vocabulary.token_bytes[token]))
