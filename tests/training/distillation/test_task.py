"""Distillation: its losses by slow computation, its students, and runs that are stopped, shared or cut in parts."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import bytelm
from bytelm.blt.vocabulary import BOS, EOS, OFFSET
from bytelm.protocol import END
from bytelm.training.data.rows import Batch
from bytelm.training.distillation.computing_targets import compute_targets
from bytelm.training.distillation.mixing import gradient_weights
from bytelm.training.distillation.opening import open_distillation_data
from bytelm.training.distillation.pieces import Text, texts_of
from bytelm.training.distillation.task import DistillTask
from bytelm.training.world import joined
from training.distillation.distilling import LENGTH, configured, distilled, made, opened
from training.distillation.processes import together
from training.runs import Watching


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("made"))


@pytest.fixture(autouse=True, scope="module")
def no_power_is_lost() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        yield


def batch_of(folder: Path, rows: int = 4) -> Batch:
    data, _ = open_distillation_data(configured(folder, folder / "never"))
    return data.rows.batch(range(rows))


def one_text(data: bytes) -> Batch:
    """A row of one text and padding."""
    ids = np.full((1, LENGTH + 1), 3, np.int64)
    ids[0, : len(data) + 2] = [BOS, *(byte + OFFSET for byte in data), EOS]
    first = np.where(np.arange(LENGTH + 1) < len(data) + 2, 0, len(data) + 2)[None]
    begun = np.full((1, LENGTH), -1, np.int64)
    begun[0, 0] = 0
    targets = ids[:, 1:]
    return Batch(ids, first[:, :-1], (targets >= OFFSET) | (targets == EOS), pieces=begun)


def alone(task: DistillTask, text: bytes, hidden: bool = False) -> tuple[Tensor, Tensor | None]:
    """The student's logits behind BOS and each byte of one text, float64 ``(len + 1, V)``; and its hidden states."""
    ids = torch.tensor([[BOS, *(byte + OFFSET for byte in text)]])
    with torch.no_grad():
        read = task.student.read(ids, torch.zeros_like(ids), hidden)
    return read.logits_RNV[0].double(), None if read.hidden_RND is None else read.hidden_RND[0].double()


def symbols(task: DistillTask, text: bytes) -> Tensor:
    """Its log-probabilities of bytes and the end, ``(len + 1, 257)``."""
    logits, _ = alone(task, text)
    return logits.log_softmax(-1)[:, [*task.student.byte_ids.tolist(), task.student.end_id]]


def predicted_places(text: Text) -> int:
    """How many places of a text count: the last one where its document ends there."""
    return len(text.data) + text.ends


@pytest.mark.parametrize("student", ["suffixes", "plain", "gemma"])
def test_documents_in_a_row_do_not_see_each_other(student: str, folder: Path) -> None:
    task, batch = opened(configured(folder, folder / "never", student=student)), batch_of(folder)
    texts = texts_of(batch)
    assert max(sum(text.row == row for text in texts) for row in range(4)) >= 2
    with torch.no_grad():
        read = task._read(batch, hidden=False).logits_RNV.double().softmax(-1)
    for text in texts:
        found = read[text.row, text.begin : text.begin + len(text.data) + 1]
        expected = alone(task, text.data)[0].softmax(-1)[: len(found)]
        assert (found - expected).abs().max() < 1e-5


@pytest.mark.parametrize("student", ["suffixes", "plain", "gemma", "blt.toml", "byte-llama.toml"])
def test_losses_of_places(student: str, folder: Path) -> None:
    """Exact, path and sft are what they are called, text by text."""
    config = configured(folder, folder / "never", "losses=exact,path,sft", "weights=1,0.5,0.25", student=student)
    task, batch = opened(config), batch_of(folder)
    lm = bytelm.load(folder / "teacher", tolerance=0.0)
    sums, places = {"exact": 0.0, "path": 0.0, "sft": 0.0}, 0
    for text in texts_of(batch):
        count = predicted_places(text)
        own = symbols(task, text.data)[:count]
        for name, found in (("exact", lm.distributions(text.data)), ("path", lm.path_distributions([text.data])[0])):
            target = torch.from_numpy(found)[:count]
            sums[name] += float(torch.where(target > -math.inf, target.exp() * (target - own), 0.0).sum())
        sums["sft"] -= float(own[range(count), [*text.data, END][:count]].sum())
        places += count
    cost = task.cost(batch, "model")
    assert places == batch.weights.sum()
    assert float(cost.nats) == pytest.approx(sums["sft"], rel=1e-5)
    assert {name: float(value) for name, value in cost.losses.items()} == pytest.approx(sums, rel=1e-4)
    total = sums["exact"] + 0.5 * sums["path"] + 0.25 * sums["sft"]
    assert float(cost.total.detach()) == pytest.approx(total, rel=1e-4)


