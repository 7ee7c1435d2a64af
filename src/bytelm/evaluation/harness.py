"""Byte models for lm-eval-harness. Importing this module makes ``bytelm`` known there as a kind of model."""

from collections.abc import Mapping, Sequence
from typing import Any

from bytelm.chats import Message, render_chat
from bytelm.decoding.characters import whole_characters
from bytelm.decoding.checks import check_whole
from bytelm.evaluation.extras import harness_module
from bytelm.evaluation.likelihoods import TOGETHER, Readable, likelihoods
from bytelm.evaluation.writing import BYTES_PER_TOKEN, Writing, writing
from bytelm.model import ByteLM
from bytelm.prompts import as_bytes, as_prompt

harness_module("lm_eval")
from lm_eval.api.instance import Instance  # noqa: E402  (the error above says how to install it)
from lm_eval.api.model import LM  # noqa: E402
from lm_eval.api.registry import model_registry  # noqa: E402
from lm_eval.utils import simple_parse_args_string  # noqa: E402
from tqdm import tqdm  # noqa: E402

NAME = "bytelm"
"""What lm-eval-harness knows these models by."""

_OF_LOADING = (
    *("segmentation", "tolerance", "method", "width", "prune", "begin"),
    *("dtype", "device", "compile", "tensor_parallel", "speculate"),
)
"""The options of ``bytelm.load`` that may be given as model arguments."""

_OF_HARNESS = ("batch_size", "bytes_per_token")


