"""What a pass runs and where, without a network."""

import numpy as np

from bytelm.engines.forest import Forest
from bytelm.engines.slots import NOTHING
from bytelm.engines.windows import Windows
from bytelm.heads import Head
from engines.planning import BEGIN, WINDOWS, only, run, where
from engines.tiny_networks import chain, chain_of


def test_the_first_pass_starts_with_the_begin_tokens() -> None:
    root = Head()
    step = run(Forest(WINDOWS), [root, Head(root, 3), Head(root, 4)])
    part = only(step)
    assert part.tokens == [7, 8, 3, 4]
    assert part.parents == [NOTHING, 0, 1, 1]
    assert part.positions == [0, 1, 2, 2]
    assert where(step) == [1, 2, 3]
    assert step.offsets() == [1, 2, 3]


def test_ancestors_run_once() -> None:
    forest = Forest(WINDOWS)
    trunk = chain(3, np.random.default_rng(0))
    run(forest, [trunk[2]])
    part = only(run(forest, [trunk[3], Head(trunk[1], 5)]))
    assert part.parents == [3, 2]
    assert part.positions == [4, 3]


def test_heads_asked_again_run_again_with_their_parents_view() -> None:
    forest = Forest(WINDOWS)
    trunk = chain(2, np.random.default_rng(0))
    run(forest, trunk)
    step = run(forest, [trunk[1], trunk[0], Head(trunk[0])])
    part = only(step)
    assert part.tokens[:2] == [trunk[1].token, 8]
    assert part.parents[:2] == [1, 0]
    assert part.positions[:2] == [2, 1]
    assert where(step) == [4, 5, 6]
    assert part.lane.dead == 2 + len(BEGIN) - 1


def test_a_head_asked_twice_in_one_pass_runs_once() -> None:
    root = Head()
    head = Head(root, 3)
    step = run(Forest(WINDOWS), [head, head, root, root])
    assert only(step).tokens == [7, 8, 3]
    assert where(step) == [2, 2, 1, 1]


def test_a_full_pass_stops_short_and_the_next_goes_on() -> None:
    forest = Forest(WINDOWS)
    trunk = chain(7, np.random.default_rng(0))
    passes = [run(forest, trunk[-1:], limit=4) for _ in range(3)]
    assert [step.size for step in passes] == [4, 4, 1]
    assert [step.offsets() for step in passes] == [[], [], [0]]


def test_a_limit_below_the_begin_tokens_still_gets_on() -> None:
    forest = Forest(WINDOWS)
    root = Head()
    assert run(forest, [Head(root, 1)], limit=1).offsets() == []
    assert run(forest, [root, Head(root, 1)], limit=1).offsets() == [0]


def test_a_full_pass_begins_no_lane() -> None:
    forest = Forest(WINDOWS)
    one, other = Head(Head(), 1), Head(Head(), 2)
    step = run(forest, [one, other], limit=3)
    assert only(step).tokens == [7, 8, 1]
    assert len(forest.lanes) == 1


def test_no_part_is_empty() -> None:
    forest = Forest(WINDOWS)
    one, other = Head(Head(), 1), Head(Head(), 2)
    run(forest, [one, other])
    step = run(forest, [Head(one, 3), other], limit=1)
    assert only(step).tokens == [3]


def test_planning_changes_nothing() -> None:
    forest = Forest(WINDOWS)
    forest.plan(chain(5, np.random.default_rng(0)), 100)
    assert forest.lanes == []
    assert len(run(forest, [Head()]).parts) == 1


def test_a_later_window_starts_behind_the_begin_tokens() -> None:
    forest = Forest(Windows(BEGIN, 6))
    trunk = chain(5, np.random.default_rng(0))
    part = only(run(forest, trunk[-1:]))
    assert part.lane.start == 3
    assert part.tokens == [7, 8, trunk[4].token, trunk[5].token]
    assert part.parents == [NOTHING, 0, 1, 2]
    assert part.positions == [0, 1, 2, 3]
    again = only(run(forest, [trunk[5], Head(trunk[4], 1), Head(Head(trunk[4], 1), 2)]))
    assert again.lane is part.lane
    assert again.parents == [2, 2, 2, 6]


