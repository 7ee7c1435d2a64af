"""Texts that begin alike share a lane, and branches leave it, without a network."""

import numpy as np
import pytest

from bytelm.engines import forest as forests
from bytelm.engines import lane as lanes
from bytelm.engines.forest import BESIDE, SHARED, Forest
from bytelm.engines.lane import Lane
from bytelm.heads import Head
from engines.planning import BEGIN, CROWD, WINDOWS, only, run, spelled
from engines.tiny_networks import chain, chain_of


def test_a_text_that_begins_like_another_runs_only_what_differs() -> None:
    forest = Forest(WINDOWS)
    tokens = list(range(SHARED + 4))
    first = chain_of(tokens)
    lane = only(run(forest, first[-1:])).lane
    second = chain_of([*tokens[: SHARED + 2], 50, 51])
    part = only(run(forest, second[-1:]))
    assert part.lane is lane
    assert part.tokens == [50, 51]
    assert part.parents[0] == len(BEGIN) + SHARED + 1
    assert spelled(lane, part.first + 1) == [*BEGIN, *second[-1].tokens()]
    same = chain_of(tokens)
    part = only(run(forest, same[-1:]))
    assert part.tokens == tokens[-1:], "the last one runs again, for its logits"
    assert not forest.plan([Head(same[-2], 1)], 9).begun


def test_a_text_that_begins_like_one_that_is_gone_runs_only_what_differs() -> None:
    forest = Forest(WINDOWS)
    first = chain_of(list(range(100)))
    lane = only(run(forest, first)).lane
    del first
    assert lane.live == 0
    assert only(run(forest, chain_of([*range(90), 5])[-1:])).tokens == [5]


def test_a_text_that_is_gone_is_kept_where_most_of_it_would_be_lost() -> None:
    forest = Forest(WINDOWS)
    first = chain_of(list(range(100)))
    lane = only(run(forest, first)).lane
    tokens = first[-1].tokens()
    del first
    step = run(forest, chain_of([*range(40), 5, 6])[-1:])
    part = only(step)
    (fork,) = step.forks
    assert (fork.source, fork.lane, part.lane) == (lane, part.lane, part.lane)
    assert part.tokens == [5, 6]
    assert spelled(part.lane, part.first + 1) == [*BEGIN, *range(40), 5, 6]
    assert part.lane.dead <= 1
    assert only(run(forest, chain_of([*tokens, 7])[-1:])).tokens == [7], "the first text is still there"
    assert len(forest.lanes) == 2


def test_a_short_common_beginning_is_not_worth_sharing() -> None:
    forest = Forest(WINDOWS)
    tokens = list(range(SHARED - 1))
    run(forest, chain_of([*tokens, 50])[-1:])
    step = run(forest, chain_of([*tokens, 51])[-1:])
    assert step.size == len(BEGIN) + SHARED
    assert len(forest.lanes) == 2


def test_the_deepest_of_several_common_beginnings_is_shared() -> None:
    forest = Forest(WINDOWS)
    tokens = list(range(SHARED + 9))
    kept = [chain_of([99, *tokens])]
    run(forest, kept[0][-1:])
    for stop in (SHARED, SHARED + 5):
        kept.append(chain_of([*tokens[:stop], *([60 + stop] * SHARED)]))
        run(forest, kept[-1][-1:])
    lanes = len(forest.lanes)
    part = only(run(forest, chain_of(tokens)[-1:]))
    assert part.tokens == tokens[SHARED + 5 :]
    assert len(forest.lanes) == lanes


def test_a_common_beginning_beyond_the_trunk_is_found() -> None:
    forest = Forest(WINDOWS)
    tokens = list(range(SHARED))
    first = chain_of(tokens)
    side = chain_of([20, 21, 22], first[-1])
    run(forest, [*first, Head(first[3], 1), *side, Head(side[-1], 1)])
    part = only(run(forest, chain_of([*tokens, 20, 21, 22, 23])[-1:]))
    assert part.tokens == [23]
    assert part.lane.slots.trunk < part.parents[0]


def test_texts_that_begin_alike_in_one_call_wait_for_the_first() -> None:
    forest = Forest(WINDOWS)
    tokens = list(range(40))
    texts = [chain_of([*tokens, 50 + number]) for number in range(4)]
    ends = [text[-1] for text in texts]
    first = run(forest, ends)
    assert (first.size, len(first.wanted)) == (len(BEGIN) + 41, 1)
    second = run(forest, ends[1:])
    assert (second.size, len(second.wanted)) == (3, 3)


def two_branches() -> tuple[Forest, Lane, list[Head], list[Head]]:
    """Two branches of one stem, the first so long that the second is better off by itself."""
    forest = Forest(WINDOWS)
    stem = chain_of(list(range(10)))
    one = chain_of([20] * CROWD, stem[-1])
    other = chain_of([30] * BESIDE, stem[-1])
    lane = only(run(forest, [one[-1], other[-1]])).lane
    return forest, lane, one, other


