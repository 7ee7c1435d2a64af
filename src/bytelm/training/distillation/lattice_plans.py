"""What the teacher's tokenizer alone says about a text: every head that some place leaves open, as arrays.

A plan asks no network. Heads are numbered in the order in which they were born, the one before the first token first;
a parent's number is below its children's. Columns are the places between bytes, prefix included.

Shapes: H heads, E entries.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bytelm.covers.opening import Opening
from bytelm.covers.walk import walk_of
from bytelm.tokens.lattice import TextHead
from bytelm.tokens.rules import Context, Rule

IntArray = NDArray[np.int64]


class Plan(NamedTuple):
    """The heads of a text.

    Attributes:
        parents: the parent of each, int64 ``(H,)``; -1 for the first.
        tokens: the token of each by its id, int64 ``(H,)``; -1 for the first.
        places: the same by its place in the vocabulary's order.
        depths: how many tokens each has.
        born: the column at its end.
        reach: the last column at which it or a descendant is live.
        next: the only descendant by one token that reaches furthest, or -1.
        contexts: what the rule remembers of each.
        trunk: the heads along the text's own tokens, int64.
        spans: int64 ``(S, 4)``: a head, a later column, and the range of tokens by which it lives there.
        columns: how many there are.
    """

    parents: IntArray
    tokens: IntArray
    places: IntArray
    depths: IntArray
    born: IntArray
    reach: IntArray
    next: IntArray
    contexts: list[Context]
    trunk: IntArray
    spans: IntArray
    columns: int


class Joined(NamedTuple):
    """The plans of several texts as one; heads and columns are numbered through.

    Attributes:
        row: the text of each head, int64 ``(H,)``.
        parents, tokens, places, depths, born, reach, next, contexts, trunk, spans: as in `Plan`.
        begins: the first column of each text, and behind the last one, int64.
    """

    row: IntArray
    parents: IntArray
    tokens: IntArray
    places: IntArray
    depths: IntArray
    born: IntArray
    reach: IntArray
    next: IntArray
    contexts: list[Context]
    trunk: IntArray
    spans: IntArray
    begins: IntArray


def joined(plans: Sequence[Plan]) -> Joined:
    """Plans as one."""
    heads = np.cumsum([0, *(len(plan.parents) for plan in plans)])
    columns = np.cumsum([0, *(plan.columns for plan in plans)])

    def numbered(name: str, offsets: IntArray) -> IntArray:
        parts = [getattr(plan, name) for plan in plans]
        return np.concatenate([np.where(part < 0, -1, part + at) for part, at in zip(parts, offsets, strict=False)])

    def put(name: str) -> IntArray:
        return np.concatenate([getattr(plan, name) for plan in plans])

    spans = [
        plan.spans + np.array([head, column, 0, 0])
        for plan, head, column in zip(plans, heads.tolist(), columns.tolist(), strict=False)
    ]
    return Joined(
        row=np.repeat(np.arange(len(plans)), np.diff(heads)),
        parents=numbered("parents", heads),
        tokens=put("tokens"),
        places=put("places"),
        depths=put("depths"),
        born=numbered("born", columns),
        reach=numbered("reach", columns),
        next=numbered("next", heads),
        contexts=[context for plan in plans for context in plan.contexts],
        trunk=numbered("trunk", heads),
        spans=np.concatenate(spans),
        begins=columns,
    )


def plan_of(rule: Rule, opening: Opening, own: list[TextHead]) -> Plan | None:
    """The plan of a text; ``None`` where no text of the tokenizer has its bytes.

    Args:
        rule: of canonical segmentation.
        opening: the text.
        own: the heads along its own tokens.
    """
    walk = walk_of(rule, opening.prefix, opening.text, opening.head)
    if len(walk.roots) > 1:
        return None
    heads: list[TextHead] = list(walk.traces)
    numbers = {head: number for number, head in enumerate(heads)}
    traces = list(walk.traces.values())
    tokens = np.array([head.token for head in heads], np.int64)
    trunk = [0]
    for follower in own[1:]:
        children = (numbers[child] for child in traces[trunk[-1]].children)
        found = next((child for child in children if tokens[child] == follower.token), None)
        if found is None:
            return None
        trunk.append(found)
    parents = np.full(len(heads), -1)
    for number, trace in enumerate(traces):
        parents[[numbers[child] for child in trace.children]] = number
    reach = np.array([trace.reach for trace in traces], np.int64)
    spans = [(number, *span) for number, trace in enumerate(traces) for span in trace.spans]
    return Plan(
        parents=parents,
        tokens=tokens,
        places=np.where(tokens < 0, -1, rule.vocabulary.index[tokens]),
        depths=np.array([head.depth for head in heads], np.int64) - heads[0].depth,
        born=np.array([trace.born for trace in traces], np.int64),
        reach=reach,
        next=_only_furthest(parents, reach),
        contexts=[head.context for head in heads],
        trunk=np.array(trunk, np.int64),
        spans=np.array(spans, np.int64).reshape(-1, 4),
        columns=walk.columns,
    )


def path_plan_of(rule: Rule, own: list[TextHead]) -> Plan | None:
    """The plan of a text's own tokens alone; ``None`` where some of them may not follow.

    Args:
        rule: of canonical segmentation.
        own: the heads along its own tokens.
    """
    vocabulary, contexts = rule.vocabulary, [head.context for head in own]
    if any(rule.advance(context, head.token) is None for context, head in zip(contexts, own[1:], strict=False)):
        return None
    spans = []
    for number, head in enumerate(own[1:]):
        low, high, spelled = 0, vocabulary.size, vocabulary.token_bytes[head.token]
        for depth in range(1, len(spelled)):
            _, low, high = vocabulary.narrow(low, high, spelled[:depth])
            spans.append((number, own[number].end + depth, low, high))
    tokens = np.array([head.token for head in own], np.int64)
    many = np.arange(len(own))
    born = np.array([head.end for head in own], np.int64) - own[0].end
    return Plan(
        parents=many - 1,
        tokens=tokens,
        places=np.where(tokens < 0, -1, vocabulary.index[tokens]),
        depths=many,
        born=born,
        reach=born,
        next=np.full(len(own), -1),
        contexts=contexts,
        trunk=many,
        spans=np.array(spans, np.int64).reshape(-1, 4) - np.array([0, own[0].end, 0, 0]),
        columns=int(born[-1]) + 1,
    )


def _only_furthest(parents: IntArray, reach: IntArray) -> IntArray:
    """Of each head the child that reaches as far as it does, if there is just one; else -1."""
    children = np.flatnonzero((parents >= 0) & (reach == reach[parents]))
    above = parents[children]
    found = np.full(len(parents), -1)
    found[above] = children
    found[np.bincount(above, minlength=len(parents)) != 1] = -1
    return found
