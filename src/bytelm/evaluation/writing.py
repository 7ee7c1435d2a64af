"""What a task of lm-eval-harness says about generation, in terms of bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BYTES_PER_TOKEN = 5
"""How many bytes stand for one token of a task's limit: tokens of English hold four to five."""

_LIMITS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""The names of the limit in tokens, those that count more first."""

_DEFAULT_LIMIT = 256
_TAKEN = {"until", "do_sample", "temperature", "top_p", "top_k", "min_p", *_LIMITS}


@dataclass(frozen=True, slots=True)
class Writing:
    """How an answer is generated: the options of ``ByteLM.generate``."""

    stop: tuple[str, ...]
    max_bytes: int
    temperature: float
    top_p: float
    top_k: int
    min_p: float


def writing(options: Mapping[str, Any], bytes_per_token: int = BYTES_PER_TOKEN) -> Writing:
    """What the generation options of a task come to.

    Without ``do_sample`` or a temperature above 0 it is greedy; with ``do_sample`` alone the temperature is 1.

    Args:
        options: ``until``, a limit in tokens (``max_gen_toks`` or one of its other names; 256 by default),
            ``do_sample``, ``temperature``, ``top_p``, ``top_k``, ``min_p``.
        bytes_per_token: by what the limit is multiplied.

    Raises:
        ValueError: there is another option.
    """
    unknown = sorted(set(options) - _TAKEN)
    if unknown:
        raise ValueError(
            f"the task generates with {', '.join(unknown)}, which bytelm does not know; leave out all but "
            f"{', '.join(sorted(_TAKEN))}"
        )
    until = options.get("until") or ()
    limit = next((options[name] for name in _LIMITS if options.get(name) is not None), _DEFAULT_LIMIT)
    sampled = options.get("do_sample")
    temperature = options.get("temperature")
    if temperature is None:
        temperature = 1.0 if sampled else 0.0
    greedy = sampled is False or temperature == 0
    return Writing(
        stop=(until,) if isinstance(until, str) else tuple(until),
        max_bytes=int(limit) * bytes_per_token,
        temperature=0.0 if greedy else float(temperature),
        top_p=1.0 if greedy else float(options.get("top_p") or 1.0),
        top_k=0 if greedy else int(options.get("top_k") or 0),
        min_p=0.0 if greedy else float(options.get("min_p") or 0.0),
    )
