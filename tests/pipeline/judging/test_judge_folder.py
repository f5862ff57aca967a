"""The judges that are opened from a folder of models: alike each time, each missing part named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import PipelineConfig, RetrievalConfig, ScoringConfig, resolve_model_dir
from pipeline.errors import ModelError
from pipeline.judging.backstory import BackstoryModel
from pipeline.judging.interface import ClaimQuestion, JudgeContext
from pipeline.judging.multinomial import MultinomialModel
from pipeline.judging.verdict import BACKSTORY_FEATURES
from pipeline.judging.window_features import window_features
from pipeline.judging.window_judge import WindowJudge, open_bdh_judge, open_joint_judge, open_unfitted_judge
from pipeline.run import Pipeline
from tests.pipeline.judging.little_book import claim_of, evidence_in, make_book


@pytest.mark.parametrize(("name", "prefixes"), [("joint.json", ("bdh_", "cross_")), ("bdh.json", ("bdh_",))])
def test_shipped_model_uses_the_features_of_windows(name: str, prefixes: tuple[str, ...]) -> None:
    model = MultinomialModel.load(resolve_model_dir(ScoringConfig().judge_dir) / name)
    assert set(model.names) == {key for prefix in prefixes for key in window_features(np.zeros((0, 3)), prefix)}
    assert sum(model.prior) == pytest.approx(1)
    assert all(1 / 3 < threshold < 1 for threshold in model.thresholds)


def test_shipped_model_of_backstories_uses_the_features_of_backstories() -> None:
    shipped = BackstoryModel.load(resolve_model_dir(ScoringConfig().judge_dir), band=0.05)
    assert set(shipped.model.names) <= set(BACKSTORY_FEATURES)


@pytest.fixture
def context(stand_in_config: PipelineConfig, stand_in_judge: Path, tmp_path: Path) -> JudgeContext:
    """What a judge is opened from, with a copy of its folder that may be broken."""
    folder = str(shutil.copytree(stand_in_judge, tmp_path / "judge"))
    scoring = ScoringConfig(judge_dir=folder)
    return JudgeContext(replace(stand_in_config, scoring=scoring, retrieval=RetrievalConfig(ranker=folder)), None)


def test_opened_judges_judge_alike_each_time(context: JudgeContext, shelf: Path, tmp_path: Path) -> None:
    pipeline = Pipeline(context.config, cache_dir=tmp_path / "cache")
    book = pipeline.open_book(shelf / "Low Water.txt")
    claims = pipeline.extract("Anna Reed kept the ferry. Dr Moss never slept.", "Anna Reed")
    found = pipeline.find_evidence(book, None, None, claims)
    for open_it, models in ((open_joint_judge, 2), (open_bdh_judge, 1)):
        judge = open_it(context)
        verdicts = judge.judge(book, list(found.values()))
        assert verdicts == open_it(context).judge(book, list(found.values()))
        assert [verdict.claim.id for verdict in verdicts] == [claim.id for claim in claims]
        assert all(sum(verdict.probabilities.values()) == pytest.approx(1) for verdict in verdicts)
        assert all(len(verdict.pairs) == len(found[verdict.claim.id].evidence) > 0 for verdict in verdicts)
        assert len(judge.weights) == models
    unfitted = open_unfitted_judge(context).judge(book, list(found.values()))
    assert [verdict.features for verdict in unfitted] == [
        verdict.features for verdict in open_joint_judge(context).judge(book, list(found.values()))
    ]
    assert {verdict.label for verdict in unfitted} == {"not_stated"}
    assert all(verdict.probability == pytest.approx(0.5) for verdict in unfitted)


@pytest.mark.parametrize(
    ("name", "open_it"),
    [("joint.json", open_joint_judge), ("bdh.json", open_bdh_judge), ("verifier", open_joint_judge)],
)
def test_missing_part_is_named(
    context: JudgeContext, name: str, open_it: Callable[[JudgeContext], WindowJudge]
) -> None:
    path = Path(context.config.scoring.judge_dir) / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(ModelError, match=name):
        open_it(context)


def test_model_fitted_on_other_features_is_an_error(context: JudgeContext) -> None:
    path = Path(context.config.scoring.judge_dir) / "joint.json"
    payload = json.loads(path.read_text(encoding="utf-8"))
    payload["names"][0] = "reader_odds"
    path.write_text(json.dumps(payload), encoding="utf-8")
    book, claim = make_book(), claim_of("She sold the farm.")
    with pytest.raises(ModelError, match="has no finite value of reader_odds"):
        open_joint_judge(context).judge(book, [ClaimQuestion(claim, evidence_in(claim, 0))])
