"""What a proof tried and found, in words for people and as JSON for programs."""

import statistics
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from bytelm.checking.counterexamples import ALLOWED, MISSING, REFUSED, TWICE, UNPROVED, Counterexample, Found
from bytelm.checking.proof import Proof
from bytelm.checking.texts import NORMALIZATION_PROBES
from bytelm.rendering import pieces, visible
from bytelm.tokens.tokenizer import Tokenizer

_FOUND_SHOWN = 8
_CUT = "▏"

_WRONG = {
    MISSING: "the tokenizer's own tokens of a text are not found at a cut of it",
    REFUSED: "the mask refuses a token that the tokenizer produces",
    UNPROVED: "tokens are found that no text tried has",
    TWICE: "the same tokens are found twice",
    ALLOWED: "the mask allows a token that no text tried has there",
}


def report(proof: Proof, tokenizer: Tokenizer, name: str) -> str:
    """The proof for people: what the tokenizer is, what was tried, the verdict. No newline at the end.

    Args:
        proof: the proof.
        tokenizer: the byte view that it is about.
        name: what to call the tokenizer.
    """
    return "\n".join([*_about(tokenizer, name), *_tried(proof), *_verdict(proof, tokenizer)])


def as_json(proof: Proof, tokenizer: Tokenizer, name: str) -> dict[str, Any]:
    """The same for programs; bytes are given as hexadecimal strings."""
    return {
        "tokenizer": name,
        "kind": tokenizer.kind,
        "size": tokenizer.size,
        "prefix": tokenizer.prefix.hex(),
        "normalization": {probe: tokenizer.normalize(probe).hex() for probe in changed_probes(tokenizer)},
        "texts": proof.texts,
        "passed_over": proof.passed_over,
        "cuts": proof.cuts,
        "heads": proof.heads,
        "masks": proof.masks,
        "allowed": proof.allowed,
        "refused": proof.refused,
        "build_seconds": round(proof.build_seconds, 6),
        "mask_seconds": [round(seconds, 6) for seconds in proof.mask_seconds],
        "holds": proof.holds,
        "counterexamples": [counterexample_json(wrong) for wrong in proof.counterexamples],
    }


def counterexample_json(wrong: Counterexample) -> dict[str, Any]:
    """A counterexample for programs."""
    return {
        "kind": wrong.kind,
        "breaks": wrong.breaks,
        "data": wrong.data.hex(),
        "cut": wrong.cut,
        "tokens": list(wrong.tokens),
        "rest": wrong.rest.hex(),
        "found": [[list(tokens), rest.hex()] for tokens, rest in wrong.found],
    }


def changed_probes(tokenizer: Tokenizer) -> list[str]:
    """Those of a few texts that the tokenizer normalizes to other bytes."""
    return [probe for probe in NORMALIZATION_PROBES if tokenizer.normalize(probe) != probe.encode()]


def _about(tokenizer: Tokenizer, name: str) -> Iterator[str]:
    yield _line("tokenizer", f"{name}: {tokenizer.kind}")
    yield _line("size", f"{tokenizer.size:,} tokens, {tokenizer.vocabulary.size:,} of them with bytes")
    yield _line("prefix", visible(tokenizer.prefix) if tokenizer.prefix else "none")
    changed = changed_probes(tokenizer)
    if not changed:
        yield _line("normalizes", f"nothing: {len(NORMALIZATION_PROBES)} texts of many sorts stay as they are")
    else:
        yield _line("normalizes", ", ".join(_change(tokenizer, probe) for probe in changed))


def _change(tokenizer: Tokenizer, probe: str) -> str:
    after = tokenizer.normalize(probe)
    given, shown = visible(probe.encode()), visible(after) if after else "nothing"
    if unicodedata.normalize("NFC", probe).encode() == after:  # the two look alike
        given = " ".join(f"U+{ord(char):04X}" for char in probe)
    return f"{given} to {shown}"


def _tried(proof: Proof) -> Iterator[str]:
    yield _line("cuts", f"{proof.cuts:,} cuts, {proof.heads:,} segmentations found at them")
    decided = proof.allowed + proof.refused
    yield _line(
        "masks", f"{proof.masks:,} contexts, {decided:,} tokens: {proof.allowed:,} allowed, {proof.refused:,} refused"
    )
    over = f", {proof.passed_over:,} passed over: their tokens do not spell them" if proof.passed_over else ""
    example = f", such as {visible(proof.an_example.encode())}" if proof.an_example else ""
    yield _line("texts", f"{proof.texts:,}{over}{example}")
    if proof.mask_seconds:
        typical, most = (1000 * of(proof.mask_seconds) for of in (statistics.median, max))
        yield _line("time", f"view {proof.build_seconds:.2f} s; a mask {typical:.1f} ms, at most {most:.1f} ms")


def _verdict(proof: Proof, tokenizer: Tokenizer) -> Iterator[str]:
    yield ""
    if proof.holds:
        yield f"complete and sound on {proof.cuts:,} cuts, {proof.masks:,} masks: no counterexample"
        return
    first, *others = proof.counterexamples
    yield f"not {first.breaks}: {_WRONG[first.kind]}"
    yield from counterexample_lines(first, tokenizer)
    if others:
        yield f"and {len(others):,} more before the search was stopped"


def counterexample_lines(wrong: Counterexample, tokenizer: Tokenizer) -> Iterator[str]:
    """A counterexample for people: the text, the cut, the tokens expected and found."""
    text = visible(wrong.data[: wrong.cut]) + _CUT + visible(wrong.data[wrong.cut :])
    yield _line("  text", f"{text}   cut at byte {wrong.cut} of {wrong.data!r}")
    if wrong.kind in (ALLOWED, REFUSED):
        *before, token = wrong.tokens
        yield _line("  after", _tokens((tuple(before), b""), tokenizer))
        yield _line("  token", f"{visible(tokenizer.token_bytes(token))}   id {token}")
        return
    yield _line("  expected" if wrong.kind == MISSING else "  in doubt", _tokens((wrong.tokens, wrong.rest), tokenizer))
    yield from _found_lines(wrong.found, tokenizer)


def _found_lines(found: Sequence[Found], tokenizer: Tokenizer) -> Iterator[str]:
    if not found:
        yield _line("  found", "nothing")
    for number, one in enumerate(found[:_FOUND_SHOWN]):
        yield _line("" if number else "  found", _tokens(one, tokenizer))
    if len(found) > _FOUND_SHOWN:
        yield _line("", f"and {len(found) - _FOUND_SHOWN} more")


def _tokens(found: Found, tokenizer: Tokenizer) -> str:
    """Tokens as bytes, then the bytes after them, then the ids."""
    tokens, rest = found
    *names, last = pieces(tokens, rest, tokenizer.token_bytes)
    after = f" and then {last}" if rest else ""
    return f"{'|'.join(names) or 'no token'}{after}   ids {list(tokens)}"


def _line(label: str, text: str) -> str:
    return f"{label:<12}{text}"
