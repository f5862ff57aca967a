"""``python -m pipeline train-reader`` on the bundled novel: prepared, taught, interrupted, resumed, refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from bdh.verifier import load_claim_verifier
from pipeline.cli import main
from pipeline.config import ROOT
from pipeline.training.program import VerifierRun
from tests.pipeline.command_line import Said, refused, run

TABLE = """\
id,book_name,char,content,label
0,The Unlit Hour,Hester Lanyon,The boat was called the Kittiwake.,1
1,The Unlit Hour,Hester Lanyon,The boat was called the Pequod.,0
"""
SETTINGS = """\
[verifier]
max_iters = 4
batch_size = 2
log_interval = 1
save_interval = 2
warmup = 1
[shapes]
evidence = 60
claim = 90
"""
SMALL_MODEL = """
[language_model]
n_layer = 2
n_embd = 16
n_head = 2
mlp_internal_dim_multiplier = 4
tokenizer = "bytes"
batch_size = 2
seq_len = 24
max_iters = 2
log_interval = 1
eval_interval = 2
sample_tokens = 0
"""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the bundled novel, a table of claims and settings for a small training."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "novels").mkdir()
    shutil.copy(ROOT / "novels" / "The Unlit Hour.txt", folder / "novels")
    (folder / "claims.csv").write_text(TABLE, encoding="utf-8")
    (folder / "settings.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "whole.toml").write_text(SETTINGS + SMALL_MODEL, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def words(inputs: Path, stand_in_reader: Path) -> list[object]:
    places = ["--novels", inputs / "novels", "--claims", inputs / "claims.csv", "--init", stand_in_reader]
    return ["train-reader", *places, "--settings", inputs / "settings.toml", "--workers", 0, "--device", "cpu"]


@pytest.fixture(scope="module")
def whole(words: list[object], tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, Path]:
    """Return what an uninterrupted training said, and its folder."""
    out = tmp_path_factory.mktemp("whole") / "out"
    return run(main, *words, "--out", out), out


def test_training_leaves_a_reader_its_settings_and_its_examples(whole: tuple[Said, Path]) -> None:
    said, out = whole
    assert said.status == 0
    assert {path.name for path in out.iterdir()} == {"examples", "last", "metrics.jsonl", "settings.json", "reader"}
    assert json.loads((out / "settings.json").read_text())["verifier"]["max_iters"] == 4
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 4
    assert any("1 books, 1 pairs of claims" in line for line in said.out)
    load_claim_verifier(out / "reader")


def test_interrupted_training_goes_on_with_resume(
    words: list[object], whole: tuple[Said, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = VerifierRun._save_state

    def break_off(self: VerifierRun) -> None:
        keep(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(VerifierRun, "_save_state", break_off)
    assert run(main, *words, "--out", tmp_path / "out").status == 130
    monkeypatch.undo()
    assert not (tmp_path / "out" / "reader").exists()
    assert run(main, *words, "--out", tmp_path / "out", "--resume").status == 0
    readers = [load_claim_verifier(folder / "reader")[0] for folder in (whole[1], tmp_path / "out")]
    first, second = (reader.state_dict() for reader in readers)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_training_that_was_interrupted_before_its_first_place_begins_anew(
    words: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(main, *words, "--out", tmp_path / "out", "--prepare_only").status == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"examples"}
    assert run(main, *words, "--out", tmp_path / "out", "--resume", "--max_iters", 1).status == 0
    assert (tmp_path / "out" / "reader").is_dir()


def test_prepared_examples_replace_the_novels(
    words: list[object], whole: tuple[Said, Path], inputs: Path, stand_in_reader: Path, tmp_path: Path
) -> None:
    places = ["--examples", whole[1] / "examples", "--init", stand_in_reader, "--settings", inputs / "settings.toml"]
    said = run(main, "train-reader", *places, "--workers", 0, "--device", "cpu", "--out", tmp_path / "out")
    assert said.status == 0 and not (tmp_path / "out" / "examples").exists()
    assert load_claim_verifier(tmp_path / "out" / "reader")[0].state_dict().keys()


def test_without_a_model_one_is_trained_on_the_novels(inputs: Path, tmp_path: Path) -> None:
    flags = ["--settings", inputs / "whole.toml", "--workers", 0, "--device", "cpu", "--max_iters", 1]
    words = ["train-reader", "--novels", inputs / "novels", *flags, "--out", tmp_path / "out"]
    assert run(main, *words).status == 0
    reader, _ = load_claim_verifier(tmp_path / "out" / "reader")
    assert reader.model.config.n_embd == 16
    assert "already contains a training" in refused(main, *words)
    assert run(main, *words, "--resume").status == 0


def test_folder_in_use_is_refused_without_resume(words: list[object], whole: tuple[Said, Path]) -> None:
    assert "add --resume" in refused(main, *words, "--out", whole[1])


def test_nothing_to_learn_from_is_an_error(tmp_path: Path, stand_in_reader: Path) -> None:
    assert "--novels" in refused(main, "train-reader", "--out", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    line = refused(main, "train-reader", "--novels", tmp_path / "empty", "--out", tmp_path / "out")
    assert "empty" in line


def test_no_model_and_no_novels_is_an_error(whole: tuple[Said, Path], tmp_path: Path) -> None:
    line = refused(main, "train-reader", "--examples", whole[1] / "examples", "--out", tmp_path / "out")
    assert "--init" in line


def test_damaged_examples_are_an_error(words: list[object], whole: tuple[Said, Path], tmp_path: Path) -> None:
    shutil.copytree(whole[1] / "examples", tmp_path / "out" / "examples")
    (path,) = (tmp_path / "out" / "examples").iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    assert "prepare it again" in refused(main, *words, "--out", tmp_path / "out")


def test_claims_without_pairs_are_an_error(words: list[object], tmp_path: Path) -> None:
    table = tmp_path / "claims.csv"
    table.write_text(TABLE.replace("\n0,", "\nx0,").replace("\n1,", "\nx1,"), encoding="utf-8")
    assert "has no pair" in refused(main, *words, "--claims", table, "--out", tmp_path / "out")


def test_settings_with_unknown_names_are_an_error(words: list[object], tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("[verifier]\nlearning_rate = 1.0\n", encoding="utf-8")
    assert "learning_rate" in refused(main, *words, "--settings", settings, "--out", tmp_path / "out")


def test_model_that_is_not_there_is_an_error(words: list[object], tmp_path: Path) -> None:
    line = refused(main, *words, "--init", tmp_path / "none", "--out", tmp_path / "out")
    assert "given to --init" in line


def test_damaged_place_is_an_error(words: list[object], whole: tuple[Said, Path], tmp_path: Path) -> None:
    shutil.copytree(whole[1], tmp_path / "out")
    place = tmp_path / "out" / "last" / "verifier.safetensors"
    place.write_bytes(place.read_bytes()[:-50])
    assert "verifier.safetensors" in refused(main, *words, "--out", tmp_path / "out", "--resume")
