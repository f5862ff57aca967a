"""The script that fits the claim models runs from novels to models, and what it writes is what the command reads."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pipeline.evaluation.baselines import ClaimModels
from pipeline.judging.claim_features import WORDING
from pipeline.judging.claim_model import Judge
from pipeline.judging.expected_overlap import Background
from pipeline.judging.lexical import LEXICAL_SURPLUS, SIGNALS
from pipeline.judging.verdict import BACKSTORY_FEATURES, DecisionRule
from pipeline.judging.verifier import Comparison
from tests.pipeline.little_story import TEXT

SCRIPT = Path(__file__).parents[3] / "runs" / "claim_verdict.py"
TRUE = (
    "Anna Reed kept the ferry.",
    "The boat was called the Patience.",
    "His watch had stopped at ten past four.",
    "Tom Hale lost his eel traps.",
    "Her father drowned in the March flood.",
    "At night he walked along the dyke with a lantern.",
)
FALSE = (
    "Anna Reed sold the windmill.",
    "The boat was called the Pequod.",
    "His boat had burnt in Cairo.",
    "Tom Hale bought two horses.",
    "Her father lived to be ninety.",
    "At night he danced in the castle with a duchess.",
)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    specification = importlib.util.spec_from_file_location("claim_verdict", SCRIPT)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["claim_verdict"] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a table of twins about four novels, and what ``prepare`` made of it."""
    folder = tmp_path_factory.mktemp("verdict")
    Background(SIGNALS, {}, np.array([1e-9]), np.zeros((2, len(SIGNALS))), {}).save(folder / "background.npz")
    lines = ["id,book_name,char,content,label,pair"]
    for book in ("North", "East", "South", "West"):
        (folder / f"{book}.txt").write_text(TEXT.replace("Low Water", f"{book} Water"), encoding="utf-8")
        for pair, twins in enumerate(zip(TRUE, FALSE, strict=True)):
            lines += [
                f"{book}{pair}{label},{book},,{text},{label},{pair}" for label, text in zip("10", twins, strict=True)
            ]
    (folder / "claims.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for part in (1, 2):
        flags = ["--claims", folder / "claims.csv", "--novels", folder, "--background", folder / "background.npz"]
        rest = ["--cache_dir", folder / "cache", "--part", f"{part}/2", "--out", folder / f"cases{part}.xz"]
        script.main(["prepare", *map(str, flags + rest)])
    return folder


def test_prepare_writes_every_claim_before_each_kind_of_evidence(script: ModuleType, folder: Path) -> None:
    lines = list(script._lines(f"{folder / 'cases1.xz'},{folder / 'cases2.xz'}"))
    assert len({line["id"] for line in lines}) == 48
    assert all(line["cases"]["right"]["sentences"] and not line["cases"]["none"]["sentences"] for line in lines)
    assert {line["book"] for line in script._lines(str(folder / "cases1.xz"))} == {"North", "South"}


def test_fit_writes_models_that_load_and_figures_of_all_systems(script: ModuleType, folder: Path) -> None:
    cases = f"{folder / 'cases1.xz'},{folder / 'cases2.xz'}"
    chance, said = np.random.default_rng(0), []
    for _ in script._lines(cases):
        for kind in script.KINDS:
            odds, alone = map(float, chance.normal(size=2))
            chances = {"supported": 0.5, "contradicted": 0.25, "not_stated": 0.25}
            said.append(Comparison(chances, odds, alone, {"evidence": 0.0 if kind == "none" else odds}))
    script.write_comparisons(folder / "said.npz", said)
    both = f"{cases}:{folder / 'said.npz'}"
    models = folder / "models"
    script.main(["fit", "--train", both, "--words", cases, "--dev", both, "--out", str(models)])
    assert set(ClaimModels.load(models).ensemble.names) == {*LEXICAL_SURPLUS, "reader_evidence", WORDING}
    shutil.copy(folder / "background.npz", models)
    judge = Judge.load(models, rule=DecisionRule())
    assert set(judge.pair_model.names) == {"reader_evidence", WORDING}
    assert judge.backstory_model.names == BACKSTORY_FEATURES
    figures = json.loads((models / "figures.json").read_text(encoding="utf-8"))
    assert figures["pairs"] == 24
    assert figures["figures"]["ensemble_no_evidence"]["auc"]["value"] == 0.5
    assert (figures["train_claims"], figures["lexical_claims"]) == (48, 48)
    assert set(figures["correlation_with_wording_within_labels"]) == {"alone", "claim_only"}
    assert sum(group["count"] for group in figures["calibration"]) == 48
