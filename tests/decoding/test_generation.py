import inspect
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bytelm.batch import BatchState
from bytelm.decoding.generation import generate, stream
from bytelm.decoding.sampling import Sampling, choose
from bytelm.decoding.texts import text_of
from bytelm.model import ByteLM
from bytelm.prompts import Prompt
from bytelm.protocol import END, SYMBOLS, State
from bytelm.utf8 import unfinished
from decoding.byte_models import MarkovState, markov, scripted
from decoding.test_characters import character_spans

# Bytes of which random strings often hold two- and three-byte characters, whole and spoilt.
BROKEN_TEXT = b"a\n\xc3\xa9\xe2\x82\xac"

seeds = st.integers(0, 10**6)
lengths = st.integers(0, 40)
temperatures = st.sampled_from([0.0, 0.5, 1.0, 1.7])
stops = st.lists(st.sampled_from([b"a", b"\n", b"aa", b"\xc3\xa9", b"\x82\xac", b"\xe2\x82\xaca"]), max_size=3)


@given(seeds, st.binary(max_size=5), lengths)
def test_greedy_is_the_argmax_path(seed: int, prompt: bytes, max_bytes: int) -> None:
    model = markov(seed)
    path, state = b"", model.prefill(prompt)
    while len(path) < max_bytes:
        symbol = int(np.argmax(state.logprobs()))
        if symbol == END:
            break
        path += bytes([symbol])
        state = state.advance(bytes([symbol]))
    assert generate(model, prompt, max_bytes=max_bytes) == path


@given(seeds, lengths, temperatures, stops, st.booleans())
def test_the_pieces_of_a_stream_are_the_generated_text(
    seed: int, max_bytes: int, temperature: float, stop: list[bytes], raw: bool
) -> None:
    model = markov(seed, BROKEN_TEXT)
    pieces = list(stream(model, b"", max_bytes=max_bytes, temperature=temperature, stop=stop, seed=seed, raw=raw))
    whole = generate(model, b"", max_bytes=max_bytes, temperature=temperature, stop=stop, seed=seed)
    shown = whole if raw else whole[: len(whole) - unfinished(whole)]
    assert b"".join(pieces) == shown
    assert len(whole) <= max_bytes
    assert all(pieces)
    assert not any(text in whole for text in stop)


@given(seeds, lengths, stops)
def test_a_stream_never_breaks_a_character(seed: int, max_bytes: int, stop: list[bytes]) -> None:
    model = markov(seed, BROKEN_TEXT)
    pieces = list(stream(model, b"", max_bytes=max_bytes, temperature=1.0, stop=stop, seed=seed))
    ends = {sum(map(len, pieces[:i])) for i in range(len(pieces) + 1)}
    assert not any(start < end < stop for start, stop in character_spans(b"".join(pieces)) for end in ends)


def test_a_character_cut_by_max_bytes_is_exact_in_the_result_and_left_out_of_the_stream() -> None:
    model = scripted("aé€".encode())
    assert generate(model, b"", max_bytes=5) == b"a\xc3\xa9\xe2\x82"
    assert list(stream(model, b"", max_bytes=5)) == [b"a", b"\xc3\xa9"]
    assert list(stream(model, b"", max_bytes=5, raw=True)) == [b"a", b"\xc3", b"\xa9", b"\xe2", b"\x82"]


def test_a_character_that_the_prompt_began_is_finished_in_one_piece() -> None:
    assert list(stream(scripted("😀é".encode()[1:]), b"x\xf0", max_bytes=5)) == [b"\x9f\x98\x80", b"\xc3\xa9"]


def test_the_end_of_text_ends() -> None:
    assert generate(scripted(b"done"), b"", max_bytes=100) == b"done"
    assert generate(scripted(b""), b"x", max_bytes=100) == b""
    assert list(stream(scripted(b""), b"x")) == []


def test_stop_strings_are_left_out_and_their_bytes_count() -> None:
    model = scripted(b"one\n\ntwo")
    assert generate(model, b"", stop=["\n\n"]) == b"one"
    assert generate(model, b"", stop="\n\n", max_bytes=4) == b"one\n"
    assert list(stream(model, b"", stop="\n\n", max_bytes=4)) == [b"o", b"n", b"e", b"\n"]
    assert generate(model, b"\n", stop="\no") == b"one\n\ntwo"  # a stop string does not begin in the prompt


@given(seeds, st.lists(st.binary(max_size=3), max_size=5), temperatures)
def test_a_result_does_not_depend_on_the_other_prompts(seed: int, prompts: list[bytes], temperature: float) -> None:
    model = markov(seed)
    together = generate(model, prompts, max_bytes=8, temperature=temperature, seed=seed)
    assert len(together) == len(prompts)
    for index, prompt in enumerate(prompts):
        others: list[bytes] = [b"x"] * index
        alone = generate(model, [*others, prompt], max_bytes=8, temperature=temperature, seed=seed)
        assert alone[index] == together[index]
    if prompts:
        assert together[0] == generate(model, prompts[0], max_bytes=8, temperature=temperature, seed=seed)


def test_each_prompt_has_draws_of_its_own() -> None:
    outputs = generate(markov(0), [b""] * 4, temperature=1.0, max_bytes=20)
    assert len(set(outputs)) == 4
    assert outputs == generate(markov(0), [b""] * 4, temperature=1.0, max_bytes=20)
    assert outputs != generate(markov(0), [b""] * 4, temperature=1.0, max_bytes=20, seed=1)


