"""The whole proof, and what it makes of a counterexample."""

from pathlib import Path

import pytest

from bytelm.checking.counterexamples import Counterexample
from bytelm.checking.judge import Judge
from bytelm.checking.proof import Proof, prove
from bytelm.checking.report import as_json, report
from bytelm.checking.shrinking import shrink
from bytelm.checking.texts import PIECES, SAMPLES
from bytelm.tokens.tokenizer import Tokenizer
from checking.planted import AB, TH, plant, tokenizer


@pytest.fixture
def viewed(tmp_path: Path) -> Tokenizer:
    return tokenizer(tmp_path)


def counts(proof: Proof) -> tuple[int, ...]:
    return proof.texts, proof.cuts, proof.heads, proof.masks, proof.allowed, proof.refused


def test_a_right_view_is_proved(viewed: Tokenizer) -> None:
    said: list[tuple[str, int, int]] = []
    proof = prove(viewed, cuts=300, contexts=3, progress=lambda *what: said.append(what))
    assert proof.holds
    assert 300 <= proof.cuts < 450
    assert proof.heads >= proof.cuts
    assert (proof.masks, len(proof.mask_seconds)) == (3, 3)
    assert proof.allowed + proof.refused == 3 * viewed.vocabulary.size
    assert said[-1] == ("masks", 3, 3)
    assert ("cuts", 300, 300) in said


def test_a_seed_fixes_what_is_tried(viewed: Tokenizer) -> None:
    first, again, other = (prove(viewed, cuts=100, contexts=1, seed=seed) for seed in (1, 1, 2))
    assert counts(first) == counts(again) != counts(other)


def test_texts_of_the_users_own_are_tried(viewed: Tokenizer) -> None:
    plant(viewed, never=[AB])
    proof = prove(viewed, ["ab" * 100], cuts=500, contexts=0)
    assert proof.counterexamples[0].data == b"ab"


def test_a_missing_token_is_found_and_made_small(viewed: Tokenizer) -> None:
    proof = prove(plant(viewed, never=[TH]), ["the thing"], cuts=2000, contexts=0)
    assert not proof.holds
    assert proof.counterexamples[0].kind == "missing"
    assert proof.counterexamples[0].data == b"th"


def test_masks_find_a_token_too_many(viewed: Tokenizer) -> None:
    proof = prove(plant(viewed, always=[ord("e")]), ["th" * 50], cuts=0, contexts=10)
    first = proof.counterexamples[0]
    assert (first.kind, first.tokens, first.data) == ("allowed", (TH, ord("e")), b"the")


def test_the_search_stops_at_the_limit(viewed: Tokenizer) -> None:
    plant(viewed, never=[ord(" ")])
    few, many = (prove(viewed, cuts=2000, contexts=0, limit=limit) for limit in (1, 40))
    assert 1 <= len(few.counterexamples) < 40 <= len(many.counterexamples)
    assert few.cuts < many.cuts < 2000


@pytest.mark.parametrize("text", ["x the thing", "aaaaaathbbbbbb", "th"])
def test_shrinking_leaves_out_what_does_not_matter(viewed: Tokenizer, text: str) -> None:
    plant(viewed, never=[TH])
    long = Counterexample("missing", text.encode(), len(text), tuple(viewed.encode(text)))
    small = shrink(Judge(viewed), long)
    assert (small.kind, small.data, small.cut, small.tokens) == ("missing", b"th", 2, (TH,))


def test_shrinking_a_head_that_nothing_proves(viewed: Tokenizer) -> None:
    plant(viewed, always=[ord("e")])
    text = "x x xthe"
    tokens = (*b"x x x", TH, ord("e"))
    small = shrink(Judge(viewed), Counterexample("unproved", text.encode(), len(text), tokens))
    assert small.kind == "unproved"
    assert len(small.data) <= 3


def test_what_is_no_counterexample_stays_as_it_is(viewed: Tokenizer) -> None:
    given = Counterexample("missing", b"ab", 2, (AB,))
    assert shrink(Judge(viewed), given) == given


def test_texts_that_tokens_do_not_spell_are_counted(viewed: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewed, "normalize", lambda text: str(text).replace("q", "Q").encode())
    proof = prove(viewed, ["q" * 50], cuts=100, contexts=0)
    assert proof.holds
    assert proof.passed_over > 0
    assert proof.an_example is not None
    assert "q" in proof.an_example


def test_nothing_to_compare_with(viewed: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewed, "encode", lambda text: [0])
    with pytest.raises(ValueError, match="do not spell any of 1,000 texts in a row, the last "):
        prove(viewed, cuts=1)


@pytest.mark.parametrize(("name", "least"), [("cuts", 0), ("contexts", 0), ("limit", 1)])
def test_counts_are_whole_numbers(viewed: Tokenizer, name: str, least: int) -> None:
    with pytest.raises(ValueError, match=f"{name} is -1; expected a whole number of at least {least}"):
        prove(viewed, **{name: -1})  # type: ignore[arg-type]


def test_the_report_of_a_proof(viewed: Tokenizer) -> None:
    proof = prove(viewed, cuts=50, contexts=2)
    text = report(proof, viewed, "tiny")
    assert text.startswith("tokenizer   tiny: byte-level BPE\n")
    assert f"complete and sound on {proof.cuts} cuts, 2 masks: no counterexample" in text
    assert as_json(proof, viewed, "tiny")["holds"] is True


def test_the_report_of_counterexamples(viewed: Tokenizer) -> None:
    proof = Proof(passed_over=2, an_example="\u2581")
    proof.counterexamples += [
        Counterexample("missing", b"a th", 4, (97, 32, TH), b"", (((97, 32), b"th"), ((97,), b" th"))),
        Counterexample("allowed", b"the", 2, (TH, 101)),
    ]
    lines = report(proof, viewed, "tiny").splitlines()
    first = lines.index("not complete: the tokenizer's own tokens of a text are not found at a cut of it")
    assert "a·th▏   cut at byte 4 of b'a th'" in lines[first + 1]
    assert lines[first + 2].split(maxsplit=1) == ["expected", "a|·|th   ids [97, 32, 256]"]
    assert lines[first + 3].split(maxsplit=1) == ["found", "a|· and then th   ids [97, 32]"]
    assert lines[-1] == "and 1 more before the search was stopped"
    assert any("2 passed over" in line and line.endswith("such as ▁") for line in lines)
    proof.counterexamples.reverse()
    masks = report(proof, viewed, "tiny")
    assert "not sound: the mask allows a token that no text tried has there" in masks
    assert "after     th   ids [256]" in masks
    assert "token     e   id 101" in masks


def test_what_normalization_does_is_shown(viewed: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewed, "normalize", lambda text: str(text).replace("A", "a").encode())
    assert "normalizes  A to a\n" in report(Proof(), viewed, "tiny")


def test_the_built_in_texts_are_of_many_sorts() -> None:
    text = "".join([*SAMPLES.values(), *PIECES])
    for needed in "\x00\u0301\u2581\u200d\u1112\u11ab😀中かΣЇعשहก한ﬁＡ𐐀'1\n\t\r\u3000":
        assert needed in text, hex(ord(needed))
    assert all(SAMPLES.values())
