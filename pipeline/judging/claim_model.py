"""Claims with their evidence and what the claim reader says of it to verdicts.

The shipped models were fitted on labelled claims about other novels (``runs/claim_verdict.py``); nothing here is
fitted. How a dataset's own labels come in is the business of ``fitting`` and ``evaluation``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import ModelError
from pipeline.judging.claim_features import ClaimCase, claim_row, reader_features
from pipeline.judging.expected_overlap import Background
from pipeline.judging.logistic import LogisticModel
from pipeline.judging.passage import Passage, best_sentence
from pipeline.judging.verdict import (
    DecisionRule,
    backstory_features,
    claim_rationale,
    label_claim,
    label_pair,
    pair_probabilities,
    weigh_pairs,
)
from pipeline.judging.verifier import Comparison
from pipeline.records import Chunk, Claim, ClaimLabel, ClaimVerdict, Evidence, Novel, Pair, PairLabel
from pipeline.retrieval.index import Lexicon

METHOD = (
    "a trained BDH claim reader, which reads each claim from the memory that its evidence left, and lexical surplus "
    "over an unrelated novel, joined by a logistic model from which the claim's own wording was taken off; fitted on "
    "labelled claims about other novels"
)
ROW_FEATURES = ("word_found", "word_support_3")
"""Evidence features of claims whose mean over a backstory describes a row of a table."""


@dataclass(frozen=True)
class Heard:
    """A claim with what the reader says of it: before all its evidence together, and before each passage alone."""

    case: ClaimCase
    whole: Comparison
    passages: tuple[Comparison, ...]


@dataclass(frozen=True)
class Judge:
    """The fitted models, and the rule that turns their probabilities into labels."""

    claim_model: LogisticModel
    pair_model: LogisticModel
    backstory_model: LogisticModel
    background: Background
    rule: DecisionRule
    sha256: str

    @classmethod
    def load(cls, folder: Path, *, rule: DecisionRule) -> Judge:
        """Read the models that ``runs/claim_verdict.py`` fitted; raises ModelError when one is missing or damaged."""
        names = ("claim.json", "pair.json", "backstory.json", "background.npz")
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise ModelError(f"{folder} lacks {', '.join(missing)}; expected the fitted verdict models; restore them")
        claim, pair, backstory = (LogisticModel.load(folder / name) for name in names[:3])
        digest = hashlib.sha256(b"".join((folder / name).read_bytes() for name in names)).hexdigest()
        return cls(claim, pair, backstory, Background.load(folder / names[3]), rule, digest)

    def judge_claim(
        self,
        claim: Claim,
        evidence: Sequence[Evidence],
        heard: Heard,
        *,
        novel: Novel,
        chunks: Sequence[Chunk],
        lexicon: Lexicon,
    ) -> ClaimVerdict:
        """Return the verdict on a claim; ``heard.passages`` are in the order of ``evidence``."""
        features = claim_row(heard.case, heard.whole)
        probability = self.claim_model.probability(features)
        threshold = self.claim_model.threshold
        label = label_claim(probability, heard.whole.stated, threshold=threshold, rule=self.rule)
        pairs = tuple(
            self._judge_pair(claim, item, told, chunks[item.chunk_index], novel, lexicon)
            for item, told in zip(evidence, heard.passages, strict=True)
        )
        return ClaimVerdict(claim, label, probability, features, pairs, claim_rationale(label, pairs))

    def _judge_pair(
        self, claim: Claim, item: Evidence, told: Comparison, chunk: Chunk, novel: Novel, lexicon: Lexicon
    ) -> Pair:
        probability = self.pair_model.probability(reader_features(told))
        chances = pair_probabilities(probability, told.stated, threshold=self.pair_model.threshold, rule=self.rule)
        sentences = passage_of(novel, chunk).sentences
        chosen = best_sentence(claim.text, sentences, weight=lexicon.weight, stems=lexicon.stems)
        start, end = chunk.sentences[chosen]
        return Pair(item, label_pair(chances), chances, sentences[chosen], start, end, novel.chapter_at(start))


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
