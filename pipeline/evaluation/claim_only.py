"""The claim-only baseline: a bag of words and pairs of words, without the novel.

It measures how far claim-only bias alone separates true claims from false ones. It is reported with every figure and
is not part of any verdict: see docs/decisions/0006-evidence-only.md.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer

from pipeline.errors import ModelError
from pipeline.evaluation.fitting import checked_labels, fit_scorer, group_codes
from pipeline.judging.logistic import Floats

FORMAT = "claim_only"
VERSION = 1
_TOKEN = r"(?u)\b\w+\b"
_DECIMALS = 4


@dataclass(frozen=True)
class ClaimOnlyModel:
    """A logistic regression on tf-idf: for each term its inverse document frequency and its weight."""

    terms: Mapping[str, tuple[float, float]]
    intercept: float
    threshold: float

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Return the probability of being consistent for each text."""
        odds = np.array([self._log_odds(text) for text in texts], dtype=np.float64)
        return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float64)

    def _log_odds(self, text: str) -> float:
        """Return intercept + cosine-normalised tf-idf times weights, with 1 + log of a term's count."""
        words = re.findall(_TOKEN, text.lower())
        counts = Counter([*words, *(" ".join(pair) for pair in pairwise(words))])
        known = [(1 + math.log(count), *self.terms[term]) for term, count in counts.items() if term in self.terms]
        length = math.sqrt(math.fsum((often * idf) ** 2 for often, idf, _ in known))
        return self.intercept + math.fsum(often * idf * weight for often, idf, weight in known) / (length or 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as it is written to JSON."""
        terms = {term: list(numbers) for term, numbers in self.terms.items()}
        head = {"format": FORMAT, "version": VERSION}
        return {**head, "intercept": self.intercept, "threshold": self.threshold, "terms": terms}

    @classmethod
    def load(cls, path: Path) -> ClaimOnlyModel:
        """Read a model; raises ModelError if it is missing or damaged."""
        try:
            payload = json.loads(path.read_text(encoding="utf-8"))
            if (payload["format"], payload["version"]) != (FORMAT, VERSION):
                raise ValueError(f"it is of format {payload['format']}, version {payload['version']}")
            terms = {str(term): (float(idf), float(weight)) for term, (idf, weight) in payload["terms"].items()}
            return cls(terms, float(payload["intercept"]), float(payload["threshold"]))
        except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(
                f"{path} is not a claim-only baseline ({error!r}); restore it from the repository"
            ) from error


def fit_claim_only(
    texts: Sequence[str], labels: Sequence[int], *, groups: Sequence[str], most_terms: int, seed: int
) -> ClaimOnlyModel:
    """Fit on all terms, keep the ``most_terms`` that weigh most, and fit again on those.

    Penalty and threshold are chosen with all terms, by cross-validation that does not split groups: terms chosen on all
    rows would bias the figure of every fold upwards.
    """
    known, inputs = checked_labels(labels, len(texts)), np.array(texts, dtype=object)
    whole = fit_scorer(_counter, inputs, known, group_codes(groups), aim="accuracy", seed=seed)
    counter, classifier = whole.transform, whole.classifier
    names = counter.get_feature_names_out()
    if len(names) > most_terms:
        weighty = np.argsort(-np.abs(classifier.coef_[0]), kind="stable")[:most_terms]
        counter = _counter(vocabulary=sorted(names[weighty]))
        classifier = clone(classifier).fit(counter.fit_transform(inputs), known)
    names, rarity = counter.get_feature_names_out(), counter.idf_.round(_DECIMALS)
    weights = classifier.coef_[0].round(_DECIMALS)
    terms = {str(term): (float(idf), float(weight)) for term, idf, weight in zip(names, rarity, weights, strict=True)}
    return ClaimOnlyModel(terms, float(classifier.intercept_[0]), whole.threshold)


def _counter(vocabulary: list[str] | None = None) -> TfidfVectorizer:
    """Return a counter of words and pairs of words: those of ``vocabulary``, else those in at least two claims."""
    rarest = 1 if vocabulary else 2
    return TfidfVectorizer(
        ngram_range=(1, 2), token_pattern=_TOKEN, sublinear_tf=True, min_df=rarest, vocabulary=vocabulary
    )
