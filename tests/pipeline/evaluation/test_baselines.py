"""Outputs of systems: decisions by a threshold, for the kinds of evidence that every claim has."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.config import PipelineConfig, resolve_model_dir
from pipeline.errors import ModelError
from pipeline.evaluation.baselines import Baselines, SystemOutput, all_outputs, judge_outputs
from pipeline.evaluation.claim_benchmark import BookPlan, EvidenceKind, MeasuredClaim, measure_claims
from pipeline.records import Claim, ClaimVerdict
from pipeline.run import Pipeline
from pipeline.tables.rows import Row

SHIPPED = resolve_model_dir(PipelineConfig().scoring.verdict_dir)


def measured(**chances: float) -> MeasuredClaim:
    claim = Claim("1", "", "event", "unspecified", "unspecified", "It rained.")
    kinds: dict[EvidenceKind, ClaimVerdict] = {
        kind: ClaimVerdict(claim, "not_stated", chance, {}, (), "")  # type: ignore[misc]
        for kind, chance in chances.items()
    }
    return MeasuredClaim(Row("1", "B", "", "", "It rained.", None, None), "B", True, kinds)


def test_system_decides_for_consistent_from_its_threshold_on() -> None:
    output = SystemOutput.from_threshold([0.4, 0.5, 0.6], 0.5)
    assert (output.probabilities.tolist(), output.decisions.tolist()) == ([0.4, 0.5, 0.6], [False, True, True])
    given = SystemOutput.of([0.4, 0.5], [True, False])
    assert given.decisions.tolist() == [True, False]


def test_judge_has_an_output_for_each_kind_of_evidence_that_all_claims_have() -> None:
    claims = [measured(right=0.9, none=0.5, wrong=0.2), measured(right=0.1, none=0.4)]
    outputs = judge_outputs(claims, threshold=0.5)
    assert {name: output.decisions.tolist() for name, output in outputs.items()} == {
        "verdict": [True, False],
        "no_evidence": [True, False],
    }
    assert set(judge_outputs(claims[:1], threshold=0.5)) == {"verdict", "no_evidence", "wrong_novel"}


def test_baselines_judge_the_same_claims(stand_in_config: PipelineConfig, shelf: Path, tmp_path: Path) -> None:
    baselines = Baselines.load(SHIPPED)
    rows = [Row(str(n), "Low Water", "", "", text, None, None) for n, text in enumerate(["He left.", "It rained."])]
    plan = BookPlan(shelf / "Low Water.txt", None, tuple(rows))
    claims = measure_claims(Pipeline(stand_in_config, cache_dir=tmp_path), [plan], words=baselines.words)
    assert all(set(baselines.lexical.names) <= claim.words.keys() for claim in claims)
    outputs = all_outputs(claims, baselines, threshold=0.5)
    assert list(outputs) == ["verdict", "no_evidence", "lexical", "claim_only"]
    for name in ("lexical", "claim_only"):
        expected = outputs[name].probabilities >= baselines.threshold(name)
        assert outputs[name].decisions.tolist() == expected.tolist()


@pytest.mark.parametrize("name", ["claim_lexical.json", "claim_only.json", "background.npz"])
def test_missing_baseline_is_named(tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "verdict"))
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        Baselines.load(folder)