def test_sampled_texts_follow_the_model() -> None:
    """The first two symbols of many texts, against their true joint distribution."""
    model = markov(1, b"ab", end=0.2)
    draws = 2000
    texts = generate(model, [b""] * draws, temperature=1.0, max_bytes=2)
    for text in (b"", b"a", b"b", b"aa", b"ab", b"ba", b"bb"):
        state = model.prefill(text)
        ended = float(state.logprobs()[END]) if len(text) < 2 else 0.0
        chance = math.exp(state.logprob + ended)
        spread = math.sqrt(draws * chance * (1 - chance))
        assert abs(texts.count(text) - draws * chance) <= 4 * spread + 1


def test_options_reach_the_sampling() -> None:
    model, rng = markov(2), np.random.default_rng(np.random.SeedSequence(9, spawn_key=(0,)))
    sampling = Sampling(1.3, top_p=0.9, top_k=40, min_p=0.01)
    path, state = b"", model.prefill(b"p")
    for _ in range(10):
        symbol = choose(state.logprobs(), sampling, rng)
        if symbol == END:
            break
        path, state = path + bytes([symbol]), state.advance(bytes([symbol]))
    assert path == generate(model, b"p", max_bytes=10, temperature=1.3, top_p=0.9, top_k=40, min_p=0.01, seed=9)


class Counting(ByteLM[MarkovState]):
    """Counts prefills and steps, and can be interrupted in the middle of one."""

    def __init__(self, interrupt_at: int | None = None) -> None:
        self.inner = markov(0, end=0.0)
        self.calls: list[str] = []
        self.interrupt_at = interrupt_at

    def _prefill_all(self, prompts: Sequence[bytes | Prompt]) -> BatchState[MarkovState]:
        self.calls += ["prefill"] * len(prompts)
        return BatchState(tuple(CountedState(self.inner.table, owner=self).advance(text_of(one)) for one in prompts))

    def _score_all(self, texts: object, progress: object) -> list[np.ndarray]:
        raise NotImplementedError


class CountedState(MarkovState):
    def __init__(self, table: np.ndarray, owner: Counting, last: int = END) -> None:
        super().__init__(table, last)
        object.__setattr__(self, "owner", owner)

    def advance(self, text: bytes | bytearray | str) -> "CountedState":
        owner: Counting = self.owner  # type: ignore[attr-defined]
        owner.calls.append("advance")
        if len(owner.calls) == owner.interrupt_at:
            raise KeyboardInterrupt
        return CountedState(self.table, owner, text[-1] if isinstance(text, bytes) and text else END)


def test_the_model_is_asked_only_for_what_is_wanted() -> None:
    model = Counting()
    pieces = stream(model, b"", max_bytes=5, raw=True)
    assert model.calls == []
    next(pieces)
    assert model.calls == ["prefill", "advance"]  # the empty prompt, and no step beyond the first byte
    list(pieces)
    assert model.calls.count("advance") == 5
    assert generate(Counting(), b"", max_bytes=0) == b""


def test_an_interrupt_leaves_model_and_states_as_they_were() -> None:
    model = Counting(interrupt_at=4)
    state = model.prefill(b"")
    before = state.logprobs().copy()
    got: list[bytes] = []
    with pytest.raises(KeyboardInterrupt):
        got.extend(stream(model, b"", max_bytes=5, raw=True))
    np.testing.assert_array_equal(state.logprobs(), before)
    model.interrupt_at = None
    again = list(stream(model, b"", max_bytes=5, raw=True))
    assert again[: len(got)] == got
    assert len(again) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_bytes": -1}, "max_bytes is -1; expected a whole number of at least 0: the most bytes to generate"),
        ({"max_bytes": 1.5}, "max_bytes is 1.5; expected a whole number"),
        ({"seed": -1}, "seed is -1; expected a whole number of at least 0: any such number fixes the draws"),
        ({"top_p": 2.0}, "top_p is 2.0; expected a number from 0 to 1"),
        ({"stop": [""]}, "a stop string is empty"),
    ],
)
@pytest.mark.parametrize("function", [stream, generate])
def test_mistakes_are_told_at_the_call(
    function: Callable[..., object], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        function(markov(0), b"", **options)


def test_an_unknown_option_is_an_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'top_q'"):
        generate(markov(0), b"", top_q=0.5)  # type: ignore[call-overload]


def test_a_stream_has_one_prompt() -> None:
    with pytest.raises(TypeError, match="expected bytes or str, got list"):
        stream(markov(0), [b"a"])  # type: ignore[arg-type]


def test_the_methods_have_the_options_of_the_functions() -> None:
    for function, method in ((stream, ByteLM.stream), (generate, ByteLM.generate)):
        options = list(inspect.signature(function).parameters.values())[2:]
        assert options == list(inspect.signature(method).parameters.values())[2:]


def test_any_bytes_are_a_prompt() -> None:
    prompts: list[bytes] = [b"", b"\0", b"\xff\xfe", "😀".encode()[:2], b"x" * 100_000]
    assert [len(text) for text in generate(markov(0, end=0.0), prompts, max_bytes=3)] == [3] * 5


def test_a_state_is_a_protocol_state() -> None:
    state: State = markov(0).prefill(b"a")
    assert state.logprobs().shape == (SYMBOLS,)