def by_blanks(spelled: list[bytes]) -> list[int]:
    return [token for token, data in enumerate(spelled) if not data or data[:1] in (b" ", b"\n", b"\t")]


def test_losses_of_chunks(folder: Path) -> None:
    """ALM and latents of one text, in loops: its chunks are the teacher's tokens."""
    config = configured(folder, folder / "never", "losses=alm,latents", "alm.threshold=0.05", student="suffixes")
    task, data = opened(config), b"the quick fox, 123 jumped.\n\nover it"
    teacher = task.teacher
    view, network = teacher.lm.tokenizer, teacher.network
    tokens = view.encode(data)
    with torch.no_grad():
        out = network(input_ids=torch.tensor([[*teacher.lm.begin_tokens, *tokens]]), output_hidden_states=True)
    theirs, states = out.logits[0].double().log_softmax(-1), out.hidden_states[-1][0].double()
    spelled = [view.token_bytes(token) if token < view.size else b"" for token in range(theirs.shape[1])]
    logits, hidden = alone(task, data, hidden=True)
    assert hidden is not None
    ours, begun = logits.log_softmax(-1), len(teacher.lm.begin_tokens)
    ids = task.student.byte_ids.tolist()
    own_spelled = [b""] * ours.shape[1]
    for byte, token in enumerate(ids):
        own_spelled[token] = bytes([byte])
    groups, state_pairs, end, t, s = [], [], 0, 0.0, 0.0
    for number, token in enumerate(tokens):
        t += float(theirs[begun - 1 + number, token])
        for byte in spelled[token]:
            s += float(ours[end, ids[byte]])
            end += 1
        their_blank = float(theirs[begun + number, by_blanks(spelled)].logsumexp(0))
        our_blank = float(ours[end, by_blanks(own_spelled)].logsumexp(0))
        state_pairs.append((hidden[end], states[begun + number]))
        if math.exp(their_blank) > 0.05 or number == len(tokens) - 1:
            groups.append((t + their_blank, s + our_blank))
            t, s = 0.0, 0.0
    assert 1 < len(groups) < len(tokens)
    alm = 0.0
    for t, s in groups:
        a, b = t / 100 - 1e-6, s / 100 - 1e-6
        alm -= (math.exp(a) * b + (1 - math.exp(a)) * math.log(1 - math.exp(b))) / len(groups)
    our_states, their_states = (torch.stack(side) for side in zip(*state_pairs, strict=True))
    latents = float(((our_states - their_states) ** 2 / ((their_states**2).mean(0) + 1e-6)).mean())
    cost, places = task.cost(one_text(data), "model"), len(data) + 1
    assert float(cost.losses["alm"]) / places == pytest.approx(alm, rel=1e-4)
    assert float(cost.losses["latents"]) / places == pytest.approx(latents, rel=1e-4)


def test_a_batch_without_chunks(folder: Path) -> None:
    """What has nothing to compare does not take the weight of the others."""
    config = configured(folder, folder / "never", "losses=sft,alm,latents", "mixing=gradients")
    cost = opened(config).cost(one_text(b""), "model")
    assert float(cost.losses["alm"]) == float(cost.losses["latents"]) == 0
    assert float(cost.total.detach()) == pytest.approx(float(cost.nats), rel=1e-6)


def test_chunks_of_another_process() -> None:
    """A loss that has terms in one process alone weighs what it weighs there; one that has none anywhere, nothing."""
    weight = torch.tensor(2.0, requires_grad=True)
    losses = [3 * weight, 0 * weight, 0 * weight]

    def over_processes(numbers: Tensor) -> Tensor:
        return numbers + torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0, 0.0], dtype=torch.float64)

    found = gradient_weights(losses, [weight], over_processes, [True, False, False])
    assert found.tolist() == pytest.approx([1 / 4, 3 / 4, 0])


