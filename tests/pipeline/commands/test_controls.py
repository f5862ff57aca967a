"""``python -m pipeline controls``: a labelled table in, what each part contributes out, with the stand-in verifier."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from pipeline.cli import main
from pipeline.evaluation.ablations import SYSTEMS
from pipeline.evaluation.claim_only import ClaimOnlyModel
from pipeline.evaluation.expected_overlap import ExpectedOverlap
from pipeline.evaluation.lexical import LEXICAL_SURPLUS, SIGNALS
from pipeline.judging.logistic import LogisticModel
from pipeline.report.controls_view import table_lines
from pipeline.report.resources import read_schema
from tests.pipeline.command_line import Said, refused, run
from tests.pipeline.little_story import TEXT

COLUMNS = ["id", "book_name", "char", "content", "label", "pair"]
TRUE = ("Anna Reed kept the ferry at Low Water.", "Her father drowned in the March flood.", "The boat held a cow.")
FALSE = ("Anna Reed kept the windmill.", "Her father lived to be ninety.", "The boat held two pianos.")
CLAIMS = [
    (f"{place}{label}", "Low Water", "Anna Reed", text, label, str(place))
    for place, twins in enumerate(zip(TRUE, FALSE, strict=True))
    for label, text in zip("10", twins, strict=True)
]
OTHERS = [
    ("o1", "The Unlit Hour", "Hester Lanyon", "The boat was called the Kittiwake.", "1", ""),
    ("o2", "The Unlit Hour", "Hester Lanyon", "The boat was called the Pequod.", "0", ""),
]
BACKSTORIES = [
    (f"b{place}{label}", "Low Water", "Anna Reed", f"{TRUE[place % 3]} {text}", label, str(place))
    for place in range(4)
    for label, text in (("1", TRUE[(place + 1) % 3]), ("0", FALSE[(place + 1) % 3]))
]


def even(*names: str) -> LogisticModel:
    return LogisticModel(names, (0.0,) * len(names), (1.0,) * len(names), (0.1,) * len(names), 0.0)


@pytest.fixture(scope="module")
def asked(stand_in_reader: Path, two_chapters: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The flags of a good run, but for its table and output: two novels, models made by hand."""
    verdict, novels = tmp_path_factory.mktemp("verdict"), tmp_path_factory.mktemp("novels")
    ExpectedOverlap(SIGNALS, {}, np.array([1e-9]), np.zeros((2, len(SIGNALS))), {}).save(verdict / "background.npz")
    even(*LEXICAL_SURPLUS).save(verdict / "claim_lexical.json")
    words = ClaimOnlyModel({"windmill": (1.0, -1.0)}, 0.1, 0.5)
    (verdict / "claim_only.json").write_text(json.dumps(words.to_dict()), encoding="utf-8")
    (novels / "Low Water.txt").write_text(TEXT, encoding="utf-8")
    shutil.copy(two_chapters, novels)
    machine = ["--model_dir", str(stand_in_reader), "--device", "cpu", "--dtype", "fp32", "--threads", "1"]
    kept = ["--cache_dir", str(tmp_path_factory.mktemp("cache"))]
    return [*machine, *kept, "--verdict_dir", str(verdict), "--novels", str(novels)]


