"""The training program: settings from a file, a source from questions, a folder that goes on after a stop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from bdh.errors import CheckpointError
from bdh.training.distributed import World
from bdh.training.verifier_trainer import VerifierTrainConfig
from bdh.verifier import ClaimVerifier, load_claim_verifier
from pipeline.config import ROOT
from pipeline.errors import SettingError, TableError
from pipeline.training.batches import Shapes
from pipeline.training.examples import PackConfig
from pipeline.training.program import ComparisonRun, ReaderTraining, begin_with, make_source, read_premises
from pipeline.training.question_files import SUFFIX, write_questions
from tests.pipeline.training.little_books import ROWS

SMALL = ReaderTraining(
    comparison=VerifierTrainConfig(max_iters=6, batch_size=2, log_interval=1, save_interval=2, warmup=1),
    shapes=Shapes(evidence=60, claim=90),
)


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    write_questions(tmp_path / "questions" / f"all{SUFFIX}", ROWS)
    return tmp_path / "questions"


def make_run(folder: Path, model: Path, questions: Path) -> ComparisonRun:
    torch.manual_seed(3)
    reader, tokenizer = begin_with(model, 0.1)
    source = make_source([questions], None, SMALL.packs, seed=3)
    world = World(0, 1, torch.device("cpu"))
    return ComparisonRun.make(folder, reader, tokenizer, source, SMALL, world, workers=0)


def settings_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_settings_are_those_of_the_file_and_else_the_defaults(tmp_path: Path) -> None:
    path = settings_file(
        tmp_path,
        "dropout = 0.2\n[comparison]\nlr = 2e-3\n[loss]\nwrong = 0.5\n[packs]\nrename = 0.0\n[shapes]\nclaim = 90\n",
    )
    found = ReaderTraining.load(path)
    assert (found.dropout, found.comparison.lr, found.comparison.loss.wrong) == (0.2, 2e-3, 0.5)
    assert (found.packs, found.shapes) == (PackConfig(rename=0.0), Shapes(claim=90))
    assert found.comparison.batch_size == VerifierTrainConfig().batch_size
    assert ReaderTraining.load(None) == ReaderTraining()


def test_published_settings_are_good_ones() -> None:
    assert ReaderTraining.load(ROOT / "runs" / "claim_reader.toml").comparison.max_iters > 0


@pytest.mark.parametrize(
    "text",
    [
        "[comparisons]\n",
        "[packs]\nnovels = 1.0\n",
        "[comparison]\nlr = 0\n",
        "[comparison]\nlr = 'much'\n",
        "[packs]\nnli = 2\n",
        "=",
        "[shapes]\nclaim = 1\n",
    ],
)
def test_settings_that_break_a_rule_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingError, match=r"settings\.toml") as caught:
        ReaderTraining.load(settings_file(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_premises_gather_what_was_said_of_them(tmp_path: Path) -> None:
    rows = [
        ("A dog.", "A cat.", "contradiction"),
        ("A sea.", "Water.", "entailment"),
        ("A dog.", "It is old.", "neutral"),
    ]
    path = tmp_path / "nli.jsonl"
    path.write_text(
        "\n".join(json.dumps(dict(zip(("premise", "hypothesis", "label"), row, strict=True))) for row in rows)
    )
    assert read_premises(path) == [
        ("A dog.", [("A cat.", "contradicted"), ("It is old.", "not_stated")]),
        ("A sea.", [("Water.", "supported")]),
    ]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"premise": "A", "hypothesis": "B", "label": "perhaps"}', '{"premise": "A"}']
)
def test_premises_that_are_no_nli_table_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "nli.jsonl"
    path.write_text(text)
    with pytest.raises(TableError, match="no NLI table"):
        read_premises(path)


def test_model_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="to begin with"):
        begin_with(tmp_path / "none", 0.1)


def test_stopped_training_goes_on_as_if_it_had_not_stopped(
    stand_in_reader: Path, questions: Path, tmp_path: Path
) -> None:
    whole = make_run(tmp_path / "whole", stand_in_reader, questions)
    expected = [report.losses for report in whole.run()]
    stopped = make_run(tmp_path / "stopped", stand_in_reader, questions)
    assert not stopped.has_begun
    next(report for report in stopped.run() if report.step == 3)
    resumed = make_run(tmp_path / "stopped", stand_in_reader, questions)
    assert resumed.has_begun
    resumed.resume()
    assert resumed.trainer.step == 2
    assert [report.losses for report in resumed.run()] == expected[2:]
    for name, weight in whole.trainer.model.named_parameters():
        assert torch.equal(weight, dict(resumed.trainer.model.named_parameters())[name]), name
    steps = [json.loads(line)["step"] for line in (tmp_path / "stopped" / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert {path.name for path in (tmp_path / "stopped").iterdir()} == {"last", "metrics.jsonl", "reader"}


def test_finished_reader_is_the_mean_of_the_weights(stand_in_reader: Path, questions: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "out", stand_in_reader, questions)
    list(run.run())
    loaded, _ = load_claim_verifier(tmp_path / "out" / "reader")
    mean = run.trainer.averaged_weights()
    for name, weight in loaded.named_parameters():
        assert torch.allclose(weight, mean[name], rtol=1e-2), name
    begun, _ = begin_with(tmp_path / "out" / "reader", 0.0)
    assert isinstance(begun, ClaimVerifier)
    assert torch.equal(begun.claim_head.alone.weight, loaded.claim_head.alone.weight)


def test_run_without_a_place_is_not_resumed(stand_in_reader: Path, questions: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        make_run(tmp_path / "out", stand_in_reader, questions).resume()
