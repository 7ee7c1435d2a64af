"""``bytelm.load`` on the directory of a plain byte transformer: the byte model is the network's own softmax."""

import json
from pathlib import Path

import numpy as np
import pytest

import bytelm
from blt.plain_networks import FULL, WINDOWED, distributions, logprobs, network
from bytelm.blt.config import StackConfig
from bytelm.blt.weights.plain import save_transformer
from bytelm.cli.main import main
from bytelm.covers.model import TokenizedLM
from bytelm.engines.windows import Windows
from bytelm.protocol import END

NATS = 5e-6
"""Rounding: in float32 the network itself is off from float64 by as much."""

TEXT = "def naïve(x):\n    return '<eos>' + x  # ✓\n".encode() * 8
BROKEN = b"\x00\xff\x80\xc3(\xed\xa0\x80 \xf5\xc0\xaf\xe2\x82"
"""No text: what is no valid UTF-8 has probability, too."""


def loaded(folder: Path, config: StackConfig, length: int | None = None) -> TokenizedLM:
    save_transformer(folder / "model", "byte-llama", config, network(config).state_dict(), length=length)
    found = bytelm.load(folder / "model")
    assert isinstance(found, TokenizedLM)
    return found


@pytest.fixture(scope="module", params=[FULL, WINDOWED], ids=["full", "windowed"])
def config(request: pytest.FixtureRequest) -> StackConfig:
    found: StackConfig = request.param
    return found


@pytest.fixture(scope="module")
def lm(config: StackConfig, tmp_path_factory: pytest.TempPathFactory) -> TokenizedLM:
    return loaded(tmp_path_factory.mktemp("models"), config)


@pytest.mark.parametrize("text", [b"", b"a", TEXT[:30], TEXT, BROKEN, BROKEN + TEXT[:9]])
def test_the_distribution_is_that_of_the_network(lm: TokenizedLM, config: StackConfig, text: bytes) -> None:
    state = lm.prefill(text)
    assert state.logprobs() == pytest.approx(distributions(network(config), text)[-1], abs=NATS)
    assert state.dropped == 0
    assert lm.score(text) == pytest.approx(logprobs(network(config), text), abs=NATS)
    assert lm.score(text).sum() == pytest.approx(state.logprob, abs=(len(text) + 1) * NATS)


def test_distributions_along_a_text(lm: TokenizedLM, config: StackConfig) -> None:
    wanted = distributions(network(config), TEXT[:40])
    state = lm.prefill(b"")
    for number, byte in enumerate(TEXT[:40]):
        assert state.logprobs() == pytest.approx(wanted[number], abs=NATS)
        state = state.advance(bytes([byte]))


def test_texts_side_by_side(lm: TokenizedLM, config: StackConfig) -> None:
    texts = [TEXT, b"", BROKEN, TEXT[7:90]]
    for text, found, state in zip(texts, lm.score(texts), lm.prefill(texts), strict=True):
        assert found == pytest.approx(logprobs(network(config), text), abs=NATS)
        assert state.logprobs() == pytest.approx(distributions(network(config), text)[-1], abs=NATS)


def test_a_text_is_scored_in_a_few_passes(lm: TokenizedLM) -> None:
    before = lm.effort.passes
    lm.score(TEXT)
    assert lm.effort.passes - before <= 2


def greedy(config: StackConfig, prompt: bytes, most: int) -> bytes:
    made, found = network(config), b""
    while len(found) < most:
        symbol = int(distributions(made, prompt + found)[-1].argmax())
        if symbol == END:
            break
        found += bytes([symbol])
    return found


def test_generation(lm: TokenizedLM, config: StackConfig) -> None:
    prompts = [TEXT[:20], b"", BROKEN]
    wanted = [greedy(config, prompt, 25) for prompt in prompts]
    assert lm.generate(prompts, max_bytes=25) == wanted
    assert lm.generate(prompts[0], max_bytes=25) == wanted[0]
    for temperature in (1.0, 0.7):
        once, again = (lm.generate(prompts, max_bytes=25, temperature=temperature, seed=3) for _ in range(2))
        assert once == again


def test_draws_are_of_the_distribution(lm: TokenizedLM, config: StackConfig) -> None:
    """The first byte of many draws: bytes that begin no character are drawn as often as they are probable."""
    drawn = [lm.generate(b"ab", max_bytes=1, temperature=1.0, seed=seed) for seed in range(400)]
    shares = np.exp(distributions(network(config), b"ab")[-1])
    invalid = [*range(0x80, 0xC2), *range(0xF5, 0x100)]
    wanted = float(shares[invalid].sum())
    found = sum(text[:1] in [bytes([byte]) for byte in invalid] for text in drawn) / len(drawn)
    assert abs(found - wanted) < 4 * (wanted * (1 - wanted) / len(drawn)) ** 0.5


def test_texts_alone(lm: TokenizedLM, config: StackConfig, tmp_path: Path) -> None:
    """What is no valid UTF-8 can be ruled out."""
    save_transformer(tmp_path / "model", "entropy", config, network(config).state_dict())
    only = bytelm.load(tmp_path / "model", segmentation="canonical")
    found, wanted = only.prefill("é".encode()[:1]).logprobs(), distributions(network(config), b"\xc3")[-1]
    kept = np.arange(257) // 64 == 2
    assert np.isneginf(found[~kept]).all()
    assert found[kept] == pytest.approx(wanted[kept] - np.logaddexp.reduce(wanted[kept]), abs=NATS)


def test_no_more_is_shown_than_it_learned_from(tmp_path: Path) -> None:
    """Behind the length of its rows, BOS and the last bytes are seen, as of any model with a bounded context."""
    lm, windows = loaded(tmp_path, FULL, length=16), Windows((1,), 16)
    assert json.loads((tmp_path / "model" / "config.json").read_text())["max_position_embeddings"] == 16
    for count in (10, 15, 16, 17, 40):
        seen = TEXT[windows.start(windows.index(count)) : count]
        wanted = distributions(network(FULL), seen)[-1]
        assert lm.prefill(TEXT[:count]).logprobs() == pytest.approx(wanted, abs=NATS)


def test_commands(config: StackConfig, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    save_transformer(tmp_path / "model", "byte-llama", config, network(config).state_dict())
    assert main(["generate", "def ", "--model", str(tmp_path / "model"), "--max-bytes", "10", "--raw"]) == 0
    out, err = capsysbinary.readouterr()
    assert (out, err) == (greedy(config, b"def ", 10), b"")
    (tmp_path / "text").write_bytes(TEXT + BROKEN)
    assert main(["score", str(tmp_path / "text"), "--model", str(tmp_path / "model"), "--json"]) == 0
    out, err = capsysbinary.readouterr()
    assert err == b""
    total = float(logprobs(network(config), TEXT + BROKEN).sum())
    assert json.loads(out)["total"]["logprob"] == pytest.approx(total, abs=1e-3)