def test_in_parts(folder: Path, tmp_path: Path) -> None:
    """Losses of places are the same however a batch is cut."""
    whole, parts = Watching(), Watching()
    own = ("losses=exact,sft", "steps=2")
    distilled(configured(folder, tmp_path / "whole", *own), whole)
    distilled(configured(folder, tmp_path / "parts", *own, "accumulate=2"), parts)
    for one, other in zip(whole.reports, parts.reports, strict=True):
        assert one.losses == pytest.approx(other.losses, rel=1e-5)
        assert one.bits_per_byte == pytest.approx(other.bits_per_byte, rel=1e-5)
        assert one.norm == pytest.approx(other.norm, rel=1e-4)


def test_stored_targets(folder: Path, tmp_path: Path) -> None:
    """With all symbols kept, they are those of each step but for rounding; no teacher is needed."""
    folder_of = tmp_path / "targets"
    compute_targets(folder / "data", folder / "teacher", folder_of, length=LENGTH, keep=257, tolerance=0.0)
    config, batch = configured(folder, tmp_path / "run"), batch_of(folder)
    stored = replace(config, targets=str(folder_of), teacher="")
    one, other = (opened(each).cost(batch, "model") for each in (config, stored))
    places = int(batch.weights.sum())
    assert float(one.losses["exact"]) / places == pytest.approx(float(other.losses["exact"]) / places, abs=1e-3)
    distilled(stored)
    assert (tmp_path / "run" / "model.safetensors").is_file()
    with pytest.raises(ValueError, match=r"are of kind 'exact', and the losses are path; compute those of the same"):
        opened(replace(stored, losses=("path",)))


@pytest.mark.parametrize("student", ["blt.toml", "byte-llama.toml", "suffixes", "gemma"])
def test_students_learn_and_load(student: str, folder: Path, tmp_path: Path) -> None:
    watching = Watching()
    own = ("steps=8", "losses=exact,sft", "validate_every=8", "sample_every=8", "optimizer.rate=1e-2")
    distilled(configured(folder, tmp_path / "run", *own, student=student), watching)
    first, last = (sum(watching.reports[place].losses.values()) for place in (0, -1))
    assert last < first
    (line,) = [one for one in lines(tmp_path / "run") if one["kind"] == "validation"]
    assert (line["bits_per_byte"] > 0, line["kl"] > 0, 0 <= line["agreement"] <= 1) == (True, True, True)
    assert len(watching.samples) == 1
    text = "the fox 3 jumped.\n"
    drawn = student.endswith(".toml")
    before = 8.0 if drawn else bytelm.load(folder / student).bits_per_byte(text)
    assert bytelm.load(tmp_path / "run").bits_per_byte(text) < before


def test_a_trained_student_of_patches(folder: Path, tmp_path: Path) -> None:
    """It keeps its own entropy model, and begins where it was."""
    watching = Watching()
    distilled(configured(folder, tmp_path / "run", "steps=1", "losses=sft", student="bundled:blt"), watching)
    lm = bytelm.load("bundled:blt")
    batch = batch_of(folder)
    nats = 0.0
    for text in texts_of(batch):
        rows = lm.distributions(text.data)
        nats -= sum(rows[place, symbol] for place, symbol in enumerate([*text.data, END][: predicted_places(text)]))
    assert watching.reports[0].bits_per_byte == pytest.approx(nats / math.log(2) / batch.weights.sum(), rel=1e-4)
    assert bytelm.load(tmp_path / "run").score("the fox").shape == (7,)


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("changes", "moves"),
    [
        ((), lambda name: "expand" not in name),
        (("train_suffixes=true",), lambda name: True),
        (("train=embeddings",), lambda name: name in ("model.embed_tokens.weight", "lm_head.weight")),
        (
            ("train=lora", "lora.rank=2", "lora.targets=q_proj", "lora.embeddings=false"),
            lambda name: "q_proj" in name,
        ),
        (
            ("train=lora", "lora.rank=2"),
            lambda name: "_proj" in name or name in ("model.embed_tokens.weight", "lm_head.weight"),
        ),
    ],
    ids=["full", "suffixes", "embeddings", "lora of one kind", "lora"],
)
def test_what_is_trained(changes: tuple[str, ...], moves: Callable[[str], bool], folder: Path, tmp_path: Path) -> None:
    """Nothing else moves; names are those that the student had."""
    distilled(configured(folder, tmp_path / "run", "losses=sft", *changes, student="suffixes"))
    before, after = (load_file(path / "model.safetensors") for path in (folder / "suffixes", tmp_path / "run"))
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]) != moves(name), name
    assert bytelm.load(tmp_path / "run").score("the fox").shape == (7,)


