"""The training program: settings from a file, a source from examples, a folder that a stopped training resumes from."""

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
from pipeline.training.example_files import SUFFIX, write_examples
from pipeline.training.examples import ExampleConfig, ExampleSource
from pipeline.training.plain_claims import PlainSource
from pipeline.training.program import VerifierRun, VerifierTraining, load_initial_verifier, make_source, read_premises
from tests.pipeline.training.little_books import BOOKS
from tests.pipeline.training.little_claims import CLAIMS

SMALL = VerifierTraining(
    verifier=VerifierTrainConfig(max_iters=6, batch_size=2, log_interval=1, save_interval=2, warmup=1),
    shapes=Shapes(evidence=60, claim=90),
)


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    write_examples(tmp_path / "examples" / f"all{SUFFIX}", BOOKS)
    return tmp_path / "examples"


def make_run(folder: Path, model: Path, examples: Path) -> VerifierRun:
    torch.manual_seed(3)
    reader, tokenizer = load_initial_verifier(model, 0.1)
    source = make_source([examples], None, SMALL.examples, seed=3)
    world = World(0, 1, torch.device("cpu"))
    return VerifierRun.make(folder, reader, tokenizer, source, SMALL, world, workers=0)


def settings_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_settings_are_those_of_the_file_and_else_the_defaults(tmp_path: Path) -> None:
    path = settings_file(
        tmp_path,
        "dropout = 0.2\n[verifier]\nlr = 2e-3\n[loss]\nwrong = 0.5\n[examples]\nrename = 0.0\n[shapes]\nclaim = 90\n",
    )
    found = VerifierTraining.load(path)
    assert (found.dropout, found.verifier.lr, found.verifier.loss.wrong) == (0.2, 2e-3, 0.5)
    assert (found.examples, found.shapes) == (ExampleConfig(rename=0.0), Shapes(claim=90))
    assert found.verifier.batch_size == VerifierTrainConfig().batch_size
    assert VerifierTraining.load(None) == VerifierTraining()


def test_published_settings_are_valid() -> None:
    assert VerifierTraining.load(ROOT / "runs" / "claim_reader.toml").verifier.max_iters > 0


@pytest.mark.parametrize(
    "text",
    [
        "[verifiers]\n",
        "[examples]\nnovels = 1.0\n",
        "[verifier]\nlr = 0\n",
        "[verifier]\nlr = 'much'\n",
        "[examples]\nnli = 2\n",
        "=",
        "[shapes]\nclaim = 1\n",
    ],
)
def test_settings_that_are_not_valid_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingError, match=r"settings\.toml") as caught:
        VerifierTraining.load(settings_file(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_premises_have_their_labelled_hypotheses(tmp_path: Path) -> None:
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
def test_premises_that_are_not_an_nli_table_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "nli.jsonl"
    path.write_text(text)
    with pytest.raises(TableError, match="not an NLI table"):
        read_premises(path)


def test_prepared_plain_claims_are_a_source_of_their_own(tmp_path: Path) -> None:
    write_examples(tmp_path / f"all{SUFFIX}", CLAIMS)
    source = make_source([tmp_path], None, ExampleConfig(), seed=3)
    assert isinstance(source, PlainSource) and [book.title for book in source.books] == ["Mill", "Ferry"]
    write_examples(tmp_path / f"all{SUFFIX}", BOOKS)
    assert isinstance(make_source([tmp_path], None, ExampleConfig(), seed=3), ExampleSource)


def test_verifier_is_trained_on_plain_claims(stand_in_reader: Path, tmp_path: Path) -> None:
    write_examples(tmp_path / "examples" / f"all{SUFFIX}", CLAIMS)
    losses = [
        [report.losses for report in make_run(tmp_path / name, stand_in_reader, tmp_path / "examples").run()]
        for name in ("one", "two")
    ]
    assert losses[0] == losses[1] and len(losses[0]) == 6
    load_claim_verifier(tmp_path / "one" / "reader")


def test_model_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--init"):
        load_initial_verifier(tmp_path / "none", 0.1)


def test_stopped_training_resumes_as_if_it_had_not_stopped(
    stand_in_reader: Path, examples: Path, tmp_path: Path
) -> None:
    whole = make_run(tmp_path / "whole", stand_in_reader, examples)
    expected = [report.losses for report in whole.run()]
    stopped = make_run(tmp_path / "stopped", stand_in_reader, examples)
    assert not stopped.can_resume
    next(report for report in stopped.run() if report.step == 3)
    resumed = make_run(tmp_path / "stopped", stand_in_reader, examples)
    assert resumed.can_resume
    resumed.resume()
    assert resumed.trainer.step == 2
    assert [report.losses for report in resumed.run()] == expected[2:]
    for name, weight in whole.trainer.model.named_parameters():
        assert torch.equal(weight, dict(resumed.trainer.model.named_parameters())[name]), name
    steps = [json.loads(line)["step"] for line in (tmp_path / "stopped" / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert {path.name for path in (tmp_path / "stopped").iterdir()} == {"last", "metrics.jsonl", "reader"}


def test_finished_verifier_has_the_averaged_weights(stand_in_reader: Path, examples: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "out", stand_in_reader, examples)
    list(run.run())
    loaded, _ = load_claim_verifier(tmp_path / "out" / "reader")
    mean = run.trainer.averaged_weights()
    for name, weight in loaded.named_parameters():
        assert torch.allclose(weight, mean[name], rtol=1e-2), name
    begun, _ = load_initial_verifier(tmp_path / "out" / "reader", 0.0)
    assert isinstance(begun, ClaimVerifier)
    assert torch.equal(begun.claim_head.alone.weight, loaded.claim_head.alone.weight)


def test_run_without_a_saved_state_is_not_resumed(stand_in_reader: Path, examples: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        make_run(tmp_path / "out", stand_in_reader, examples).resume()
