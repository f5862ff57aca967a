"""Claims with their evidence and the reader's surprise to verdicts: the plain form of the judge.

The shipped models were fitted on labelled claims about other novels (``runs/first_verdict.sh``); nothing here is
fitted. How a dataset's own labels come in is the business of ``fitting`` and ``evaluation``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import ModelError
from pipeline.records import Chunk, Claim, ClaimLabel, ClaimVerdict, Evidence, Novel, Pair, PairLabel, Span
from pipeline.scoring.features import (
    Passage,
    Stems,
    SurpriseGain,
    Weight,
    best_sentence,
    claim_features,
    pair_features,
)
from pipeline.scoring.logistic import LogisticModel
from pipeline.scoring.verdict import (
    DecisionRule,
    backstory_features,
    claim_rationale,
    label_claim,
    label_pair,
    pair_probabilities,
    weigh_pairs,
)

METHOD = (
    "plain form: a logistic model on lexical agreement between claim and passages and on how much less surprising the "
    "claim is to the language model after them, fitted on labelled claims about other novels"
)
ROW_FEATURES = ("coverage_union", "neighbours_found", "gain", "distance")
"""Evidence features of claims whose mean over a backstory describes a row of a table."""


@dataclass(frozen=True)
class Lexicon:
    """The word analysis of a novel's index: a text's stems, and the inverse document frequency of a stem."""

    stems: Stems
    weight: Weight


@dataclass(frozen=True)
class Judge:
    """The fitted models, and the rule that turns their probabilities into labels."""

    claim_model: LogisticModel
    pair_model: LogisticModel
    backstory_model: LogisticModel
    rule: DecisionRule
    sha256: str

    @classmethod
    def load(cls, folder: Path, *, rule: DecisionRule) -> Judge:
        """Read the models that ``runs/first_verdict.py`` fitted; raises ModelError when one is missing or damaged."""
        names = ("claim.json", "pair.json", "backstory.json")
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise ModelError(f"{folder} lacks {', '.join(missing)}; expected the fitted verdict models; restore them")
        claim, pair, backstory = (LogisticModel.load(folder / name) for name in names)
        digest = hashlib.sha256(b"".join((folder / name).read_bytes() for name in names)).hexdigest()
        return cls(claim, pair, backstory, rule, digest)

    def judge_claim(
        self,
        claim: Claim,
        evidence: Sequence[Evidence],
        gains: Sequence[SurpriseGain],
        *,
        novel: Novel,
        chunks: Sequence[Chunk],
        lexicon: Lexicon,
    ) -> ClaimVerdict:
        """Return the verdict on a claim; ``gains`` are the reader's, one for each piece of evidence in its order."""
        passages = [passage_of(novel, chunks[item.chunk_index]) for item in evidence]
        features = claim_features(
            claim.text,
            passages,
            max(gains, key=lambda gain: gain.gain),
            distances=[item.distance for item in evidence],
            weight=lexicon.weight,
            stems=lexicon.stems,
        )
        probability = self.claim_model.probability(features)
        label = label_claim(
            probability, features["coverage_union"], threshold=self.claim_model.threshold, rule=self.rule
        )
        pairs = tuple(
            self._judge_pair(claim, item, gain, passage, chunks[item.chunk_index].sentences, novel, lexicon)
            for item, gain, passage in zip(evidence, gains, passages, strict=True)
        )
        return ClaimVerdict(claim, label, probability, features, pairs, claim_rationale(label, pairs))

    def _judge_pair(
        self,
        claim: Claim,
        item: Evidence,
        gain: SurpriseGain,
        passage: Passage,
        spans: Sequence[Span],
        novel: Novel,
        lexicon: Lexicon,
    ) -> Pair:
        weight, stems = lexicon.weight, lexicon.stems
        features = pair_features(claim.text, passage, gain, distance=item.distance, weight=weight, stems=stems)
        probability = self.pair_model.probability(features)
        coverage = features["coverage_passage"]
        chances = pair_probabilities(probability, coverage, threshold=self.pair_model.threshold, rule=self.rule)
        chosen = best_sentence(claim.text, passage.sentences, weight=weight, stems=stems)
        start, end = spans[chosen]
        chapter = novel.chapter_at(start)
        return Pair(item, label_pair(chances), chances, passage.sentences[chosen], start, end, chapter)


def passage_of(novel: Novel, chunk: Chunk) -> Passage:
    """Return the verbatim sentences of a chunk."""
    return Passage(tuple(novel.text[start:end] for start, end in chunk.sentences))


def relabel(verdict: ClaimVerdict, labels: Sequence[dict[PairLabel, float]]) -> ClaimVerdict:
    """Return the verdict on a claim whose passages somebody else has labelled, by the rule of ``weigh_pairs``.

    ``labels`` are probabilities that sum to 1, one mapping a pair in the order of the pairs. The evidence, its
    quotations and the features of the claim stay.
    """
    pairs = tuple(
        replace(pair, label=label_pair(chances), probabilities=chances)
        for pair, chances in zip(verdict.pairs, labels, strict=True)
    )
    label, probability = weigh_pairs(pairs)
    rationale = claim_rationale(label, pairs)
    return replace(verdict, label=label, probability=probability, pairs=pairs, rationale=rationale)


def describe_claims(
    probabilities: Sequence[float], labels: Sequence[ClaimLabel], features: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """Return the features of a backstory: those of its claims' verdicts, and the means of their evidence."""
    means = {f"mean_{name}": sum(row[name] for row in features) / len(features) for name in ROW_FEATURES}
    return {**backstory_features(probabilities, labels), **means}