@pytest.mark.parametrize("own", [("losses=exact,sft",), ("losses=sft,alm,latents", "mixing=gradients")])
def test_stopped_and_killed(own: tuple[str, ...], folder: Path, tmp_path: Path) -> None:
    """A run that was cut off ends with the same bits, whether it could save or not."""
    distilled(configured(folder, tmp_path / "whole", *own, student="suffixes"))
    distilled(configured(folder, tmp_path / "stopped", *own, student="suffixes"), Watching(stop=1))
    distilled(configured(folder, tmp_path / "stopped", *own, student="suffixes"))
    with pytest.raises(InterruptedError):
        distilled(configured(folder, tmp_path / "killed", *own, student="suffixes"), Killing())
    distilled(configured(folder, tmp_path / "killed", *own, student="suffixes"))
    wanted = (tmp_path / "whole" / "model.safetensors").read_bytes()
    for name in ("stopped", "killed"):
        assert (tmp_path / name / "model.safetensors").read_bytes() == wanted


class Killing(Watching):
    """A watcher that does not survive the third step, one behind a checkpoint."""

    def stopped(self) -> bool:
        if self.reports[-1].step == 3:
            raise InterruptedError
        return False


def test_two_processes_learn_what_one_learns(folder: Path, tmp_path: Path) -> None:
    own = ("steps=3", "validate_every=3", "sample_every=3")
    distilled(configured(folder, tmp_path / "one", *own))
    together(2, folder, tmp_path / "two", *own)
    one, two = lines(tmp_path / "one"), lines(tmp_path / "two")
    assert [line["kind"] for line in one] == [line["kind"] for line in two]
    for left, right in zip(one, two, strict=True):
        for key in {"step", "text"} & left.keys():
            assert left[key] == right[key]
        for key in {"bits_per_byte", "norm", "kl", "losses"} & left.keys():
            assert left[key] == pytest.approx(right[key], abs=1e-5)
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        torch.testing.assert_close(tensor, after[name], atol=2e-4, rtol=0)


@pytest.mark.parametrize("student", ["suffixes", "blt.toml"])
def test_half_precision(student: str, folder: Path, tmp_path: Path) -> None:
    """Near to float32, and other than it; what is written is float32."""
    exact, rounded = Watching(), Watching()
    distilled(configured(folder, tmp_path / "exact", "steps=2", student=student), exact)
    with joined("cpu", group=True) as world:
        distilled(configured(folder, tmp_path / "half", "steps=2", "dtype=bfloat16", student=student), rounded, world)
    for one, other in zip(exact.reports, rounded.reports, strict=True):
        assert one.losses["exact"] == pytest.approx(other.losses["exact"], abs=0.1)
        assert one.losses["exact"] != other.losses["exact"]
    weights = load_file(tmp_path / "half" / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}


@pytest.mark.parametrize(
    ("changes", "student", "message"),
    [
        (("student=",), "", "a distillation needs a student: add student=DIRECTORY, which bytelm byteify makes"),
        (("teacher=",), "plain", "a distillation needs a teacher: add teacher=DIRECTORY"),
        ((), "teacher", r"a student's tokens are the 256 bytes, and .*teacher lacks 0 of them and has \d+ longer ones"),
        (
            (),
            "tokenkit",
            r"a student's tokens are the 256 bytes, and .*tokenkit lacks 0 of them and has \d longer ones",
        ),
        (("losses=latents",), "blt.toml", "latents compare hidden states of two transformers alike; leave them out"),
        (("losses=latents",), "byte-llama.toml", "latents compare hidden states of two transformers alike"),
        (("train=lora",), "blt.toml", "train=lora is for byteified models; a Byte Latent Transformer learns as a"),
        (("length=8", "data={data}"), "plain", "rows of texts for a teacher need a length of at least 16 ids, got 8"),
    ],
)
def test_refusals(changes: tuple[str, ...], student: str, message: str, folder: Path, tmp_path: Path) -> None:
    own = [change.format(data=folder / "data") for change in changes]
    with pytest.raises(ValueError, match=message):
        distilled(configured(folder, tmp_path / "run", *own, student=student))
    assert not (tmp_path / "run" / "model.safetensors").exists()
