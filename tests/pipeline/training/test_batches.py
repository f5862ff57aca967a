"""Examples become tensors with wrong words marked; the batch of a step does not depend on workers."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bdh.tokenizer import ByteTokenizer
from pipeline.errors import SettingError
from pipeline.judging.verifier import evidence_text
from pipeline.training.batches import Shapes, StepBatches, changed_ranges, mark_tokens, tensors_of
from pipeline.training.examples import Example, LabelledClaim
from tests.pipeline.training.little_books import make_source
from tests.pipeline.training.little_claims import plain_source

SHAPES = Shapes(evidence=80, claim=120)
WORDS = st.lists(st.sampled_from(["He", "sold", "burnt", "the", "old", "mill.", "été"]), min_size=1, max_size=8)


@pytest.mark.parametrize("changes", [{"evidence": 0}, {"claim": 15}])
def test_shapes_refuse_short_lengths(changes: dict[str, int]) -> None:
    with pytest.raises(SettingError, match="expected at least"):
        Shapes(**changes)


def same(one: Any, other: Any) -> bool:
    return all(torch.equal(getattr(one, item.name), getattr(other, item.name)) for item in fields(one))


def make_batches(*, steps: int = 6, rank: int = 0, seed: int = 3) -> StepBatches:
    source = make_source(rename=0.5, no_evidence=0.2, wrong_evidence=0.1)
    return StepBatches(source, ByteTokenizer(), SHAPES, rows=3, steps=steps, seed=seed, rank=rank)


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_are_the_same_whatever_the_number_of_workers(workers: int) -> None:
    expected = list(make_batches().stream(0, workers=0))
    found = list(make_batches().stream(0, workers=workers))
    assert len(expected) == len(found) == 6
    assert all(same(a[0], b[0]) and same(a[1], b[1]) for a, b in zip(expected, found, strict=True))


def test_batches_from_a_later_step_are_those_of_that_step() -> None:
    whole = list(make_batches().stream(0, workers=0))
    rest = list(make_batches(steps=6).stream(4, workers=0))
    assert len(rest) == 2
    assert all(same(a[0], b[0]) and same(a[1], b[1]) for a, b in zip(whole[4:], rest, strict=True))


def test_processes_and_seeds_have_batches_of_their_own() -> None:
    first = make_batches()[0][0]
    assert not same(first, make_batches(rank=1)[0][0]) and not same(first, make_batches(seed=4)[0][0])
    assert not same(first, make_batches()[1][0])


def test_batches_of_plain_claims_depend_on_their_step_alone() -> None:
    first, second = (
        StepBatches(plain_source(open=0.3, rename=0.5, edit=0.5), ByteTokenizer(), SHAPES, rows=3, steps=4, seed=3)
        for _ in range(2)
    )
    whole, later = list(first.stream(0, workers=1)), second[2]
    assert same(whole[2][0], later[0]) and same(whole[2][1], later[1])
    assert not same(whole[2][0], whole[3][0])


def test_example_becomes_a_row() -> None:
    true, false = "He sold the mill.", "He burnt the mill."
    claims = (
        LabelledClaim(true, "supported"),
        LabelledClaim(false, "contradicted", true),
        LabelledClaim("She left.", "not_stated"),
    )
    batch, targets = tensors_of([Example(("The mill\nwas sold.",), claims)], ByteTokenizer(), SHAPES)
    text = evidence_text(["The mill was sold."]).encode()
    assert bytes(batch.evidence[0, -len(text) :].tolist()) == text
    assert int(batch.evidence_lengths[0]) == len(text)
    twice = f"\n\n{false}\n\n{false}\n\n".encode()
    assert bytes(batch.claims[0, 1, : len(twice)].tolist()) == twice
    assert targets.labels.tolist() == [[0, 1, 2, -100]]
    begin = int(batch.second[0, 1])
    marks = targets.wrong[0, 1, begin : begin + len(false)].tolist()
    assert [letter for letter, mark in zip(false, marks, strict=True) if mark == 1] == list("burnt")
    assert bool((targets.wrong[0, 0, int(batch.second[0, 0]) :][: len(true)] == 0).all())
    assert bool((targets.wrong[0, 2] == -1).all())


def test_claim_without_evidence_has_no_marks() -> None:
    claims = (
        LabelledClaim("He sold it.", "not_stated", claim_only="supported"),
        LabelledClaim("He burnt it.", "not_stated", "x", "contradicted"),
    )
    batch, targets = tensors_of([Example((), claims)], ByteTokenizer(), SHAPES)
    assert batch.evidence_lengths.tolist() == [0]
    assert targets.claim_only.tolist() == [[1.0, 0.0, -1.0, -1.0]]
    assert bool((targets.wrong == -1).all())


@given(true=WORDS, false=WORDS)
def test_changed_ranges_hold_whole_words_and_every_word_that_is_new(true: list[str], false: list[str]) -> None:
    text = " ".join(false)
    ranges = changed_ranges(" ".join(true), text)
    inside = [word for start, end in ranges for word in text[start:end].split()]
    assert set(inside) <= set(false)
    assert set(false) - set(true) <= set(inside)
    assert bool(ranges) == (true != false)


def test_an_omission_marks_its_neighbours() -> None:
    assert changed_ranges("He was never there.", "He was there.") == [(3, 13)]


def test_tokens_are_marked_by_their_bytes() -> None:
    text = "été sold"
    tokens = ByteTokenizer().encode(text)
    marks = mark_tokens(text, [(4, 8)], tokens, [1] * 256)
    assert marks == [False] * 6 + [True] * 4
    assert mark_tokens(text, [(0, 1)], tokens, [1] * 256) == [True] * 2 + [False] * 8
