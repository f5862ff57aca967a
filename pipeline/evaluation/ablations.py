"""Ablations: the same labelled claims or backstories, judged by the pipeline with one part replaced at a time.

The verdicts on a backstory's claims are combined as the pipeline combines them, with weights that every system learns
from the table's own labels, in the same folds.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from pipeline.book import Book
from pipeline.errors import BackstoryError, SettingError, TableError
from pipeline.evaluation.baselines import Baselines, SystemOutput, judge_outputs
from pipeline.evaluation.claim_benchmark import BookPlan, MeasuredClaim, measure_claims
from pipeline.evaluation.compare import Compared, compare_systems, find_pairs
from pipeline.evaluation.cross_validation import FoldSettings, cross_validate_systems
from pipeline.evaluation.fitting import Labels, group_codes
from pipeline.evaluation.metrics import Scored
from pipeline.evaluation.tables import fold_groups
from pipeline.judging.logistic import Floats
from pipeline.judging.verdict import BACKSTORY_FEATURES, backstory_features
from pipeline.judging.verifier import AblatedVerifier, BDHVerifier, Verifier
from pipeline.judging.window_judge import WindowJudge
from pipeline.records import ClaimLabel
from pipeline.run import Pipeline
from pipeline.tables.rows import Row, row_text

SYSTEMS = {
    "full": "the pipeline with the judge that the settings name, given the right novel",
    "wrong_novel": "the same given the passages that another novel has for the claim",
    "random_weights": "a BDH verifier of the same architecture with random weights",
    "no_verifier": "lexical features of the claim and its passages, without a verifier",
    "memory_emptied": "the BDH verifier's state emptied before the claim is read",
    "claim_only": "the words of the claim, without the novel",
    "majority": "always the more frequent label",
}
"""The systems with a description; every other system is compared with the first."""
FEWEST_BOOKS = 10
"""Intervals are over novels if there are so many; with fewer they are over pairs, or over rows without pairs."""
RUNS = 3
"""How often the claims are judged given evidence: full, random weights, memory emptied."""


class Outcome(NamedTuple):
    """A system's probability of each claim (N,), its threshold, and the label of each claim."""

    probabilities: Floats
    threshold: float
    labels: list[ClaimLabel]


@dataclass(frozen=True)
class AblationTable:
    """The figures of every system on the same rows."""

    kind: str
    consistent: int
    inconsistent: int
    books: int
    pairs: int
    interval: str
    systems: dict[str, Compared]


def claim_rows(pipeline: Pipeline, rows: Sequence[Row]) -> tuple[list[Row], list[list[int]]]:
    """Return the distinct claims of backstories as rows of a claim table, and for each backstory those it states.

    Raises TableError for a row without a claim.
    """
    places: dict[tuple[str, str, str], int] = {}
    claims: list[Row] = []
    stated: list[list[int]] = []
    for row in rows:
        try:
            found = pipeline.extract(row_text(row), row.char)
        except BackstoryError as error:
            raise TableError(f"row {row.id}: {error}") from error
        own = []
        for claim in found:
            key = (row.book_name, row.char, claim.text)
            if key not in places:
                places[key] = len(claims)
                claims.append(replace(row, id=str(len(claims)), caption="", content=claim.text, label=None, pair=None))
            own.append(places[key])
        stated.append(own)
    return claims, stated


def ablate(pipeline: Pipeline, *, seed: int) -> dict[str, Pipeline]:
    """Return by system the pipelines with another BDH verifier; raises SettingError for a judge without one."""
    judge = pipeline.judge
    if not isinstance(judge, WindowJudge) or not isinstance(judge.verifier, BDHVerifier):
        raise SettingError("ablations replace the BDH verifier of the judges joint and bdh; use one of these")
    verifiers: dict[str, Verifier] = {
        "random_weights": judge.verifier.untrained(seed),
        "memory_emptied": AblatedVerifier(judge.verifier, 0),
    }
    return {name: pipeline.with_judge(replace(judge, verifier=verifier)) for name, verifier in verifiers.items()}


