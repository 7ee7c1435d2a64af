"""A network compiled by torch says what full passes say."""

import shutil
from collections import Counter

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from bytelm.engines.compiling import compiled
from bytelm.engines.huggingface import HuggingFaceModel
from bytelm.engines.proof import Judge, prove
from bytelm.engines.protocol import Effort
from bytelm.engines.rows import RowsModel
from bytelm.engines.selfcheck import token_model
from engines import tiny_networks as tiny
from engines.schedules import random_schedule

COMPILES = pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles for the processor with g++")
TORCHS_OWN = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@COMPILES
@TORCHS_OWN
def test_a_compiled_network_is_right_and_compiled_while_it_is_loaded() -> None:
    torch._dynamo.reset()
    model = tiny.mistral(5)  # several heads share keys, and it looks back through a window
    engine = token_model(model, [0, 5], compiled=True)
    assert isinstance(engine, HuggingFaceModel)
    assert engine._network._compiled is not None
    assert (engine.slots, engine.effort) == (0, Effort()), "the proof has left nothing"
    judge = RowsModel(model, [0, 5])
    graphs = Counter(counters["stats"])["unique_graphs"]
    assert random_schedule(engine, judge, np.random.default_rng(0), rounds=12) < 2e-5
    assert prove(engine.apart(), Judge(judge), np.random.default_rng(1)) < 2e-5
    assert Counter(counters["stats"])["unique_graphs"] == graphs


def test_attention_that_does_more_is_not_compiled() -> None:
    with pytest.raises(ValueError, match=r"Gemma2ForCausalLM cannot be compiled.*does more in its attention"):
        token_model(tiny.gemma2(5), [0, 5], compiled=True)


@TORCHS_OWN
def test_every_network_is_compiled_by_itself() -> None:
    """What is compiled is kept by code object, and torch keeps so few that several networks would not find room."""
    model = tiny.llama()
    functions = [compiled(model) for _ in range(2)]
    codes = [vars(function)["_torchdynamo_orig_callable"].__code__ for function in functions]
    assert codes[0] is not codes[1]
    assert codes[0] != codes[1]
