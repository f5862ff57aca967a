"""``python -m pipeline evaluate-claims``: claims in, predictions and those of ablations out, with a simple verifier."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from pipeline.cli import main
from pipeline.commands import judge_claims
from pipeline.evaluation.claim_only import ClaimOnlyModel
from pipeline.evaluation.expected_overlap import ExpectedOverlap
from pipeline.evaluation.lexical import LEXICAL_SURPLUS, SIGNALS
from pipeline.judging.logistic import LogisticModel
from pipeline.judging.verifier import BDHVerifier, VerifierInput, VerifierOutput
from pipeline.report.resources import read_schema
from tests.pipeline.command_line import Said, refused, run
from tests.pipeline.little_story import TEXT

COLUMNS = ["id", "book_name", "char", "caption", "content", "label", "pair"]
NEEDED = ["probability", "probability_no_evidence", "probability_wrong_novel", "probability_lexical"]
HEADER = ["id", "label", *NEEDED, "probability_claim_only"]
ROWS = [
    ("b", "The Unlit Hour", "Hester Lanyon", "The boat was called the Kittiwake.", "consistent", "1"),
    ("a", "low_water", "Anna Reed", "Anna Reed kept the ferry at Low Water.", "1", "1"),
    ("c", "Low Water", "Anna Reed", "Anna Reed kept the windmill at Low Water.", "contradict", "1"),
    ("d", "The Unlit Hour", "Captain Ahab", "The boat was called the Pequod.", "0", "1"),
    ("e", "Low Water", "", "The watch had stopped at ten past four.", "consistent", ""),
]
Rows = Sequence[Sequence[str]]


class WordCounter:
    """A verifier that counts which of the claim's words are in the evidence, and how often it was asked."""

    identity = weights_sha256 = "word counter"

    def __init__(self) -> None:
        self.asked = 0

    def verify(
        self, questions: Sequence[VerifierInput], *, on_progress: Callable[[int], object] = lambda done: None
    ) -> list[VerifierOutput]:
        self.asked += len(questions)
        on_progress(len(questions))
        return [self._one(question) for question in questions]

    def _one(self, question: VerifierInput) -> VerifierOutput:
        words, seen = set(question.claim.split()), set(" ".join(question.sentences).split())
        share = len(words & seen) / len(words)
        supported = 0.8 * share
        return VerifierOutput({"supported": supported, "contradicted": 0.1, "not_stated": 0.9 - supported})


def write_table(path: Path, rows: Rows, *, columns: Sequence[str] = COLUMNS) -> Path:
    cells = [dict(zip([*COLUMNS[:3], "content", "label", "pair"], row, strict=True)) for row in rows]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore", restval="")
        table.writeheader()
        table.writerows(cells)
    return path


