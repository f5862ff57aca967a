"""Rows of a table are judged as claims of a backstory are, given their novel, no evidence, and another novel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.claims.extract import extract_claims
from pipeline.config import PipelineConfig
from pipeline.evaluation.claim_benchmark import BookPlan, find_quotation, measure_claims, plan_books
from pipeline.records import Span
from pipeline.run import Pipeline, Question
from pipeline.tables.rows import Row
from pipeline.text.sentences import load_nlp

TEXT = "As a child, Anna Reed lived at the ferry house."


def row(text: str = TEXT, char: str = "Anna Reed") -> Row:
    return Row("1", "Low Water", char, "", text, None, None)


@pytest.fixture(scope="module")
def pipeline(stand_in_config: PipelineConfig, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A pipeline with the stand-in."""
    return Pipeline(stand_in_config, cache_dir=tmp_path_factory.mktemp("cache"))


def test_claim_of_a_row_is_that_of_a_backstory(pipeline: Pipeline, shelf: Path) -> None:
    plan = BookPlan(shelf / "Low Water.txt", None, (row(),))
    (measured,) = measure_claims(pipeline, [plan], kinds=("right",))
    (expected,) = extract_claims(TEXT, "Anna Reed", load_nlp(None))
    claim = measured.verdicts["right"].claim
    assert (claim.type, claim.time_scope, claim.stability) == (expected.type, expected.time_scope, expected.stability)
    assert claim.time_scope == "childhood"


def test_row_is_judged_as_the_pipeline_judges_a_question(pipeline: Pipeline, shelf: Path) -> None:
    plan = BookPlan(shelf / "Low Water.txt", None, (row(),))
    (measured,) = measure_claims(pipeline, [plan], kinds=("right",))
    book = pipeline.open_book(shelf / "Low Water.txt")
    claim = measured.verdicts["right"].claim
    judged = pipeline.judge_claims(book, [Question((claim,), pipeline.find_character(book, "Anna Reed"))])
    assert judged.answers[0][0] == measured.verdicts["right"]


def test_gold_and_passages_are_ranges_of_the_novel(pipeline: Pipeline, shelf: Path) -> None:
    quotations = ("her father drowned in the March flood.", "Nobody wrote this.", "It held eleven people")
    plan = BookPlan(shelf / "Low Water.txt", None, (replace(row(), evidence=quotations),))
    (measured,) = measure_claims(pipeline, [plan], kinds=("right", "none"))
    book = pipeline.open_book(shelf / "Low Water.txt")
    assert [book.novel.text[slice(*span)] for span in measured.gold] == [
        "her father drowned in the March\nflood.",
        "It held eleven people",
    ]
    ranked = sorted(measured.verdicts["right"].pairs, key=lambda pair: pair.evidence.rank)
    chunks = [book.chunks[pair.evidence.chunk_index] for pair in ranked]
    assert measured.chunks == tuple(Span(chunk.start, chunk.end) for chunk in chunks) != ()
    (without,) = measure_claims(pipeline, [plan], kinds=("none",))
    assert (without.chunks, without.gold, without.words) == ((), measured.gold, {})


def test_quotation_is_found_whatever_its_line_breaks() -> None:
    assert find_quotation("He sold\n the mill (twice).", "sold the\nmill (twice)") == (Span(3, 25),)
    assert find_quotation("He sold the mill.", "bought it") == find_quotation("He sold.", "  ") == ()


def test_kinds_of_evidence_are_those_that_there_are(pipeline: Pipeline, shelf: Path, two_chapters: Path) -> None:
    with_wrong, without = (BookPlan(shelf / "Low Water.txt", wrong, (row(),)) for wrong in (two_chapters, None))
    assert [set(one.verdicts) for one in measure_claims(pipeline, [with_wrong, without])] == [
        {"right", "none", "wrong"},
        {"right", "none"},
    ]
    (measured,) = measure_claims(pipeline, [without], kinds=("none",))
    assert measured.verdicts["none"].pairs == ()


def test_character_that_the_novel_does_not_have_is_counted(pipeline: Pipeline, shelf: Path) -> None:
    plan = BookPlan(shelf / "Low Water.txt", None, (row(char="Captain Ahab"), row(char="")))
    assert [one.character_found for one in measure_claims(pipeline, [plan], kinds=("none",))] == [False, True]


def test_wrong_novel_does_not_depend_on_the_limit(two_chapters: Path, tmp_path: Path) -> None:
    for name in ("A", "B", "C"):
        (tmp_path / f"{name}.txt").write_text("It rained.", encoding="utf-8")
    rows = [Row(name, name, "", "", "It rained.", None, None) for name in "ABC"]
    whole = plan_books(rows, tmp_path, seed=0, spare=two_chapters)
    assert plan_books(rows, tmp_path, seed=0, spare=two_chapters, limit=1) == whole[:1]
    assert all(plan.wrong not in (None, plan.novel) for plan in whole)
