"""Errors and Ctrl-C in the middle of a pass leave a reader that still says what is right of all places."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from blt.networks import ids_of_text
from blt.readers import case
from blt.test_branches import Judge
from bytelm.blt.memory import Memory
from bytelm.blt.rings import Ring
from bytelm.blt.rows import Row, Rows

FAULTS: dict[str, Callable[[Any], tuple[Any, str]]] = {
    "entropy model": lambda net: (net.patcher.layers[-1], "forward"),
    "encoder": lambda net: (net.local_encoder.layers[1], "forward"),
    "pooling": lambda net: (net.local_encoder.cross_attn_layers[-1].o_proj, "forward"),
    "global transformer": lambda net: (net.global_transformer.layers[0], "forward"),
    "decoder": lambda net: (net.local_decoder.layers[-1], "forward"),
    "head": lambda net: (net.lm_head, "forward"),
    "write": lambda net: (Ring, "write"),
    "put": lambda net: (Ring, "put"),
    "copy of a row": lambda net: (Ring, "copy_row"),
    "more rows": lambda net: (Ring, "add_rows"),
    "more slots": lambda net: (Ring, "add_slots"),
    "claim": lambda net: (Rows, "claim"),
    "append": lambda net: (Row, "append"),
    "fork": lambda net: (Memory, "fork"),
}
"""Where a pass is interrupted."""


def interrupted(usual: Callable[..., Any], calls: int, before: bool, kind: type[BaseException]) -> Callable[..., Any]:
    """The function with an exception before it, or behind it, when it has been called so often."""
    left = calls

    def wrapper(*arguments: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and before:
            raise kind
        found = usual(*arguments, **named)
        if left == 0:
            raise kind
        return found

    return wrapper


@pytest.mark.parametrize(
    ("way", "calls", "before", "kind"),
    [
        ("entropy", 1, True, KeyboardInterrupt),
        ("no windows", 2, False, KeyboardInterrupt),
        ("no windows", 4, True, RuntimeError),
    ],
)
@pytest.mark.parametrize("fault", FAULTS)
def test_an_interruption(
    way: str, fault: str, calls: int, before: bool, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts go on, and others begin, that need more rows and more slots; then all is asked for again."""
    judge = Judge(case("no windows" if fault == "more slots" else way, dtype=torch.float64))
    old = judge.open([ids_of_text(100), ids_of_text(30, 1)])
    old += judge.read(old, [ids_of_text(9, 2), ids_of_text(70, 3)])
    texts = [ids_of_text(length, seed) for seed, length in enumerate((3, 80, 2, 220))]
    owner, name = FAULTS[fault](judge.made.network)

    def ask() -> None:
        for _ in range(4):
            judge.reader.open(texts)
            judge.reader.read(old, texts)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupted(getattr(owner, name), calls, before, kind))
        with pytest.raises(kind):
            ask()
    after = judge.read(old, texts)
    judge.read([*after, *old[:2]], [ids_of_text(20 + 9 * seed, seed) for seed in range(6)])
