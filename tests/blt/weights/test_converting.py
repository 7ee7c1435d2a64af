"""From every form to every other one, and how much memory that takes."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from blt.weights import converting_program
from blt.weights.tiny import check_equal, drawn_config, drawn_tensors, for_meta, for_transformers, released
from bytelm.blt.config import HashConfig
from bytelm.blt.patching.options import Patching
from bytelm.blt.weights.converting import convert
from bytelm.blt.weights.forms import FORMS
from bytelm.blt.weights.reading import open_checkpoint
from bytelm.blt.weights.writing import save_directory


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_lost_on_the_way(seed: int, tmp_path: Path) -> None:
    drawn = for_meta(for_transformers(drawn_config(seed)))
    config = replace(drawn, encoder=replace(drawn.encoder, layers=1), encoder_cross_attention="last")
    tensors = drawn_tensors(config)
    save_directory(tmp_path / "0", config, tensors)
    own, meta, hub = FORMS
    way = [own, meta, meta, hub, hub, own, hub, meta, own]
    for number, form in enumerate(way):
        written = convert(tmp_path / f"{number}", tmp_path / f"{number + 1}", form)
        assert (written.form, written.config) == (form, config)
    check_equal(dict(written), tensors)
    assert len(set(pairwise([own, *way]))) == 9, "from every form to every one"


def test_an_entropy_model_of_its_own_goes_along(tmp_path: Path) -> None:
    tensors = drawn_tensors(released())
    save_directory(tmp_path / "own", released(), tensors)
    convert(tmp_path / "own", tmp_path / "hub", "meta-hub")
    (tmp_path / "hub" / "entropy_model").rename(tmp_path / "entropy")
    written = convert(tmp_path / "hub", tmp_path / "again", "transformers", torch.float64, tmp_path / "entropy")
    check_equal(dict(written), {name: tensor.double() for name, tensor in tensors.items()})


def test_transformers_gets_nothing_that_it_computes_otherwise(tmp_path: Path) -> None:
    config = replace(
        released(),
        patching=Patching("both", longest=4, resets_at_newlines=True),
        doubled_residual=False,
        encoder=replace(released().encoder, layers=2, window=9),
        global_transformer=replace(released().global_transformer, window=3),
        hashes=HashConfig(()),
        encoder_cross_attention="refined",
    )
    save_directory(tmp_path / "own", config, drawn_tensors(config))
    with pytest.raises(ValueError, match=r"transformers cannot compute .*own: ") as caught:
        convert(tmp_path / "own", tmp_path / "there", "transformers")
    for option in (
        *("patching.mode 'both'", "patching.resets_at_newlines", "encoder_cross_attention 'refined'"),
        *("doubled_residual False", "decoder.window 512", "global_transformer.window 3", "hashes"),
    ):
        assert option in str(caught.value)
    written = convert(tmp_path / "own", tmp_path / "again", "bytelm")
    assert (written.config, written.form) == (config, "transformers")
    save_directory(tmp_path / "long", replace(released(), patching=Patching(longest=4)), drawn_tensors(released()))
    with pytest.raises(ValueError, match=r"patching.longest 4: transformers does not know whether the last patch is"):
        convert(tmp_path / "long", tmp_path / "there", "transformers")
    assert not (tmp_path / "there").exists()


def test_mistakes(tmp_path: Path) -> None:
    source = tmp_path / "models" / "own"
    save_directory(source, released(), drawn_tensors(released()))
    with pytest.raises(ValueError, match="unknown form 'onnx'; choose one of bytelm, transformers, meta, meta-hub"):
        convert(source, tmp_path / "there", "onnx")  # type: ignore[arg-type]
    for target in (source, source.parent):
        with pytest.raises(ValueError, match=r"own would be lost when .* is written; name another directory"):
            convert(source, target, "meta", overwrite=True)
    with pytest.raises(ValueError, match="entropy would be lost"):
        convert(source, tmp_path / "there", "meta", entropy=tmp_path / "there" / "entropy")
    with pytest.raises(FileNotFoundError, match="no such model directory"):
        convert(tmp_path / "nowhere", tmp_path / "there", "meta")


@pytest.mark.skipif(not converting_program.STATUS.exists(), reason="needs Linux to say how much memory was used")
def test_memory_is_that_of_blocks(tmp_path: Path) -> None:
    """Of a model of 160 MB, nearly all of it in one parameter, neither is ever in memory."""
    config = replace(released(), hashes=HashConfig((3, 4), 2_400_000))
    save_directory(tmp_path / "own", config, drawn_tensors(config))
    size = (tmp_path / "own" / "model.safetensors").stat().st_size
    assert size > 150e6
    assert grown("hold", tmp_path / "own") > size
    assert grown("convert", tmp_path / "own", tmp_path / "meta", "meta", "bfloat16") < 0.5 * size
    # Some of what is read of a pickled file stays mapped for a while.
    assert grown("convert", tmp_path / "meta", tmp_path / "hub", "meta-hub", "float32") < 0.9 * size
    assert grown("convert", tmp_path / "hub", tmp_path / "again", "transformers", "float32") < 0.5 * size
    found = open_checkpoint(tmp_path / "again").rows("encoder_hash_tok_embedding.weight", 2_399_999, 2_400_002)
    wanted = open_checkpoint(tmp_path / "own").rows("encoder_hash_tok_embedding.weight", 2_399_999, 2_400_002)
    assert torch.equal(found, wanted.bfloat16().float())


def grown(*words: str | Path) -> int:
    command = [sys.executable, converting_program.__file__, *words]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
