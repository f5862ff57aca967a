"""The script that fits the model of backstories runs from claims to a model that the judge reads."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pipeline.config import ROOT
from pipeline.evaluation.baselines import READERS
from pipeline.evaluation.claim_only import ClaimOnlyModel
from pipeline.judging.expected_overlap import Background
from pipeline.judging.lexical import LEXICAL_SURPLUS, SIGNALS
from pipeline.judging.logistic import LogisticModel
from pipeline.judging.verdict import BACKSTORY_FEATURES
from tests.pipeline.little_story import TEXT

SCRIPT = ROOT / "runs" / "backstory_verdict.py"
TRUE = ("Anna kept the ferry.", "Her boat was the Patience.", "Her father drowned.", "Anna dried a letter.")
FALSE = ("Anna kept a windmill.", "Her boat was the Pequod.", "Her father lived to be ninety.", "Anna burnt a letter.")
BOOKS = ("North", "East", "South", "West")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    specification = importlib.util.spec_from_file_location("backstory_verdict", SCRIPT)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["backstory_verdict"] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(script: ModuleType, stand_in_reader: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with four novels, backstories made of claims about them, and what the stand-in says of those."""
    folder = tmp_path_factory.mktemp("backstories")
    claims, details = ["id,book_name,char,content,label"], ["id,pair,scope,source_chapters"]
    for book in BOOKS:
        (folder / f"{book}.txt").write_text(TEXT.replace("Low Water", f"{book} Water"), encoding="utf-8")
        for pair, twins in enumerate(zip(TRUE, FALSE, strict=True)):
            for label, text in zip(("consistent", "contradict"), twins, strict=True):
                claims.append(f"{book}{pair}{label},{book},Anna Reed,{text},{label}")
                details.append(f"{book}{pair}{label},{book}{pair},single,{4 - pair}")
    (folder / "claims.csv").write_text("\n".join(claims) + "\n", encoding="utf-8")
    (folder / "details.csv").write_text("\n".join(details) + "\n", encoding="utf-8")
    (folder / "three.txt").write_text("North\nEast\nSouth\n", encoding="utf-8")
    flags = ["--claims", folder / "claims.csv", "--details", folder / "details.csv", "--out", folder / "made.csv"]
    script.main(["make", *map(str, flags)])
    Background(SIGNALS, {}, np.array([1e-9]), np.zeros((2, len(SIGNALS))), {}).save(folder / "background.npz")
    flags = ["--table", folder / "made.csv", "--novels", folder, "--background", folder / "background.npz"]
    script.main(["prepare", *map(str, [*flags, "--cache_dir", folder / "cache", "--out", folder / "cases.xz"])])
    flags = ["--cases", folder / "cases.xz", "--model", stand_in_reader, "--device", "cpu", "--out", folder / "told.xz"]
    script.main(["compare", *map(str, [*flags, "--threads", 1])])
    return folder


def test_make_joins_claims_and_replaces_one_of_them(folder: Path) -> None:
    with (folder / "made.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(BOOKS)
    for true, false in zip(rows[::2], rows[1::2], strict=True):
        assert true["pair"] == false["pair"] and (true["label"], false["label"]) == ("consistent", "contradict")
        own, other = (set(row["content"].replace(". ", ".|").split("|")) for row in (true, false))
        assert own <= set(TRUE) and len(own - other) == 1 and (other - own) <= set(FALSE)


def test_prepare_keeps_to_the_novels_named(script: ModuleType, folder: Path) -> None:
    flags = ["--table", folder / "made.csv", "--novels", folder, "--background", folder / "background.npz"]
    rest = ["--cache_dir", folder / "cache", "--unseen", folder / "three.txt", "--right_only"]
    script.main(["prepare", *map(str, [*flags, *rest, "--out", folder / "few.xz"])])
    lines = list(script._lines(folder / "few.xz"))
    assert {line["book"] for line in lines} == {"North", "East", "South"}
    assert all(set(line["cases"]) == {"right", "none"} for line in lines)


def test_fit_writes_a_model_of_backstories_and_figures_of_all_systems(script: ModuleType, folder: Path) -> None:
    def even(*names: str) -> LogisticModel:
        return LogisticModel(names, (0.0,) * len(names), (1.0,) * len(names), (0.1,) * len(names), 0.0)

    models = folder / "models"
    even(*LEXICAL_SURPLUS, "reader_odds").save(models / "claim.json")
    even(*LEXICAL_SURPLUS).save(models / "claim_lexical.json")
    for name in READERS.values():
        even("log_odds").save(models / f"claim_{name}.json")
    words = ClaimOnlyModel({"windmill": (1.0, -1.0)}, 0.1, 0.5)
    (models / "claim_only.json").write_text(json.dumps(words.to_dict()), encoding="utf-8")
    table = f"{folder / 'made.csv'}:{folder / 'told.xz'}"
    script.main(["fit", "--train", table, "--dev", table, "--out", str(models)])
    assert LogisticModel.load(models / "backstory.json").names == BACKSTORY_FEATURES
    found = json.loads((models / "backstory_figures.json").read_text(encoding="utf-8"))
    assert (found["backstories"], found["books"], found["pairs"]) == (8, 4, 4)
    assert {"ensemble", "no_evidence", "wrong_novel", "words", "claim_only", "base_rate"} <= set(found["systems"])
    assert found["systems"]["no_evidence"]["figures"]["ranking"]["value"] == 0.5