def test_a_window_that_a_text_has_left_is_marked() -> None:
    forest = Forest(Windows(BEGIN, 6))
    trunk = chain(5, np.random.default_rng(0))
    run(forest, trunk[:5])
    assert [lane.passed for lane in forest.lanes] == [False]
    run(forest, trunk[5:])
    assert [(lane.start, lane.passed) for lane in forest.lanes] == [(0, True), (3, False)]


def test_slots_of_dead_heads_go_and_the_others_keep_their_view() -> None:
    forest = Forest(WINDOWS)
    trunk = chain(3, np.random.default_rng(0))
    lane = only(run(forest, [trunk[1], *(Head(trunk[0], token) for token in range(5)), *trunk])).lane
    assert (lane.live, lane.dead) == (4, 6)
    np.testing.assert_array_equal(lane.compact(len(BEGIN)), [0, 1, 2, 8, 9])
    assert (lane.live, lane.dead) == (4, 0)
    part = only(run(forest, [Head(trunk[3], 1)]))
    np.testing.assert_array_equal(lane.slots.visible(part.first), [[True] * 6])


def test_the_main_path_comes_first_when_slots_are_dropped() -> None:
    forest = Forest(WINDOWS)
    trunk = chain(6, np.random.default_rng(0))
    side = Head(trunk[2], 5)
    run(forest, trunk[:4])
    lane = only(run(forest, [side, *(Head(trunk[1], token) for token in range(3))])).lane
    run(forest, trunk[4:])
    np.testing.assert_array_equal(lane.compact(len(BEGIN)), [0, 1, 2, 3, 4, 9, 10, 11, 5])
    assert lane.slots.trunk == 8
    np.testing.assert_array_equal(lane.slots.path(8), [0, 1, 2, 3, 8])
    assert [place.slot for place in lane.places if place() is side] == [8]


def test_different_texts_have_lanes_side_by_side_in_one_pass() -> None:
    forest = Forest(WINDOWS)
    texts = [chain_of([number] * 3) for number in range(3)]
    step = run(forest, [texts[2][-1], texts[0][-1], texts[1][1], texts[0][1]])
    assert [part.tokens for part in step.parts.values()] == [[7, 8, 2, 2, 2], [7, 8, 0, 0, 0], [7, 8, 1]]
    assert step.offsets() == [4, 9, 12, 7]
    step = run(forest, [Head(texts[1][1], 5), texts[2][0], Head(texts[0][-1], 6)])
    assert [part.tokens for part in step.parts.values()] == [[5], [8], [6]]
    assert [part.first for part in step.parts.values()] == [3, 5, 5]
    assert step.offsets() == [0, 1, 2]


def test_one_lane_for_each_window_where_a_pass_may_have_one_only() -> None:
    forest = Forest(Windows(BEGIN, 6), alone=True)
    one, other = chain_of([1, 2, 3, 4, 5, 6]), chain_of([1, 2, 9, 9, 9, 9])
    asked = [one[2], other[2], one[-1], other[-1], one[3]]
    steps = []
    while asked:
        steps.append(run(forest, asked))
        assert len(steps[-1].parts) == 1
        asked = asked[len(steps[-1].wanted) :]
    assert sorted(lane.start for lane in forest.lanes) == [0, 3]
    assert [len(step.wanted) for step in steps] == [2, 2, 1]


def test_a_lane_that_is_dropped_leaves_nobody_standing() -> None:
    forest = Forest(WINDOWS)
    trunk = chain(30, np.random.default_rng(0))
    lane = only(run(forest, trunk[-1:])).lane
    forest.drop(lane)
    assert (forest.lanes, lane.live) == ([], 0)
    step = run(forest, trunk[-1:])
    assert only(step).first == 0
    assert step.size == len(BEGIN) + 30
    forest.drop(lane)
    assert len(forest.lanes) == 1
