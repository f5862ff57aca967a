"""A claim given its passages becomes one row; without evidence every claim has the same row."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.judging.claim_features import CLAIM_ONLY, ClaimCase, claim_row, make_case, verifier_features
from pipeline.judging.expected_overlap import ExpectedOverlap
from pipeline.judging.lexical import LEXICAL_SURPLUS, SIGNALS
from pipeline.judging.passage import Passage
from pipeline.judging.verifier import VerifierOutput
from pipeline.language.stems import stems

EXPECTED_OVERLAP = ExpectedOverlap(SIGNALS, {}, np.array([1e-9]), np.zeros((2, len(SIGNALS))), {})
FERRY = ("Anna kept the ferry.", "The boat was called the Patience.", "It held one cow.")
LATER = (FERRY[1], FERRY[2], "Tom never paid for the ferry.")


def case_of(text: str, *passages: tuple[str, ...], first: tuple[int, ...]) -> ClaimCase:
    return make_case(
        text,
        [Passage(sentences) for sentences in passages],
        first_sentences=first,
        weight=lambda stem: 1.0,
        stems=stems,
        expected=EXPECTED_OVERLAP,
    )


def output(*, stated: float = 1.0, **features: float) -> VerifierOutput:
    chances = {"supported": stated / 2, "contradicted": stated / 2, "not_stated": 1 - stated}
    return VerifierOutput(chances, 0.25, 0.1, features)  # type: ignore[arg-type]


def test_sentences_are_read_once_and_in_the_order_of_the_book() -> None:
    case = case_of("Tom paid for the ferry Patience.", LATER, FERRY, first=(11, 10))
    assert set(case.sentences) <= {*FERRY, *LATER}
    assert case.sentences == tuple(sorted(case.sentences, key=[*FERRY, LATER[2]].index))
    assert case.verifier_input.sentences == case.sentences


def test_row_holds_lexical_features_and_those_of_the_verifier() -> None:
    case = case_of("Anna kept the ferry.", FERRY, first=(0,))
    row = claim_row(case, output(score=2.0))
    assert set(row) == {*LEXICAL_SURPLUS, "reader_score", CLAIM_ONLY}
    assert (row["reader_score"], row[CLAIM_ONLY]) == (2.0, 0.1)


@pytest.mark.parametrize("text", ["Anna kept the ferry.", "In 1871 nobody, not even Tom Hale, ever paid 14 shillings!"])
def test_without_evidence_every_claim_has_the_same_row(text: str) -> None:
    case = case_of(text, first=())
    assert case.sentences == ()
    assert set(claim_row(case, output(score=0.0)).values()) == {0.0}


def test_claim_only_feature_is_zero_without_evidence() -> None:
    assert verifier_features(output(score=2.0)) == {"reader_score": 2.0, CLAIM_ONLY: 0.1}
    assert verifier_features(output(score=0.0)) == {"reader_score": 0.0, CLAIM_ONLY: 0.0}


def test_verifier_features_are_scaled_by_the_probability_that_the_evidence_settles_the_claim() -> None:
    features = verifier_features(output(stated=0.25, score=2.0, other=-4.0))
    assert features == pytest.approx({"reader_score": 0.5, "reader_other": -1.0, CLAIM_ONLY: 0.025})


def test_row_is_the_lexical_features_and_those_of_the_verifier() -> None:
    case = case_of("Anna kept the ferry.", FERRY, first=(0,))
    assert claim_row(case, output(score=2.0)) == {**case.lexical, **verifier_features(output(score=2.0))}