def measure_ablations(
    pipeline: Pipeline,
    plans: Sequence[BookPlan],
    baselines: Baselines,
    *,
    seed: int,
    on_book: Callable[[Book], object] = lambda book: None,
    on_claims: Callable[[int], object] = lambda done: None,
) -> tuple[list[Row], dict[str, Outcome]]:
    """Return the rows of the plans in their order, and what every system outputs for their claims."""
    ablated = ablate(pipeline, seed=seed)
    full = measure_claims(
        pipeline, plans, kinds=("right", "wrong"), words=baselines.words, on_book=on_book, on_claims=on_claims
    )
    threshold = pipeline.judge.threshold
    outcomes = {"full": _outcome(full, threshold)}
    if all("wrong" in claim.verdicts for claim in full):
        wrong = [replace(claim, verdicts={"right": claim.verdicts["wrong"]}) for claim in full]
        outcomes["wrong_novel"] = _outcome(wrong, threshold)
    for name, own in ablated.items():
        outcomes[name] = _outcome(measure_claims(own, plans, kinds=("right",), on_claims=on_claims), threshold)
    baseline_outputs = baselines.outputs(full)
    for name, baseline in (("no_verifier", "lexical"), ("claim_only", "claim_only")):
        outcomes[name] = _baseline_outcome(baseline_outputs[baseline], baselines.threshold(baseline))
    return [claim.row for claim in full], outcomes


def _outcome(measured: Sequence[MeasuredClaim], threshold: float) -> Outcome:
    output = judge_outputs(measured, threshold=threshold)["verdict"]
    return Outcome(output.probabilities, threshold, [claim.verdicts["right"].label for claim in measured])


def _baseline_outcome(output: SystemOutput, threshold: float) -> Outcome:
    labels: list[ClaimLabel] = ["supported" if decided else "contradicted" for decided in output.decisions]
    return Outcome(output.probabilities, threshold, labels)


def compare_claims(
    rows: Sequence[Row], outcomes: Mapping[str, Outcome], *, books: Sequence[str], seed: int
) -> AblationTable:
    """Return the figures of every system on labelled claims; ``books`` names the novel of each row."""
    labels = _labels(rows)
    systems = {name: _scored(one.probabilities, one.threshold, labels) for name, one in outcomes.items()}
    systems["majority"] = _scored(np.full(len(rows), labels.mean()), 0.5, labels)
    return _table("claims", systems, labels, rows, books, seed=seed)


def compare_backstories(
    rows: Sequence[Row],
    stated: Sequence[Sequence[int]],
    outcomes: Mapping[str, Outcome],
    *,
    books: Sequence[str],
    settings: FoldSettings,
) -> AblationTable:
    """Return the figures of every system on labelled backstories in the same folds.

    ``stated`` gives for each row the places of its claims in ``outcomes``. The outcome of ``claim_only`` is not used:
    that system is fitted on the texts of the rows themselves.
    """
    labels = _labels(rows)
    described = {
        name: [_features([(float(one.probabilities[place]), one.labels[place]) for place in own]) for own in stated]
        for name, one in outcomes.items()
        if name != "claim_only"
    }
    texts = [row_text(row) for row in rows]
    systems = cross_validate_systems(
        described, labels.tolist(), texts=texts, groups=fold_groups(rows), settings=settings
    )
    return _table("backstories", systems, labels, rows, books, seed=settings.seed)


def _labels(rows: Sequence[Row]) -> Labels:
    if any(row.label is None for row in rows):
        raise TableError("a row has no label; expected consistent or contradict in every row")
    return np.array([row.label == "consistent" for row in rows], dtype=np.int64)


def _features(judged: Sequence[tuple[float, ClaimLabel]]) -> dict[str, float]:
    found = backstory_features([chance for chance, _ in judged], [label for _, label in judged])
    return {name: found[name] for name in BACKSTORY_FEATURES}


def _scored(chances: Floats, threshold: float, labels: Labels) -> Scored:
    return Scored(chances[None], chances[None] >= threshold, labels)


def _table(
    kind: str,
    systems: Mapping[str, Scored],
    labels: Labels,
    rows: Sequence[Row],
    books: Sequence[str],
    *,
    seed: int,
) -> AblationTable:
    ordered = {name: systems[name] for name in SYSTEMS if name in systems}
    pairs, _ = find_pairs(labels, [row.pair for row in rows], books)
    units, unit = _units(rows, books)
    compared = compare_systems(ordered, groups=group_codes(units), pairs=pairs, seed=seed)
    return AblationTable(
        kind=kind,
        consistent=int(labels.sum()),
        inconsistent=int((labels == 0).sum()),
        books=len(set(books)),
        pairs=0 if pairs is None else len(pairs[0]),
        interval=f"95 %, bootstrap over {unit}",
        systems=compared,
    )


def _units(rows: Sequence[Row], books: Sequence[str]) -> tuple[Sequence[Hashable], str]:
    """Return what is resampled as a whole for each row: its novel if there are enough, else its pair or itself."""
    if len(set(books)) >= FEWEST_BOOKS:
        return books, "novels"
    groups = fold_groups(rows)
    return ([row.id for row in rows], "rows") if groups is None else (groups, "pairs")