def test_a_long_branch_beside_others_gets_a_lane_of_its_own() -> None:
    forest, lane, one, other = two_branches()
    step = run(forest, [Head(other[-1], 31)])
    (fork,) = step.forks
    part = only(step)
    assert (fork.source, fork.lane) == (lane, part.lane)
    assert part.first == len(BEGIN) + 10 + BESIDE == len(fork.path)
    assert spelled(part.lane, part.first) == [*BEGIN, *other[-1].tokens(), 31]
    assert only(run(forest, [Head(one[-1], 21)])).lane is lane
    assert only(run(forest, [Head(other[-2], 32)])).lane is part.lane, "the branch's heads have moved along"
    assert only(run(forest, [Head(other[0], 33)])).lane is lane, "those of the stem have not"
    assert not forest.plan([Head(other[-1], 34)], 9).forks


def test_the_lane_that_was_forked_loses_the_branch() -> None:
    forest, lane, one, other = two_branches()
    aside = Head(other[3], 40)
    run(forest, [aside])
    run(forest, [Head(other[-1], 31)])
    lane.compact(len(BEGIN))
    assert lane.slots.count == len(BEGIN) + 10 + CROWD + 3 + 1, "only what leads to the head aside is kept"
    part = only(run(forest, [Head(aside, 41), Head(one[-1], 21)]))
    assert part.lane is lane
    assert spelled(lane, part.first) == [*BEGIN, *aside.tokens(), 41]


def test_a_fork_does_not_count_what_it_copied_as_dead() -> None:
    forest, _, one, other = two_branches()
    assert one
    lane = only(run(forest, [Head(other[-1], 31)])).lane
    assert lane.dead <= 1
    del other
    assert lane.dead == BESIDE + 1


def test_a_branch_forks_also_where_its_lane_is_in_the_pass_already() -> None:
    forest, lane, one, other = two_branches()
    step = run(forest, [Head(one[-1], 21), Head(other[-1], 31)])
    assert [len(part.tokens) for part in step.parts.values()] == [1, 1]
    assert next(iter(step.parts)) is lane
    assert len(step.forks) == 1


def test_branches_answered_together_stay_where_they_read_the_least() -> None:
    forest = Forest(WINDOWS)
    stem = chain_of(list(range(200)))
    branches = [chain_of([20 + number] * 60, stem[-1]) for number in range(6)]
    lane = only(run(forest, [branch[-1] for branch in branches])).lane
    assert (lane.company, lane.slots.count) == (6, len(BEGIN) + 200 + 6 * 60)
    assert not forest.plan([Head(branch[-1], 1) for branch in branches], 99).forks
    run(forest, [Head(branches[0][-1], 1)])
    assert lane.company == 1
    assert len(forest.plan([Head(branch[-1], 1) for branch in branches], 99).forks) == 5


def test_a_branch_with_nothing_beside_it_becomes_the_main_path() -> None:
    forest, lane, one, other = two_branches()
    del one
    step = run(forest, [Head(other[-1], 31)])
    assert only(step).lane is lane
    assert lane.beside(only(step).first) == 0


def test_a_single_stream_stays_small_and_is_never_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Lane:
        raise AssertionError("forked")

    monkeypatch.setattr(Lane, "fork", refuse)
    forest = Forest(WINDOWS)
    rng = np.random.default_rng(0)
    head = Head()
    early = None
    for step in range(2000):
        sides = [Head(head, int(token)) for token in rng.integers(100, size=rng.integers(1, 3))]
        head = Head(head, int(rng.integers(100)))
        guess = Head(head, 5)
        run(forest, [*sides, head, guess] if step % 2 else [head, *sides])
        early = early or sides[0]
        del sides, guess
        (lane,) = forest.lanes
        if lane.dead > 64:
            lane.compact(len(BEGIN))
        assert lane.slots.count <= len(BEGIN) + step + 2 + 64 + 4
        assert len(lane.slots._beside) <= 256, "what each slot sees is mostly the trunk"


def test_where_a_pass_may_have_one_lane_only_nothing_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forests, "BESIDE", 1)
    monkeypatch.setattr(lanes, "TOGETHER", 0)
    for alone in (False, True):
        forest = Forest(WINDOWS, alone)
        stem = chain(5, np.random.default_rng(0))
        branches = [chain_of([token] * 5, stem[-1]) for token in range(3)]
        run(forest, [branch[-1] for branch in branches])
        step = run(forest, [Head(branch[-1], 1) for branch in branches])
        assert len(step.parts) == (1 if alone else 3)
