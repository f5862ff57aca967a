"""Verdicts on claims to the verdict on a backstory: contradictions decide, waived claims do not count."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.judging.backstory import BackstoryModel, describe_backstory
from pipeline.judging.logistic import LogisticModel
from pipeline.judging.verdict import BACKSTORY_FEATURES, backstory_features
from pipeline.records import ClaimLabel, ClaimVerdict
from tests.pipeline.judging.little_book import claim_of

MODEL = BackstoryModel(LogisticModel(BACKSTORY_FEATURES, (0.0, 0.0), (1.0, 1.0), (1.0, 0.0), 0.0), 0.05, "sum")


def verdict_of(label: ClaimLabel, probability: float, contradicted: float | None = None) -> ClaimVerdict:
    chances: dict[ClaimLabel, float] = {}
    if contradicted is not None:
        chances = {"supported": 1 - contradicted, "contradicted": contradicted, "not_stated": 0.0}
    claim = claim_of(f"She is {label}.")
    return ClaimVerdict(claim, label, probability, {}, (), f"Because {label}.", probabilities=chances)


GOOD, OPEN = verdict_of("supported", 0.9, 0.05), verdict_of("not_stated", 0.5, 0.2)
BAD = verdict_of("contradicted", 0.2, 0.7)


def test_backstory_of_supported_claims_is_consistent() -> None:
    found = MODEL.conclude("Book", "Anna Reed", (GOOD, GOOD), ("A notice.",))
    assert (found.novel, found.character, found.label) == ("Book", "Anna Reed", "consistent")
    assert found.probability == pytest.approx(0.9)
    assert (found.claims, found.notices) == ((GOOD, GOOD), ("A notice.",))
    assert found.features == backstory_features([0.9, 0.9], ["supported", "supported"])


def test_contradicted_claim_makes_a_backstory_inconsistent_however_many_are_supported() -> None:
    found = MODEL.conclude("Book", "Anna Reed", (*[GOOD] * 30, BAD), ())
    assert found.label == "inconsistent"
    assert found.rationale.splitlines() == [
        "Of 31 claims 30 supported, 1 contradicted, 0 not stated; weightiest: She is contradicted.",
        "Because contradicted.",
    ]


def test_probability_is_at_most_that_of_the_likeliest_contradiction_not_being_one() -> None:
    likely = verdict_of("supported", 0.9, 0.25)
    assert MODEL.conclude("Book", "Anna Reed", (GOOD, likely), ()).probability == 0.75
    assert MODEL.conclude("Book", "Anna Reed", (GOOD, GOOD), ()).probability == pytest.approx(0.9)
    without = verdict_of("supported", 0.9)
    assert MODEL.conclude("Book", "Anna Reed", (without,), ()).probability == pytest.approx(0.9)


def test_backstory_that_the_book_leaves_open_is_uncertain() -> None:
    found = MODEL.conclude("Book", "Anna Reed", (OPEN, verdict_of("not_stated", 0.95, 0.0)), ())
    assert found.label == "uncertain"
    assert MODEL.conclude("Book", "Anna Reed", (verdict_of("supported", 0.54, 0.0),), ()).label == "uncertain"
    assert MODEL.conclude("Book", "Anna Reed", (verdict_of("supported", 0.56, 0.0),), ()).label == "consistent"


def test_waived_claims_do_not_count() -> None:
    waived = replace(BAD, waiver="she dreams it")
    found = MODEL.conclude("Book", "Anna Reed", (GOOD, waived), ())
    assert (found.label, found.probability) == ("consistent", pytest.approx(0.9))
    assert found.claims == (GOOD, waived)
    assert found.rationale.startswith("Of 1 claims 1 supported")


def test_backstory_without_a_claim_that_counts_is_consistent() -> None:
    found = MODEL.conclude("Book", "Anna Reed", (replace(BAD, waiver="a lie"),), ())
    assert (found.label, found.probability, found.features) == ("consistent", 1.0, {})
    assert "marked every claim as intentional" in found.rationale


def test_backstory_is_described_by_the_verdicts_on_its_claims() -> None:
    assert describe_backstory([GOOD, OPEN]) == backstory_features([0.9, 0.5], ["supported", "not_stated"])


def test_model_is_that_of_the_file(stand_in_judge: Path) -> None:
    found = BackstoryModel.load(stand_in_judge, band=0.1)
    assert found.model == LogisticModel.load(stand_in_judge / "backstory.json")
    assert found.band == 0.1


def test_missing_or_damaged_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no backstory\.json; expected .*restore it"):
        BackstoryModel.load(tmp_path, band=0.05)
    (tmp_path / "backstory.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"backstory\.json"):
        BackstoryModel.load(tmp_path, band=0.05)


@pytest.mark.parametrize("name", ["joint.json", "bdh.json", "backstory.json"])
def test_hash_of_fitted_models_depends_on_each_file(stand_in_judge: Path, tmp_path: Path, name: str) -> None:
    shipped, copied = BackstoryModel.load(stand_in_judge, band=0.05), shutil.copytree(stand_in_judge, tmp_path / "own")
    assert BackstoryModel.load(copied, band=0.05).sha256 == shipped.sha256
    with (copied / name).open("ab") as file:
        file.write(b" ")
    assert BackstoryModel.load(copied, band=0.05).sha256 != shipped.sha256
