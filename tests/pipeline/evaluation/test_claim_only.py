"""The claim-only baseline, stored as a small JSON file, predicts as scikit-learn does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from pipeline.errors import ModelError
from pipeline.evaluation.claim_only import ClaimOnlyModel, fit_claim_only

CHANCE = np.random.default_rng(0)
LABELS = [1, 0] * 40
TEXTS = [
    " ".join(f"word{n}" for n in CHANCE.integers(0, 30, 8)) + (" plainly so" if label else " secretly forced, always")
    for label in LABELS
]
BOOKS = [f"book {number // 8}" for number in range(len(TEXTS))]


def fitted(most_terms: int = 10**6) -> ClaimOnlyModel:
    return fit_claim_only(TEXTS, LABELS, groups=BOOKS, most_terms=most_terms, seed=0)


def test_model_finds_the_words_of_claim_only_bias() -> None:
    chances = fitted().probabilities(["a word plainly so", "secretly forced to"])
    assert chances[0] > 0.5 > chances[1]


def test_model_scores_as_scikit_learn_does() -> None:
    model = fitted()
    counted = TfidfVectorizer(
        ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", sublinear_tf=True, vocabulary=sorted(model.terms)
    )
    counted.fit(TEXTS)
    counted.idf_ = np.array([model.terms[term][0] for term in sorted(model.terms)])
    weights = np.array([model.terms[term][1] for term in sorted(model.terms)])
    texts = ["word1 Word1 plainly", "secretly forced word2", "never seen"]
    odds = counted.transform(texts) @ weights + model.intercept
    assert model.probabilities(texts) == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-9)


def test_pruned_model_has_the_terms_of_largest_weight() -> None:
    pruned = fitted(most_terms=12)
    assert len(pruned.terms) == 12
    assert {"plainly", "secretly"} <= set(pruned.terms)


def test_model_is_the_same_after_a_file(tmp_path: Path) -> None:
    model = fitted(most_terms=12)
    path = tmp_path / "claim_only.json"
    path.write_text(json.dumps(model.to_dict()), encoding="utf-8")
    assert ClaimOnlyModel.load(path) == model


@pytest.mark.parametrize("text", ["", "[]", '{"format": "logistic", "version": 1}', '{"format": "claim_only"}'])
def test_a_damaged_file_is_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "claim_only.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match="not a claim-only baseline"):
        ClaimOnlyModel.load(path)