def even(*names: str, weight: float = 1.0) -> LogisticModel:
    return LogisticModel(names, (0.0,) * len(names), (1.0,) * len(names), (weight,) * len(names), 0.0)


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of models made by hand."""
    folder = tmp_path_factory.mktemp("verdict")
    ExpectedOverlap(SIGNALS, {}, np.array([1e-9]), np.zeros((2, len(SIGNALS))), {}).save(folder / "background.npz")
    even(*LEXICAL_SURPLUS, "reader_share", "reader_alone", weight=0.01).save(folder / "claim.json")
    even(*LEXICAL_SURPLUS, weight=0.01).save(folder / "claim_lexical.json")
    even("reader_share").save(folder / "pair.json")
    even("log_odds_mean").save(folder / "backstory.json")
    words = ClaimOnlyModel({"windmill": (1.0, -1.0)}, 0.1, 0.5)
    (folder / "claim_only.json").write_text(json.dumps(words.to_dict()), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def novels(two_chapters: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("novels")
    (folder / "Low Water.txt").write_text(TEXT, encoding="utf-8")
    shutil.copy(two_chapters, folder)
    return folder


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> WordCounter:
    counter = WordCounter()
    monkeypatch.setattr(BDHVerifier, "load", lambda *args, **settings: counter)
    return counter


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def ask(
    reader: WordCounter, stand_in_reader: Path, verdict: Path, novels: Path, kept: Path, tmp_path: Path
) -> Callable[..., Said]:
    """Return ``ask(rows, *flags)``, which runs the command on a table into ``tmp_path / "out"``."""

    def asked(rows: Rows = ROWS, *flags: object, columns: Sequence[str] = COLUMNS) -> Said:
        table = write_table(tmp_path / "claims.csv", rows, columns=columns)
        machine = ["--model_dir", stand_in_reader, "--device", "cpu", "--dtype", "fp32"]
        places = ["--claims", table, "--novels", novels, "--out_dir", tmp_path / "out", "--cache_dir", kept]
        return run(main, "evaluate-claims", *places, "--verdict_dir", verdict, *machine, *flags)

    return asked


def predictions(tmp_path: Path) -> list[dict[str, str]]:
    text = (tmp_path / "out" / "claim_predictions.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def metrics(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "out" / "claim_metrics.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_predictions_have_one_row_a_claim_in_the_order_of_the_table(ask: Any, tmp_path: Path) -> None:
    assert ask().status == 0
    rows = predictions(tmp_path)
    assert [row["id"] for row in rows] == ["b", "a", "c", "d", "e"]
    assert list(rows[0])[: len(HEADER)] == HEADER
    assert all(0 <= float(row[name]) <= 1 for row in rows for name in rows[0] if name.startswith("probability"))
    assert {row["label"] for row in rows} <= {"consistent", "inconsistent"}


def test_answers_before_no_evidence_are_one_and_the_same(ask: Any, tmp_path: Path) -> None:
    ask()
    assert len({row["probability_no_evidence"] for row in predictions(tmp_path)}) == 1


def test_the_right_novel_speaks_for_a_claim_more_than_the_wrong_one(ask: Any, tmp_path: Path) -> None:
    ask()
    true = next(row for row in predictions(tmp_path) if row["id"] == "a")
    assert float(true["probability"]) > float(true["probability_wrong_novel"])


def test_a_table_without_labels_gets_the_same_predictions(ask: Any, tmp_path: Path) -> None:
    ask()
    labelled = predictions(tmp_path)
    said = ask(ROWS, columns=COLUMNS[:5])
    assert said.status == 0
    assert predictions(tmp_path) == labelled
    assert "figures" not in metrics(tmp_path)
    assert any("no labels" in line for line in said.out)


def test_metrics_fit_their_schema_and_hold_every_system_and_difference(ask: Any, tmp_path: Path) -> None:
    ask()
    found = metrics(tmp_path)
    Draft202012Validator(read_schema("claim_metrics")).validate(found)
    assert set(found["figures"]) >= {"verdict", "no_evidence", "wrong_novel", "lexical", "claim_only", "majority"}
    assert set(found["differences"]) == {
        "verdict_minus_lexical",
        "verdict_minus_no_evidence",
        "verdict_minus_wrong_novel",
    }
    assert (found["rows"], found["pairs"], found["books"], found["characters_not_found"]) == (5, 2, 2, 1)
    assert found["figures"]["no_evidence"]["ranking"]["value"] == 0.5


def test_without_pairs_only_what_needs_none_is_measured(ask: Any, tmp_path: Path) -> None:
    ask(ROWS, columns=COLUMNS[:6])
    assert set(metrics(tmp_path)["figures"]["verdict"]) == {"accuracy", "auc"}


def test_pairs_that_are_no_twins_are_left_out_and_counted(ask: Any, tmp_path: Path) -> None:
    said = ask([*ROWS, ("f", "Low Water", "", "Tom Hale never paid.", "1", "9")])
    assert metrics(tmp_path)["pairs_left_out"] == 1
    assert any("left out" in line for line in said.out)


def test_a_second_run_asks_the_reader_nothing_and_says_the_same(ask: Any, reader: WordCounter, tmp_path: Path) -> None:
    ask()
    first, asked = predictions(tmp_path), reader.asked
    ask()
    assert (predictions(tmp_path), reader.asked) == (first, asked)


def test_limit_keeps_the_first_novels_and_what_is_wrong_for_them(ask: Any, tmp_path: Path) -> None:
    ask()
    whole = {row["id"]: row for row in predictions(tmp_path)}
    ask(ROWS, "--limit", 1)
    assert predictions(tmp_path) == [whole["b"], whole["d"]]


def test_one_novel_has_the_bundled_story_for_a_wrong_one(ask: Any, tmp_path: Path) -> None:
    said = ask([row for row in ROWS if row[1] != "The Unlit Hour"])
    assert any("bundled story" in line for line in said.err)
    assert all(row["probability_wrong_novel"] for row in predictions(tmp_path))


def test_without_any_second_novel_the_column_is_empty_and_said(
    ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge_claims, "SPARE_NOVEL", tmp_path / "nothing.txt")
    said = ask([row for row in ROWS if row[1] != "The Unlit Hour"])
    assert any("a second novel to be the wrong one is missing" in line for line in said.err)
    assert all(row["probability_wrong_novel"] == "" for row in predictions(tmp_path))
    assert "wrong_novel" not in metrics(tmp_path)["figures"]


def test_blind_predictions_are_compared_with(ask: Any, tmp_path: Path) -> None:
    blind = tmp_path / "blind.csv"
    blind.write_text("id,label,probability\n" + "".join(f"{row[0]},consistent,0.5\n" for row in ROWS), "utf-8")
    ask(ROWS, "--blind_predictions", blind)
    assert "verdict_minus_blind" in metrics(tmp_path)["differences"]


def test_settings_of_the_command_come_from_a_file(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("limit = 1\n", encoding="utf-8")
    ask(ROWS, "--config", tmp_path / "settings.toml")
    assert [row["id"] for row in predictions(tmp_path)] == ["b", "d"]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ([], "--claims is missing"),
        (["--claims", "none.csv"], "none.csv cannot be read"),
        (["--limit", "many"], "invalid int value"),
    ],
)
def test_a_wrong_flag_is_one_clear_line(flags: list[str], says: str) -> None:
    assert says in refused(main, "evaluate-claims", *flags)


def test_a_negative_limit_or_a_missing_novel_or_model_is_one_clear_line(
    ask: Any, tmp_path: Path, verdict: Path
) -> None:
    assert "limit is -1" in ask(ROWS, "--limit", -1).error
    assert "no novel 'Moby'" in ask([("x", "Moby", "", "A whale.", "", "")]).error
    assert "claim_lexical.json" in ask(ROWS, "--verdict_dir", tmp_path).error
