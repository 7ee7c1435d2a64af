"""A token model and its tokenizer as a byte model."""

import math
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property, partial

import numpy as np

from bytelm.batch import BatchState
from bytelm.chats import Message, render_chat
from bytelm.covers.baselines import Baseline, TokenScore
from bytelm.covers.courses import Course, together
from bytelm.covers.distributions import distributions_of
from bytelm.covers.drawing import drawn_course, filtered_course
from bytelm.covers.estimating import Estimate, estimate
from bytelm.covers.foresight import most_for
from bytelm.covers.gaps import chosen_tokens, gap_prompt
from bytelm.covers.greedy import GUESSED, GUESSED_EACH, greedy_course
from bytelm.covers.lead import prefix_logprob
from bytelm.covers.opening import Opening, open_prompt
from bytelm.covers.path import path_distributions, trunk
from bytelm.covers.scoring import score_texts
from bytelm.covers.state import CoverState, advance_together, begin, begin_unsettled, settled_together
from bytelm.covers.stepping import score_by_steps
from bytelm.covers.weighing import Weigher, log
from bytelm.decoding.checks import check_whole
from bytelm.decoding.infilling import Gap, GapFormat
from bytelm.decoding.sampling import Sampling
from bytelm.decoding.texts import Texts, as_texts
from bytelm.engines.protocol import Effort, TokenModel
from bytelm.model import ByteLM, Progress
from bytelm.prompts import Prompt, Special, Text, as_prompt
from bytelm.protocol import FloatArray, as_bytes
from bytelm.tokens.infilling import InfillTokens
from bytelm.tokens.lattice import TextHead, begin_lattice, read_lattice
from bytelm.tokens.rules import Rule
from bytelm.tokens.tokenizer import Tokenizer


