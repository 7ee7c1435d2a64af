"""What a pass runs, without a network."""

import gc

import numpy as np

from bytelm.engines.slots import NOTHING
from bytelm.engines.tree import Pass, Tree
from bytelm.heads import Head
from engines.tiny_networks import chain

BEGIN = (7, 8)


def run(tree: Tree, heads: list[Head], limit: int = 100) -> Pass:
    step = tree.plan(heads, limit)
    tree.add(step)
    tree.hold(step)
    return step


def test_the_first_pass_starts_with_the_begin_tokens() -> None:
    root = Head()
    step = run(Tree(BEGIN, 0), [root, Head(root, 3), Head(root, 4)])
    assert step.tokens == [7, 8, 3, 4]
    assert step.parents == [NOTHING, 0, 1, 1]
    assert step.positions == [0, 1, 2, 2]
    assert step.wanted == [1, 2, 3]


def test_ancestors_run_once() -> None:
    tree = Tree(BEGIN, 0)
    trunk = chain(3, np.random.default_rng(0))
    run(tree, [trunk[2]])
    step = run(tree, [trunk[3], Head(trunk[1], 5)])
    assert step.parents == [3, 2]
    assert step.positions == [4, 3]


def test_heads_asked_again_run_again_with_their_parents_view() -> None:
    tree = Tree(BEGIN, 0)
    trunk = chain(2, np.random.default_rng(0))
    run(tree, trunk)
    step = run(tree, [trunk[1], trunk[0], Head()])
    assert step.tokens == [trunk[1].token, 8, 8]
    assert step.parents == [1, 0, 0]
    assert step.positions == [2, 1, 1]
    assert not step.fresh
    assert tree.dead == 3


def test_a_head_asked_twice_in_one_pass_runs_once() -> None:
    root = Head()
    head = Head(root, 3)
    step = run(Tree(BEGIN, 0), [head, head, root, root])
    assert step.tokens == [7, 8, 3]
    assert step.wanted == [2, 2, 1, 1]


def test_a_full_pass_stops_short_and_the_next_goes_on() -> None:
    tree = Tree(BEGIN, 0)
    trunk = chain(7, np.random.default_rng(0))
    passes = [run(tree, trunk[-1:], limit=4) for _ in range(3)]
    assert [len(step.tokens) for step in passes] == [4, 4, 1]
    assert [step.wanted for step in passes] == [[], [], [0]]


def test_a_limit_below_the_begin_tokens_still_gets_on() -> None:
    tree = Tree(BEGIN, 0)
    root = Head()
    assert run(tree, [Head(root, 1)], limit=1).wanted == []
    assert run(tree, [root, Head(root, 1)], limit=1).wanted == [0]


def test_a_later_window_starts_behind_the_begin_tokens() -> None:
    tree = Tree(BEGIN, 3)
    trunk = chain(5, np.random.default_rng(0))
    step = run(tree, trunk[-1:])
    assert step.tokens == [7, 8, trunk[4].token, trunk[5].token]
    assert step.parents == [NOTHING, 0, 1, 2]
    assert step.positions == [0, 1, 2, 3]


def test_slots_of_dead_heads_go_and_the_others_keep_their_view() -> None:
    tree = Tree(BEGIN, 0)
    trunk = chain(3, np.random.default_rng(0))
    run(tree, [trunk[1], *(Head(trunk[0], token) for token in range(5)), *trunk])
    gc.collect()
    assert (tree.live, tree.dead) == (3, 5)
    np.testing.assert_array_equal(tree.compact(), [0, 1, 2, 8, 9])
    assert (tree.live, tree.dead) == (3, 0)
    step = run(tree, [Head(trunk[3], 1)])
    np.testing.assert_array_equal(tree.slots.visible(step.first), [[True] * 6])
