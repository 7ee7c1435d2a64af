"""The packed tree says what full passes say, whatever it is asked and in whatever order."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, PreTrainedModel

from bytelm.engines import huggingface
from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.engines.rows import RowsModel
from bytelm.heads import Head
from engines.schedules import assert_sound, count_events, random_schedule, small_limits
from engines.tiny_networks import (
    VOCABULARY,
    chain,
    chain_of,
    gemma2,
    gpt2,
    gpt_neox,
    gptj,
    largest_difference,
    llama,
    mistral,
    mixtral,
    network,
    qwen2,
    rows_of,
)

EXACT = 1e-4

VARIANTS: dict[str, tuple[Callable[[], PreTrainedModel], bool]] = {
    "llama": (llama, False),
    "gpt2": (gpt2, False),
    "qwen2": (qwen2, False),
    "gpt_neox": (gpt_neox, False),
    "mistral": (lambda: mistral(5), False),
    "gemma2": (lambda: gemma2(5), False),
    "mixtral": (mixtral, False),
    "llama, masked": (llama, True),
    "gptj, masked": (gptj, True),
    "gemma2, masked": (lambda: gemma2(5), True),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_random_schedules(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, masked = VARIANTS[variant]
    model = make()
    seen = count_events(monkeypatch)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        small_limits(monkeypatch, rng)
        context = (128, 13, 8)[seed % 3]
        packed = HuggingFaceModel(model, [0, 5], context, masked=masked)
        assert random_schedule(packed, RowsModel(model, [0, 5], context), rng, rounds=8) < EXACT
        assert_sound(packed)
    events = {"shared beginnings", "waits", "compactions", "reorderings", "evictions"}
    if not masked:
        events |= {"forks", "passes of several lanes"}
        events |= set() if variant == "gemma2" else {"shared calls"}
    assert events == {event for event, times in seen.items() if times}


def test_random_schedules_with_the_usual_limits() -> None:
    model = llama()
    for seed in range(3):
        packed, judge = HuggingFaceModel(model, [0]), RowsModel(model, [0])
        assert random_schedule(packed, judge, np.random.default_rng(seed), rounds=8) < EXACT
        assert_sound(packed)


@pytest.mark.parametrize("context", [3, 8, 13])
@pytest.mark.parametrize("make", [llama, gpt2])
def test_heads_far_longer_than_the_context(make: Callable[[int], PreTrainedModel], context: int) -> None:
    model = make(context)
    rng = np.random.default_rng(context)
    trunk = chain(5 * context, rng)
    branches = [Head(trunk[pick], 3) for pick in rng.integers(len(trunk), size=10)]
    heads = [*trunk, *branches]
    shuffled = [heads[pick] for pick in rng.permutation(len(heads))]
    judge = RowsModel(model, [0, 5])
    assert largest_difference(HuggingFaceModel(model, [0, 5]), judge, shuffled) < EXACT
    assert largest_difference(HuggingFaceModel(model, [0, 5]), judge, heads) < EXACT


def test_a_context_of_ones_own() -> None:
    model = llama()
    packed, judge = HuggingFaceModel(model, [0], context=6), RowsModel(model, [0], context=6)
    rng = np.random.default_rng(0)
    one, other = chain(15, rng), chain(15, rng)
    for token in range(5):
        one.append(Head(one[-1], token))
        other.append(Head(other[-1], token))
    assert largest_difference(packed, judge, one) < EXACT
    assert packed.windows.start(packed.windows.index(20)) == 15
    first, second = rows_of(packed, [one[-1], other[-1]])
    np.testing.assert_allclose(first, second, atol=EXACT)


@pytest.mark.parametrize(("positions", "logits"), [(1, 10**9), (3, 10**9), (256, VOCABULARY * 4 * 2), (256, 1)])
def test_small_passes(positions: int, logits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface, "POSITIONS", positions)
    monkeypatch.setattr("bytelm.engines.network.LOGITS_BYTES", logits)
    model = llama()
    rng = np.random.default_rng(0)
    trunk = chain(9, rng)
    heads = [trunk[-1], *trunk, *chain(3, rng, trunk[4])]
    assert largest_difference(HuggingFaceModel(model, [0, 5]), RowsModel(model, [0, 5]), heads) < EXACT


def test_answers_come_a_pass_at_a_time_and_calls_may_interleave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface, "POSITIONS", 4)
    model = llama()
    packed, judge = HuggingFaceModel(model, [0]), RowsModel(model, [0])
    rng = np.random.default_rng(0)
    first, second = chain(10, rng), chain(10, rng)
    answers = packed.evaluate(first), packed.evaluate(second)
    pairs = [(next(answers[0]), next(answers[1])) for _ in first]
    assert packed.effort.passes > 2
    np.testing.assert_allclose([one for one, _ in pairs], rows_of(judge, first), atol=EXACT)
    np.testing.assert_allclose([two for _, two in pairs], rows_of(judge, second), atol=EXACT)


def test_effort_counts_passes_heads_and_positions() -> None:
    packed = HuggingFaceModel(llama(), [0, 5])
    trunk = chain(300, np.random.default_rng(0))
    short = trunk[: packed.windows.room]
    rows_of(packed, short)
    assert vars(packed.effort) == {"passes": 1, "heads": 126, "tokens": 127}
    rows_of(packed, short[-1:])
    assert vars(packed.effort) == {"passes": 2, "heads": 127, "tokens": 128}
    rows_of(packed, [])
    assert packed.effort.passes == 2


def test_effort_of_rows_leaves_padding_out() -> None:
    rows = RowsModel(llama(), [0])
    root = Head()
    rows_of(rows, [root, Head(Head(root, 1), 2)])
    assert vars(rows.effort) == {"passes": 1, "heads": 2, "tokens": 4}


def test_two_streams_of_one_prompt_run_it_once_and_then_side_by_side() -> None:
    model = llama()
    packed, judge = HuggingFaceModel(model, [0]), RowsModel(model, [0])
    rng = np.random.default_rng(0)
    prompt = chain(50, rng)[-1].tokens()
    streams = [chain_of(list(prompt))[-1] for _ in range(3)]
    rows_of(packed, streams)
    assert packed.effort.tokens == 51 + 2
    for step in range(40):
        streams = [Head(head, int(rng.integers(VOCABULARY))) for head in streams]
        before = packed.effort.passes
        assert largest_difference(packed, judge, streams) < EXACT
        assert packed.effort.passes == before + 1, step
    assert len(packed._forest.lanes) == 1, "together they read what they share once"
    assert_sound(packed)


@pytest.mark.parametrize("engine", [HuggingFaceModel, RowsModel])
def test_distributions_are_float64_and_sum_to_one(engine: type[HuggingFaceModel | RowsModel]) -> None:
    model = llama().to(torch.bfloat16)
    for answer in engine(model, [0]).evaluate(chain(3, np.random.default_rng(0))):
        assert answer.dtype == np.float64
        assert answer.shape == (VOCABULARY,)
        assert abs(np.exp(answer).sum() - 1) < 1e-12
        answer[:] = 0


@pytest.mark.parametrize("engine", [HuggingFaceModel, RowsModel])
def test_users_errors(engine: type[HuggingFaceModel | RowsModel]) -> None:
    model = llama()
    with pytest.raises(ValueError, match="a begin token is needed"):
        engine(model, [])
    with pytest.raises(ValueError, match="token id 37 is outside the model's vocabulary of 37"):
        engine(model, [37])
    with pytest.raises(ValueError, match="leaves no room"):
        engine(model, [0], context=1)
    working = engine(model, [0])
    with pytest.raises(ValueError, match="token id -1 is outside"):
        rows_of(working, [Head(Head(), -1)])
    assert len(rows_of(working, [Head(Head(), 1)])) == 1


@pytest.mark.parametrize("engine", [HuggingFaceModel, RowsModel])
def test_logits_that_are_no_distribution(engine: type[HuggingFaceModel | RowsModel]) -> None:
    model = llama()
    with torch.no_grad():
        model.lm_head.weight[3] = torch.nan
    with pytest.raises(FloatingPointError, match="NaN or infinity"):
        rows_of(engine(model, [0]), [Head()])


def test_the_model_is_put_into_evaluation_mode() -> None:
    model = gpt2().train()
    HuggingFaceModel(model, [0])
    assert not model.training


def test_networks_with_two_sets_of_frequencies_stay_within_the_first() -> None:
    rope = {
        "rope_type": "longrope",
        "rope_theta": 1e4,
        "short_factor": [1.0, 1.0],
        "long_factor": [2.0, 2.0],
        "original_max_position_embeddings": 16,
    }
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=8,
        num_attention_heads=2,
        num_hidden_layers=1,
        intermediate_size=8,
        max_position_embeddings=64,
        rope_parameters=rope,
    )
    packed = HuggingFaceModel(network(config), [0])
    assert packed.windows.context == 16