class TokenizedLM(ByteLM[CoverState]):
    """The byte model that a token model is, exact to a tolerance.

    Args:
        model: the token model.
        rule: which token sequences count.
        end_tokens: the ids that end a text.
        tolerance: how much of what is known may be left unknown, as a fraction; 0 evaluates everything.
        prefix: the bytes that the tokenizer puts before every text; the model is conditioned on them.
        tokenizer: the tokenizer, where there is one.
        begin_tokens: the ids that the token model puts before every head; a prompt that spells them out does not
            double them.

    Raises:
        ValueError: the tolerance is not in [0, 1).
    """

    reads_specials = True

    def __init__(
        self,
        model: TokenModel,
        rule: Rule,
        end_tokens: tuple[int, ...],
        tolerance: float = 1e-6,
        prefix: bytes = b"",
        tokenizer: Tokenizer | None = None,
        begin_tokens: tuple[int, ...] = (),
    ) -> None:
        if not 0 <= tolerance < 1:
            raise ValueError(f"tolerance is a fraction from 0 (exact) to below 1, got {tolerance}; the default is 1e-6")
        self._weigher = Weigher(rule, model, end_tokens)
        self._prefix = prefix
        self._tokenizer = tokenizer
        self._begin_tokens = begin_tokens
        self.tolerance = tolerance

    @property
    def tokenizer(self) -> Tokenizer:
        """The byte view of the tokenizer.

        Raises:
            AttributeError: the model was made from a bare rule.
        """
        if self._tokenizer is None:
            raise AttributeError("this model was made from a rule alone and has no tokenizer")
        return self._tokenizer

    @property
    def effort(self) -> Effort:
        """Running counts of what the token model was asked."""
        return self._weigher.model.effort

    @property
    def rule(self) -> Rule:
        """Which token sequences count."""
        return self._weigher.rule

    @property
    def end_tokens(self) -> tuple[int, ...]:
        """The ids that end a text."""
        return self._weigher.end_tokens

    @property
    def begin_tokens(self) -> tuple[int, ...]:
        """The ids that the token model puts before every head."""
        return self._begin_tokens

    @property
    def prefix(self) -> bytes:
        """The bytes that the tokenizer puts before every text; the model is conditioned on them."""
        return self._prefix

    def over(self, rule: Rule, tolerance: float) -> "TokenizedLM":
        """The same token model over the sequences of another rule; nothing is loaded again."""
        weigher = self._weigher
        return TokenizedLM(
            weigher.model, rule, weigher.end_tokens, tolerance, self._prefix, self._tokenizer, self._begin_tokens
        )

    def path_distributions(self, texts: Texts) -> list[FloatArray]:
        """The distributions along each text's own tokens, given where these end; see `bytelm.covers.path`.

        Returns:
            Of each text float64 ``(len + 1, 257)``: log-probabilities, nats.
        """
        return path_distributions(self._weigher, self.tokenizer, [self.opening(text) for text in as_texts(texts)])

    def trunk(self, text: Text) -> list[TextHead]:
        """The heads along the tokenizer's own tokens of a text and its prefix, the one before the first token first.

        Where no text of the tokenizer has such bytes, they are taken as their byte tokens.
        """
        return trunk(self._weigher.rule, self.tokenizer, self.opening(as_bytes(text)))

    def tokens_logprob(self, tokens: Sequence[int]) -> float:
        """``log P(tokens | prefix)`` of these very tokens, which spell the prefix first; nats.

        After every token the token model is renormalised over what the rule lets follow.

        Raises:
            ValueError: one of the tokens may not follow those before it.
        """
        rule = self._weigher.rule
        heads = [TextHead(None, -1, rule.start, 0)]
        for token in tokens:
            known = 0 <= token < len(rule.vocabulary.index)
            context = rule.advance(heads[-1].context, token) if known else None
            if context is None:
                raise ValueError(f"token {token} may not follow {list(heads[-1].tokens())}; see tokenizer.allowed_next")
            heads.append(TextHead(heads[-1], token, context, heads[-1].end + len(rule.vocabulary.token_bytes[token])))
        if not tokens:
            return 0.0
        weighed = zip(self._weigher.evaluate(heads[:-1]), tokens, strict=True)
        index = rule.vocabulary.index
        total = math.fsum(log(masses.at(int(index[token]))) for masses, token in weighed)
        return total - prefix_logprob(self._weigher, self._prefix)

    def continue_tokens(self, prompt: Text | Prompt, *, max_bytes: int = 64, heal: bool = False) -> bytes:
        """The token model's own greedy continuation of the prompt's own tokens: a baseline, not the byte model.

        It bets on the prompt's ending where a token ends, so it goes wrong where the prompt stops inside a word. With
        ``heal`` the last token is taken back, and the model chooses another one that begins with its bytes.

        Raises:
            ValueError: the prompt is not valid UTF-8.
        """
        return self._baseline(prompt, heal).continued(max_bytes)

    def score_tokens(self, prompt: Text | Prompt, text: Text, *, heal: bool = False) -> TokenScore:
        """How probable the token model finds the tokens of a text behind the tokens of a prompt: the same baselines.

        Raises:
            ValueError: the prompt or the text is not valid UTF-8.
        """
        return self._baseline(prompt, heal).score(as_bytes(text))

    def _baseline(self, prompt: Text | Prompt, heal: bool) -> Baseline:
        return Baseline(self._weigher, self.tokenizer, self.opening(as_prompt(prompt)), heal)

    def chat_prompt(
        self, messages: Sequence[Message], *, add_generation_prompt: bool = True, template: str | None = None
    ) -> Prompt:
        """The prompt that the model's chat template makes of messages.

        As in transformers, a message whose content spells a special token brings that token into the prompt: take
        contents from others only after looking for them.

        Args:
            messages: dicts with ``"role"`` and ``"content"``, the first message first.
            add_generation_prompt: whether the prompt goes on to where the reply begins.
            template: the name of the template, where the model has several; by default the one named "default".

        Raises:
            ValueError: the model's directory has no such template, the messages are malformed, or the template does
                not take them.
        """
        directory = self.tokenizer.directory
        if directory is None:
            raise ValueError("the tokenizer was not read from a directory, so there is no chat template")
        return self.tokenizer.parse(render_chat(directory, messages, add_generation_prompt, template))

    def chat(
        self,
        messages: Sequence[Message],
        *,
        max_bytes: int = 1024,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        min_p: float = 0.0,
        stop: Text | Texts = (),
        seed: int = 0,
    ) -> bytes:
        """The reply to messages, up to an end token: ``generate`` after ``chat_prompt``, errors and options as there.

        To read the reply as it is made, use ``stream(chat_prompt(messages))``.
        """
        return self.generate(
            self.chat_prompt(messages),
            max_bytes=max_bytes,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            min_p=min_p,
            stop=stop,
            seed=seed,
        )

    def infill_prompt(
        self,
        prefix: Text,
        suffix: Text = b"",
        *,
        order: str = "psm",
        tokens: Sequence[str | Special] | None = None,
        moved: int | None = None,
    ) -> Prompt:
        """The prompt that ``infill`` makes of a gap, for ``prefill``, ``score`` and ``generate``; options as there.

        Bytes of the prefix that it moves behind the last special token count in ``logprob`` and ``score``.

        Raises:
            ValueError: the tokenizer has no special tokens for filling gaps, or an option is out of range.
        """
        found = self._gap_tokens(tokens)
        return gap_prompt(self._weigher.rule, found, as_bytes(prefix), as_bytes(suffix), order, moved).prompt

    def marks_gaps(self, form: GapFormat) -> bool:
        return self._tokenizer is not None and chosen_tokens(self._tokenizer, form.tokens) is not None

    def gap_prompts(self, gaps: Sequence[Gap], form: GapFormat) -> tuple[ByteLM[CoverState], list[bytes | Prompt]]:
        if not self.marks_gaps(form):
            return super().gap_prompts(gaps, form)
        order = "psm" if form.order is None else form.order
        prompts = [self.infill_prompt(*gap, order=order, tokens=form.tokens, moved=form.moved) for gap in gaps]
        return self._ending_gaps, list(prompts)

    def _gap_tokens(self, names: Sequence[str | Special] | None) -> InfillTokens:
        found = chosen_tokens(self.tokenizer, names)
        if found is None:
            raise ValueError(
                "the tokenizer has no special tokens for filling gaps in a published spelling; name them with "
                'tokens=("<prefix>", "<suffix>", "<middle>"), or use infill without them'
            )
        return found

    @cached_property
    def _ending_gaps(self) -> "TokenizedLM":
        """The same model, for which a filling also ends at the tokens that only end fillings."""
        weigher = self._weigher
        marks = [special.token for special in self.tokenizer.fim_end_tokens]
        ends = tuple(dict.fromkeys((*weigher.end_tokens, *marks)))
        if ends == weigher.end_tokens:
            return self
        return TokenizedLM(
            weigher.model, weigher.rule, ends, self.tolerance, self._prefix, self._tokenizer, self._begin_tokens
        )

    def symbols(
        self,
        prompts: Sequence[bytes | Prompt],
        sampling: Sampling,
        rngs: Sequence[np.random.Generator],
        most: int = sys.maxsize,
    ) -> list[Iterator[int]]:
        """The symbols after each prompt, all prompts together in the same passes.

        The most probable ones are exactly those of ``tolerance=0``, whatever the tolerance. Plain draws (temperature
        1, no filter) are tokens behind a drawn cover of the prompt, at one pass a token.
        """
        if not self._weigher.rule.heads_die:
            return super().symbols(prompts, sampling, rngs, most)
        return together(
            self._weigher,
            [partial(self._course, *pair, sampling, len(prompts), most) for pair in zip(prompts, rngs, strict=True)],
            most,
        )

    def _course(
        self, prompt: bytes | Prompt, rng: np.random.Generator, sampling: Sampling, texts: int, most: int
    ) -> Course:
        """The symbols of one of some texts that ask together."""
        opening, rule = self.opening(prompt), self._weigher.rule
        if not (sampling.greedy or sampling.plain):
            yield from filtered_course(
                begin_unsettled(self._weigher, self.tolerance, opening), sampling, rng, most_for(texts)
            )
            return
        start = begin_lattice(rule, opening.head, -len(opening.prefix))
        read = partial(read_lattice, rule, start, opening.prefix + opening.text)  # none of it is held here
        if sampling.greedy:
            guessed = max(GUESSED_EACH, GUESSED // texts)
            yield from greedy_course(self._weigher, read(), opening.text, guessed, most)
        else:
            yield from drawn_course(self._weigher, self.tolerance, read(), rng)

    def opening(self, prompt: bytes | Prompt) -> Opening:
        """Where the text of a prompt begins, behind its special tokens."""
        if isinstance(prompt, Prompt):
            return open_prompt(self.tokenizer, self._begin_tokens, prompt)
        return Opening(None, self._prefix, prompt)

    def estimate_logprob(self, text: Text, *, samples: int = 16, width: int = 32, seed: int = 0) -> Estimate:
        """An unbiased estimate of the probability that a text begins so, by drawing segmentations of it.

        It is of the same byte model as ``score``, and no tolerance limits it: where ``segmentation="all"`` drops mass,
        it tells how much.

        Args:
            text: one text.
            samples: how many independent samples; four times as many halve the standard error.
            width: how many segmentations each sample follows side by side; long texts need more.
            seed: of the lots.

        Raises:
            ValueError: there are fewer than 2 samples, the width is 0, or the seed is negative.
        """
        check_whole("samples", samples, "how many independent samples to draw")
        check_whole("width", width, "how many segmentations each sample follows")
        check_whole("seed", seed, "the start of the random draws")
        if samples < 2 or width < 1:
            raise ValueError(f"an estimate takes samples >= 2 and width >= 1, got {samples} and {width}")
        return estimate(self._weigher, self._prefix, as_bytes(text), samples, width, np.random.default_rng(seed))

    def _prefill_all(self, prompts: Sequence[bytes | Prompt]) -> BatchState[CoverState]:
        openings = [self.opening(prompt) for prompt in prompts]
        if self._weigher.rule.heads_die:
            unsettled = [begin_unsettled(self._weigher, self.tolerance, opening) for opening in openings]
            return BatchState(settled_together(unsettled), advance_together)
        return BatchState(tuple(begin(self._weigher, self.tolerance, opening) for opening in openings))

    def _distributions_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        if not self._weigher.rule.heads_die:
            return super()._distributions_all(texts, progress)
        return distributions_of(self._weigher, self.tolerance, [self.opening(text) for text in texts], progress)

    def _score_all(self, texts: Sequence[bytes | Prompt], progress: Progress | None) -> list[FloatArray]:
        openings = [self.opening(text) for text in texts]
        if self._weigher.rule.heads_die:
            return score_texts(self._weigher, self.tolerance, openings, progress)
        before = [begin(self._weigher, self.tolerance, opening._replace(text=b"")) for opening in openings]
        return score_by_steps(before, [opening.text for opening in openings], progress)