class ByteHarness(LM):  # type: ignore[misc]  # it has no types
    """A byte model as a model of lm-eval-harness.

    Likelihoods are those of bytes: it does not matter where a prompt ends and its continuation begins. Nothing is
    truncated: texts beyond the model's context are read in its own windows.

    Args:
        model: any byte model.
        batch_size: how many prompts are read, or answers written, side by side.
        bytes_per_token: how many bytes stand for one token where a task limits the length of its answers.

    Raises:
        ValueError: a number is not a whole one above zero.
    """

    def __init__(
        self, model: ByteLM[Any], *, batch_size: int = TOGETHER, bytes_per_token: int = BYTES_PER_TOKEN
    ) -> None:
        super().__init__()
        for name, value in (("batch_size", batch_size), ("bytes_per_token", bytes_per_token)):
            check_whole(name, value, "at least 1 makes sense")
            if value < 1:
                raise ValueError(f"{name} is {value!r}; expected a whole number of at least 1")
        self.model = model
        self.batch_size = batch_size
        self._bytes_per_token = bytes_per_token
        self._template: str | None = None
        self._speaks_in_chats = False

    @classmethod
    def create_from_arg_string(
        cls, arg_string: str, additional_config: Mapping[str, Any] | None = None
    ) -> "ByteHarness":
        """The model of arguments such as ``pretrained=DIR,tolerance=1e-4``; see `create_from_arg_obj`."""
        return cls.create_from_arg_obj(simple_parse_args_string(arg_string), additional_config)

    @classmethod
    def create_from_arg_obj(
        cls, arg_dict: Mapping[str, Any], additional_config: Mapping[str, Any] | None = None
    ) -> "ByteHarness":
        """The model of arguments: ``pretrained``, ``batch_size``, ``bytes_per_token``, and options of ``bytelm.load``.

        Args:
            arg_dict: the arguments; without ``pretrained`` it is the bundled model.
            additional_config: more of them, of which ``None`` is left out; ``"auto"`` stands for the default size of a
                batch.

        Raises:
            ValueError: there is another argument, or the model cannot be loaded.
        """
        more = {name: value for name, value in (additional_config or {}).items() if value is not None}
        options = more | dict(arg_dict)
        known = ("pretrained", *_OF_LOADING, *_OF_HARNESS)
        unknown = [name for name in options if name not in known]
        if unknown:
            raise ValueError(f"bytelm takes no model argument {', '.join(unknown)}; it takes {', '.join(known)}")
        from bytelm.loading import load

        given: dict[str, Any] = {name: options[name] for name in _OF_LOADING if name in options}
        model: Any = load(options.get("pretrained"), **given)
        sizes = {name: options[name] for name in _OF_HARNESS if name in options}
        if str(sizes.get("batch_size")).startswith("auto"):
            del sizes["batch_size"]
        return cls(model, **{name: _whole(value) for name, value in sizes.items()})

    def loglikelihood(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """``log P(continuation | context)``, nats, and whether greedy decoding would write the continuation."""
        asked = [(self._prompt(context), as_bytes(text)) for context, text in (request.args for request in requests)]
        with tqdm(total=len(asked), desc="likelihoods", disable=disable_tqdm or None) as bar:
            found = likelihoods(self.model, asked, together=self.batch_size, progress=bar.update)
        answers = [(one.logprob, one.greedy) for one in found]
        self._keep("loglikelihood", requests, answers)
        return answers

    def loglikelihood_rolling(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[float]:
        """Of each text ``log P(bytes)``, nats: all of them, each given all before it. The end is not among them."""
        texts = [as_bytes(request.args[0]) for request in requests]
        with tqdm(total=sum(map(len, texts)), desc="bytes", disable=disable_tqdm or None) as bar:
            scores = self.model.score(texts, progress=lambda done, _: bar.update(done - bar.n))
        answers = [float(score.sum()) for score in scores]
        self._keep("loglikelihood_rolling", requests, answers)
        return answers

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """What the model writes behind each context, up to a stop string of the task, its limit, or the end of text.

        A character that the limit cuts is left out; what is no UTF-8 is replaced.
        """
        ways: dict[Writing, list[int]] = {}
        for index, request in enumerate(requests):
            ways.setdefault(writing(request.args[1], self._bytes_per_token), []).append(index)
        answers = [""] * len(requests)
        with tqdm(total=len(requests), desc="answers", disable=disable_tqdm or None) as bar:
            for way, indices in ways.items():
                for begun in range(0, len(indices), self.batch_size):
                    some = indices[begun : begun + self.batch_size]
                    prompts = [self._prompt(requests[index].args[0]) for index in some]
                    for index, text in zip(some, self._written(prompts, way, seed=begun), strict=True):
                        answers[index] = text
                    bar.update(len(some))
        self._keep("generate_until", requests, answers)
        return answers

    def apply_chat_template(self, chat_history: Sequence[Message], add_generation_prompt: bool = True) -> str:
        """The text of a chat, special tokens spelled out; contexts are read with special tokens from now on.

        Without ``add_generation_prompt`` it ends with the last message, to be continued.

        Raises:
            ValueError: the model has no chat template, or it does not take these messages.
        """
        self._speaks_in_chats = True
        text = render_chat(self._directory, chat_history, add_generation_prompt, self._template)
        return text if add_generation_prompt else _open(text, str(chat_history[-1]["content"]))

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The source of a chat template: a name, or ``True`` for the default; that one is applied from now on."""
        if not chat_template:
            return None
        self._speaks_in_chats = True
        self._template = chat_template if isinstance(chat_template, str) else None
        from bytelm.chats import chat_templates

        return chat_templates(self._directory).get(self._template or "default")

    @property
    def tokenizer_name(self) -> str:
        """The model's directory, by which requests with chat templates are kept."""
        return str(self._directory).replace("/", "__")

    @property
    def _directory(self) -> Any:
        directory = getattr(getattr(self.model, "tokenizer", None), "directory", None)
        if directory is None:
            raise ValueError("this model has no tokenizer of a directory, so no chat template; leave that out")
        return directory

    def _prompt(self, context: str) -> Readable:
        return as_prompt(self.model.tokenizer.parse(context) if self._speaks_in_chats else context)  # type: ignore[attr-defined]

    def _written(self, prompts: list[Readable], way: Writing, seed: int) -> list[str]:
        made = self.model.generate(
            prompts,
            max_bytes=way.max_bytes,
            temperature=way.temperature,
            top_p=way.top_p,
            top_k=way.top_k,
            min_p=way.min_p,
            stop=way.stop,
            seed=seed,
        )
        return [b"".join(whole_characters([text])).decode("utf-8", "replace") for text in made]

    def _keep(self, kind: str, requests: Sequence[Instance], answers: Sequence[object]) -> None:
        """Hand the answers to the harness's own cache, where it has one."""
        for request, answer in zip(requests, answers, strict=True):
            self.cache_hook.add_partial(kind, request.args, answer)


def _open(text: str, content: str) -> str:
    """A rendered chat up to the end of its last message."""
    for shown in (content, content.strip()):
        if shown in text:
            return text[: text.rindex(shown) + len(shown)]
    raise ValueError(f"the chat template does not show the message to be continued: {content!r}")


def _whole(value: object) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


model_registry.register(NAME, target=ByteHarness)
