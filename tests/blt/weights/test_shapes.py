"""The names and shapes of parameters: those of the network, and of transformers' one."""

from dataclasses import fields

import pytest
import torch
from transformers import BltConfig as TransformersConfig
from transformers import BltForCausalLM

from blt.weights.tiny import drawn_config, for_transformers, released
from bytelm.blt.config import BltConfig, HashConfig, StackConfig
from bytelm.blt.model import Blt
from bytelm.blt.patching.options import Patching
from bytelm.blt.weights.shapes import parameter_shapes
from bytelm.blt.weights.transformers_config import config_to_transformers


@pytest.mark.parametrize("seed", range(20))
def test_shapes_are_those_of_the_network(seed: int) -> None:
    config = drawn_config(seed)
    with torch.device("meta"):
        network = Blt(config)
    assert parameter_shapes(config) == {name: tuple(tensor.shape) for name, tensor in network.named_parameters()}


@pytest.mark.parametrize("seed", range(10))
def test_shapes_are_those_of_transformers(seed: int) -> None:
    config = for_transformers(drawn_config(seed))
    with torch.device("meta"):
        network = BltForCausalLM(TransformersConfig.from_dict(config_to_transformers(config, "float32")))
    found = {name.removeprefix("model."): tuple(tensor.shape) for name, tensor in network.named_parameters()}
    assert parameter_shapes(config) == found


def test_the_release_has_as_many_numbers_as_published() -> None:
    heads = {"heads": 16, "key_value_heads": 16}
    small = StackConfig(1, 1024, hidden=2816, **heads)
    config = BltConfig(
        encoder=small,
        global_transformer=StackConfig(25, 2048, hidden=5632, **heads),
        decoder=StackConfig(9, 1024, hidden=2816, **heads),
        entropy=StackConfig(14, 768, 12, 12, 2048),
    )
    shapes = parameter_shapes(config)
    tensors = len(shapes) + config.hashes.tables - 1
    assert (tensors, len(shapes)) == (515, 510), "as others counted them in the files of facebook/blt-1b"
    numbers = sum(torch.Size(shape).numel() for shape in shapes.values())
    assert round(numbers / 1e9, 2) == 4.63


def test_no_field_of_a_configuration_is_new() -> None:
    """A new field must be written and read; then it is added here, and to the models that are drawn."""
    assert {field.name for field in fields(BltConfig)} == {
        *("encoder", "global_transformer", "decoder", "entropy", "patching", "hashes", "keys_per_patch"),
        *("encoder_cross_attention", "decoder_cross_attends_everywhere", "doubled_residual", "size"),
    }
    assert {field.name for field in fields(StackConfig)} == {
        *("layers", "width", "heads", "key_value_heads", "hidden", "theta", "window", "epsilon"),
    }
    assert {field.name for field in fields(HashConfig)} == {"sizes", "rows", "functions"}
    assert {field.name for field in fields(Patching)} == {
        *("mode", "threshold", "rise", "size", "longest", "resets_at_newlines"),
    }
    assert released().patching == Patching()
