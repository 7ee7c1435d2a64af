"""Plain transformers over bytes are trained, too; how blocks are computed changes nothing."""

import math
import shutil
from pathlib import Path

import pytest
import torch

import bytelm
from bytelm.training.data.options import Options
from bytelm.training.data.preparing import prepare
from bytelm.training.evaluating import MOST_ROWS, SAMPLE_BYTES, sampled, symbols_of, validated
from bytelm.training.inputs import open_data
from bytelm.training.spreading import build
from bytelm.training.stages import logits_of, loss_of
from training.runs import ALONE, CPU, TEXT, Watching, configured, plain, texts, trained


@pytest.mark.parametrize("kind", ["entropy-100m", "byte-llama"])
def test_it_learns_and_leaves_a_model(kind: str, tmp_path: Path) -> None:
    watching = Watching()
    config = plain(tmp_path, "run", kind, "steps=60", "optimizer.rate=1e-2", "sample_every=60")
    run = trained(config, watching)
    assert watching.reports[-1].bits_per_byte < 0.6 * watching.reports[0].bits_per_byte
    assert len(watching.samples) == 1
    lm = bytelm.load(tmp_path / "run")
    text = TEXT[:40].encode()
    ids = torch.tensor([[1, *(byte + 4 for byte in text)]])
    with torch.no_grad():
        logits = run.network(ids)[0, :-1].double()
    wanted = torch.cat([logits[:, 4:], logits[:, 2:3]], -1).log_softmax(-1)[range(len(text)), list(text)]
    assert lm.score(text) == pytest.approx(wanted.numpy(), abs=5e-6)


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_resumed_runs_end_the_same(stop: int, tmp_path: Path) -> None:
    trained(plain(tmp_path, "whole", "entropy-100m"))
    trained(plain(tmp_path, "parts", "entropy-100m"), Watching(stop))
    trained(plain(tmp_path, "parts", "entropy-100m"))
    one, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "parts"))
    assert one == other


def test_an_entropy_model_trained_before(tmp_path: Path) -> None:
    """A run of kind entropy gives the patches of a Byte Latent Transformer."""
    shape = ("model.layers=1", "model.width=16", "model.heads=4", "model.key_value_heads=4", "model.hidden=128")
    first = trained(plain(tmp_path, "first", "entropy-100m", *shape, "model.window=64")).network.state_dict()
    run = trained(configured(tmp_path, "second", f"entropy_model={tmp_path / 'first'}"))
    assert all(torch.equal(tensor, first[name]) for name, tensor in run.network.patcher.state_dict().items())
    lm = bytelm.load(tmp_path / "second")
    assert lm.config.patching.threshold == run.network.config.patching.threshold


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_blocks_that_are_computed_again(optimizer: str, tmp_path: Path) -> None:
    """To the last bit, and the same run may go on either way."""
    own = (f"optimizer.name={optimizer}",)
    trained(configured(tmp_path, "kept", *own))
    trained(configured(tmp_path, "again", *own, "checkpoint_activations=true"), Watching(stop=5))
    trained(configured(tmp_path, "again", *own))
    one, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("kept", "again"))
    assert one == other


def test_recomputation_needs_less_memory(tmp_path: Path) -> None:
    """Fewer numbers are kept for the backward pass."""

    def kept(*changes: str) -> int:
        network, numbers = build(plain(tmp_path, "run", "byte-llama", *changes), ALONE), 0

        def count(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal numbers
            numbers += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            network(torch.full((1, 64), 9))
        return numbers

    assert kept("checkpoint_activations=true") < 0.6 * kept()


@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="no C++ compiler")
@pytest.mark.filterwarnings("ignore")
def test_compiled_blocks(tmp_path: Path) -> None:
    plainly, compiled = Watching(), Watching()
    trained(plain(tmp_path, "plainly", "byte-llama", "steps=4"), plainly)
    trained(plain(tmp_path, "compiled", "byte-llama", "steps=4", "compile=true"), compiled)
    for one, other in zip(plainly.reports, compiled.reports, strict=True):
        assert one.bits_per_byte == pytest.approx(other.bits_per_byte, abs=1e-5)


def test_samples_are_bytes_of_the_model(tmp_path: Path) -> None:
    """Another seed, another sample; the same seed the same."""
    network = build(plain(tmp_path, "run", "byte-llama"), ALONE)
    texts = [sampled(lambda ids: symbols_of(logits_of(network, ids)[0, -1]), seed, CPU) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert all(len(text) <= SAMPLE_BYTES for text in texts)


def test_validation_is_that_of_the_rows(tmp_path: Path) -> None:
    """Against each row by itself; a fresh network knows nothing."""
    prepare([texts(tmp_path)], tmp_path / "prepared", Options(validation=0.5))
    config = plain(tmp_path, "run", "byte-llama", f"data={tmp_path / 'prepared'}")
    rows, network = open_data(config).validation, build(config, ALONE)
    assert rows is not None
    assert rows.count is not None
    with torch.no_grad():
        costs = [loss_of(network, "model", rows.batch([row]), CPU) for row in range(min(MOST_ROWS, rows.count))]
    nats, targets = sum(float(cost.nats) for cost in costs), sum(int(cost.targets) for cost in costs)
    found = validated(network, rows, ALONE)
    assert found == pytest.approx(nats / targets / math.log(2), rel=1e-12)
    assert 7 < found < 10
