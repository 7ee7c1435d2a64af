"""Entropy models from all directories that hold one: the same numbers, and the same checksum."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from blt.plain_networks import FULL
from blt.weights.tiny import drawn_tensors, released
from bytelm.blt.config import BltConfig
from bytelm.blt.entropy import EntropyModel
from bytelm.blt.model import Blt
from bytelm.blt.patching.options import Patching
from bytelm.blt.weights.plain import save_transformer
from bytelm.blt.weights.writing import save_directory, save_meta
from bytelm.training.entropy_models import open_entropy_model, take_entropy_model

CONFIG = released()
assert CONFIG.entropy is not None
STACK = CONFIG.entropy


def drawn(config: BltConfig, seed: int) -> Blt:
    made = Blt(config)
    made.load_state_dict(drawn_tensors(config, seed=seed))
    return made


def entropy_model(network: Blt) -> EntropyModel:
    assert network.patcher is not None
    return network.patcher


def equal(one: EntropyModel, other: EntropyModel) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def write(folder: Path, network: Blt) -> dict[str, Path]:
    """The entropy model of a network in directories of all forms."""
    places = {name: folder / name for name in ("plain", "blt", "meta", "hub")}
    tensors = network.state_dict()
    save_transformer(places["plain"], "entropy", STACK, entropy_model(network).state_dict())
    save_directory(places["blt"], network.config, tensors)
    save_meta(places["meta"], network.config, tensors)
    save_meta(places["hub"], network.config, tensors, hub=True)
    return places


def test_all_directories_give_the_same(tmp_path: Path) -> None:
    network = drawn(CONFIG, 1)
    found = [open_entropy_model(place) for place in write(tmp_path, network).values()]
    assert len({checksum for _, checksum in found}) == 1
    assert len(found[0][1]) == 64
    for model, _ in found:
        assert equal(model, entropy_model(network))
        assert model.config == STACK
        assert not model.training
        assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
        assert not any(parameter.requires_grad for parameter in model.parameters())


def test_the_checksum_is_of_the_numbers_and_the_shape(tmp_path: Path) -> None:
    """Not of the dtype that they are kept in; two of another order would be another model."""
    whole = entropy_model(drawn(CONFIG, 1)).state_dict()
    narrow = {name: tensor.bfloat16() for name, tensor in whole.items()}
    wide = {name: tensor.float() for name, tensor in narrow.items()}
    swapped = wide | {
        "layers.0.input_layernorm.weight": wide["layers.0.post_attention_layernorm.weight"],
        "layers.0.post_attention_layernorm.weight": wide["layers.0.input_layernorm.weight"],
    }
    cases = {
        "narrow": (STACK, narrow),
        "wide": (STACK, wide),
        "swapped": (STACK, swapped),
        "window": (replace(STACK, window=8), wide),
        "theta": (replace(STACK, theta=10.0), wide),
        "whole": (STACK, whole),
    }
    found = {}
    for name, (config, kept) in cases.items():
        save_transformer(tmp_path / name, "entropy", config, kept)
        found[name] = open_entropy_model(tmp_path / name)[1]
    assert found["narrow"] == found["wide"]
    assert len(set(found.values())) == len(cases) - 1


@pytest.mark.parametrize("form", ["plain", "blt", "meta"])
def test_a_network_takes_it(form: str, tmp_path: Path) -> None:
    source, network = drawn(CONFIG, 1), drawn(CONFIG, 2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    take_entropy_model(network, write(tmp_path, source)[form])
    assert equal(entropy_model(network), entropy_model(source))
    assert all(
        torch.equal(tensor, before[name])
        for name, tensor in network.state_dict().items()
        if not name.startswith("patcher.")
    )


def test_another_shape(tmp_path: Path) -> None:
    places = write(tmp_path, drawn(CONFIG, 1))
    for place in (places["plain"], places["blt"]):
        with pytest.raises(ValueError, match=r"the entropy model in .* is StackConfig.* set model\.entropy to that"):
            take_entropy_model(drawn(replace(CONFIG, entropy=FULL), 2), place)
        with pytest.raises(
            ValueError, match=r"is over 260 ids, and the configuration has 300; set model\.size to that"
        ):
            take_entropy_model(drawn(replace(CONFIG, size=300), 2), place)


def test_what_has_none(tmp_path: Path) -> None:
    save_transformer(tmp_path / "llama", "byte-llama", STACK, entropy_model(drawn(CONFIG, 1)).state_dict())
    with pytest.raises(ValueError, match="holds a model of kind 'byte-llama', and no entropy model; name one of kind"):
        open_entropy_model(tmp_path / "llama")
    bare = drawn(replace(CONFIG, entropy=None, patching=Patching("space")), 1)
    save_directory(tmp_path / "space", bare.config, bare.state_dict())
    with pytest.raises(ValueError, match="cuts patches by 'space' and has no entropy model; name a model that has one"):
        open_entropy_model(tmp_path / "space")
    with pytest.raises(FileNotFoundError, match="no such model directory"):
        open_entropy_model(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no Byte Latent Transformer in"):
        open_entropy_model(tmp_path)
