"""Which parameters decay, which ones Muon trains, and what their steps are."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blt.networks import ids_of_text, network
from bytelm.blt.config import StackConfig
from bytelm.training.config import TrainConfig
from bytelm.training.networks import loss
from bytelm.training.optimizer import make_optimizers, roles, set_rate
from bytelm.training.run_config import OptimizerConfig
from bytelm.training.spreading import build
from training.runs import ALONE

CONFIGS = [OptimizerConfig(name=name, rate=0.01, decay=0.5) for name in ("adamw", "muon")]


def names(made: nn.Module, parameters: list[nn.Parameter]) -> set[str]:
    known = {parameter: name for name, parameter in made.named_parameters()}
    return {known[parameter] for parameter in parameters}


def test_roles_of_a_byte_latent_transformer() -> None:
    made = network()
    found = {role: names(made, parameters) for role, parameters in roles(made).items()}
    assert found["output"] == {"lm_head.weight", "patcher.lm_head.weight"}
    assert found["tables"] == {
        *("encoder_hash_tok_embedding.weight", "local_encoder.embed_tokens.weight", "patcher.embed_tokens.weight"),
    }
    assert found["norms"] == {name for name, weight in made.named_parameters() if weight.dim() == 1}
    hidden = {"self_attn.q_proj", "mlp.down_proj", "cross_attn_layers.1.v_proj", "patch_embedding_projection"}
    assert all(any(part in name for name in found["hidden"]) for part in hidden)
    assert sum(map(len, found.values())) == len(list(made.parameters()))


def test_what_is_frozen_is_not_trained() -> None:
    made = network()
    assert made.patcher is not None
    made.patcher.requires_grad_(False)
    for config in CONFIGS:
        trained = [
            weight for one in make_optimizers(made, config) for group in one.param_groups for weight in group["params"]
        ]
        assert names(made, trained) == {name for name, _ in made.named_parameters() if "patcher" not in name}
        assert len(trained) == len(set(trained))
    made.requires_grad_(False)
    with pytest.raises(ValueError, match="the network has no parameters to train: all of them are frozen"):
        make_optimizers(made, CONFIGS[0])


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_matrices_alone_decay(config: OptimizerConfig) -> None:
    """Without gradients, a step changes what decays, by the rate times the decay."""
    made = network()
    before = {name: weight.detach().clone() for name, weight in made.named_parameters()}
    for weight in made.parameters():
        weight.grad = torch.zeros_like(weight)
    for optimizer in make_optimizers(made, config):
        optimizer.step()
    own = roles(made)
    decayed = names(made, own["hidden"] + own["output"])
    for name, weight in made.named_parameters():
        share = 1 - 0.01 * 0.5 if name in decayed else 1.0
        assert torch.allclose(weight, share * before[name], rtol=1e-6, atol=0), name


def steps(made: nn.Module, config: OptimizerConfig) -> dict[str, Tensor]:
    """How a step with random gradients changes each parameter."""
    torch.manual_seed(0)
    before = {name: weight.detach().clone() for name, weight in made.named_parameters()}
    for weight in made.parameters():
        weight.grad = torch.randn_like(weight)
    for optimizer in make_optimizers(made, config):
        optimizer.step()
    return {name: weight.detach() - before[name] for name, weight in made.named_parameters()}


def test_the_first_step_of_adamw_is_the_rate() -> None:
    made = network()
    for name, step in steps(made, OptimizerConfig(rate=0.01, decay=0.0)).items():
        gradient = made.get_parameter(name).grad
        assert gradient is not None
        assert torch.allclose(step, -0.01 * gradient.sign(), atol=1e-4), name


def test_steps_of_muon_turn_all_directions_alike() -> None:
    """Singular values near one, scaled so that the root of the mean square is about a fifth of the rate."""
    made = network()
    hidden = names(made, roles(made)["hidden"])
    for name, step in steps(made, OptimizerConfig(name="muon", rate=0.01, decay=0.0)).items():
        if name in hidden:
            values = torch.linalg.svdvals(step) / (0.01 * 0.2 * math.sqrt(max(step.shape)))
            assert float(values.min()) > 0.3, name
            assert float(values.max()) < 1.4, name
        else:
            assert torch.allclose(step.abs(), torch.tensor(0.01), atol=1e-4), name


def test_options_arrive() -> None:
    config = OptimizerConfig(name="muon", rate=0.3, betas=(0.5, 0.6), epsilon=1e-3, momentum=0.7, decay=0.2)
    muon, adamw = make_optimizers(network(), config)
    assert [(group["momentum"], group["weight_decay"], group["lr"]) for group in muon.param_groups] == [(0.7, 0.2, 0.3)]
    assert [(group["betas"], group["eps"], group["weight_decay"], group["lr"]) for group in adamw.param_groups] == [
        ((0.5, 0.6), 1e-3, 0.2, 0.3),
        ((0.5, 0.6), 1e-3, 0.0, 0.3),
    ]
    set_rate([muon, adamw], 0.125)
    assert {group["lr"] for one in (muon, adamw) for group in one.param_groups} == {0.125}


def test_without_muon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ValueError, match=r"optimizer\.name muon needs torch 2\.9 or newer, this is .*; take adamw"):
        make_optimizers(network(), OptimizerConfig(name="muon"))


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_networks_learn(name: Any) -> None:
    made = build(TrainConfig(kind="byte-llama", model=StackConfig(1, 16, 2, 2, 24)), ALONE)
    ids = torch.from_numpy(ids_of_text(65))[None]
    optimizers = make_optimizers(made, OptimizerConfig(name=name, rate=0.01))
    losses = []
    for _ in range(20):
        for optimizer in optimizers:
            optimizer.zero_grad()
        nats, targets = loss(made(ids[:, :-1]), ids[:, 1:], torch.ones(1, 64, dtype=torch.bool))
        mean = nats / targets
        mean.backward()
        for optimizer in optimizers:
            optimizer.step()
        losses.append(mean.item())
    assert losses[-1] < 0.5 * losses[0]