@pytest.fixture
def ask(asked: list[str], tmp_path: Path) -> Callable[..., Said]:
    """Return ``ask(flag, rows, *more)``, which runs the command on a table into ``tmp_path / "out"``."""

    def asking(flag: str, rows: Sequence[Sequence[str]], *more: object) -> Said:
        with (tmp_path / "table.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *rows])
        return run(main, "controls", flag, tmp_path / "table.csv", *asked, "--out_dir", tmp_path / "out", *more)

    return asking


def controls(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "out" / "controls.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_claims_are_judged_by_every_system_and_compared_with_the_first(ask: Any, tmp_path: Path) -> None:
    said = ask("--claims", [*CLAIMS, *OTHERS])
    assert said.status == 0
    found = controls(tmp_path)
    Draft202012Validator(read_schema("controls")).validate(found)
    assert list(found["systems"]) == list(SYSTEMS)
    assert (found["rows"], found["consistent"], found["books"], found["pairs"]) == (8, 4, 2, 3)
    assert found["interval"] == "95 %, bootstrap over pairs"
    systems = found["systems"]
    assert systems["full"]["first_minus_this"] == {}
    for name, one in systems.items():
        assert {"accuracy", "auc", "ranking", "ece"} <= set(one["figures"])
        if name != "full":
            lack = systems["full"]["figures"]["auc"]["value"] - one["figures"]["auc"]["value"]
            assert one["first_minus_this"]["auc"]["value"] == pytest.approx(lack)
    assert systems["majority"]["figures"]["auc"]["value"] == 0.5


def test_replaced_parts_change_what_is_answered(ask: Any, tmp_path: Path) -> None:
    ask("--claims", [*CLAIMS, *OTHERS])
    loss = {name: one["figures"]["log_loss"]["value"] for name, one in controls(tmp_path)["systems"].items()}
    assert len({loss[name] for name in ("full", "random_weights", "memory_emptied", "wrong_novel")}) == 4


@pytest.mark.slow
def test_backstories_are_fitted_and_judged_in_the_same_folds(ask: Any, tmp_path: Path) -> None:
    assert ask("--train_csv", BACKSTORIES, "--folds", 2, "--repeats", 2).status == 0
    found = controls(tmp_path)
    Draft202012Validator(read_schema("controls")).validate(found)
    assert (found["kind"], found["rows"], found["pairs"], found["interval"]) == (
        "backstories",
        8,
        4,
        "95 %, bootstrap over pairs",
    )
    assert set(found["systems"]) == set(SYSTEMS)


def test_table_and_plot_say_what_the_file_says(ask: Any, tmp_path: Path) -> None:
    said = ask("--claims", [*CLAIMS, *OTHERS])
    lines = table_lines(controls(tmp_path))
    assert (tmp_path / "out" / "controls.md").read_text(encoding="utf-8").splitlines() == lines
    assert said.out[: len(lines)] == lines
    drawing = ElementTree.fromstring((tmp_path / "out" / "controls.svg").read_text(encoding="utf-8"))
    svg = "{http://www.w3.org/2000/svg}"
    assert len(drawing.findall(f".//{svg}circle")) == 2 * len(SYSTEMS)
    written = {text.text for text in drawing.iter(f"{svg}text")}
    assert {"random weights", "memory emptied", "AUC", "true claim first"} <= written


def test_limit_keeps_the_first_novels(ask: Any, tmp_path: Path) -> None:
    ask("--claims", [*CLAIMS, *OTHERS], "--limit", 1)
    assert (controls(tmp_path)["rows"], controls(tmp_path)["books"]) == (6, 1)


def test_what_a_system_lacks_is_called_shown_only_where_its_interval_leaves_nought() -> None:
    def system(low: float, high: float) -> dict[str, Any]:
        figure = {"value": 0.6, "low": 0.5, "high": 0.7}
        lack = {"value": (low + high) / 2, "low": low, "high": high}
        return {"what": "x", "figures": {"auc": figure}, "first_minus_this": {"auc": lack}}

    content = {"rows": 9, "kind": "claims", "consistent": 4, "books": 2, "pairs": 0, "interval": "95 %"}
    systems = {"worse": system(0.1, 0.2), "same": system(-0.1, 0.2), "better": system(-0.2, -0.1)}
    lines = [line for line in table_lines({**content, "systems": systems}) if line.startswith("| ")][1:]
    said = [line.removesuffix(" |").split(": ")[-1] for line in lines]
    assert said == ["worse", "no difference shown", "better"]


@pytest.mark.parametrize("flags", [[], ["--claims", "a.csv", "--train_csv", "b.csv"]])
def test_one_table_is_needed_and_not_two(flags: list[str]) -> None:
    assert "either --claims or --train_csv" in refused(main, "controls", *flags)
