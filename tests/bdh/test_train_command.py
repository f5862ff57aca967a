"""Whole runs from the command line: lengths, resuming, what is printed and written, datasets by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import bdh
from bdh.cli import main
from bdh.curves import read_log
from bdh.training import datasets

TEXT = "the ferry did not run on sundays, and the ferryman did not run at all. " * 40
SIZES = ["--n_layer", "2", "--n_embd", "16", "--n_head", "2", "--mlp_internal_dim_multiplier", "4", "--device", "cpu"]
STEPS = ["--batch_size", "2", "--seq_len", "24", "--log_interval", "2", "--eval_interval", "4", "--sample_tokens", "0"]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "story.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def _records(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def test_epochs_count_the_steps(text: Path, tmp_path: Path) -> None:
    flags = ["--file", str(text), "--epochs", "0.5", "--grad_accum", "2", "--out", str(tmp_path)]
    assert main(["train", *flags, *SIZES, *STEPS]) == 0
    # 2,556 training tokens, 96 a step: half of the text ends in the 14th step.
    assert _records(tmp_path)[-1]["step"] == 14


def test_records_hold_health_and_validation(text: Path, tmp_path: Path) -> None:
    assert main(["train", "--data", str(text), "--max_iters", "4", "--out", str(tmp_path), *SIZES, *STEPS]) == 0
    first, last = _records(tmp_path)
    health = {"step", "loss", "lr", "grad_norm", "tokens_per_second", "active_x", "active_y", "state_norm"}
    assert set(first) == health
    assert set(last) == health | {"val_loss", "val_bits_per_byte", "val_perplexity"}


def test_run_is_resumed_without_its_flags(text: Path, tmp_path: Path) -> None:
    steady = ["--lr", "1e-3", "--min_lr", "1", "--warmup", "0", "--carry_state"]
    base = ["train", "--data", str(text), *SIZES, *STEPS, *steady]
    assert main([*base, "--out", str(tmp_path / "whole"), "--max_iters", "8"]) == 0
    assert main([*base, "--out", str(tmp_path / "parts"), "--max_iters", "4"]) == 0
    assert main(["train", "--resume", "--out", str(tmp_path / "parts"), "--max_iters", "8"]) == 0
    whole, parts = (bdh.load(tmp_path / name / "last")[0] for name in ("whole", "parts"))
    assert torch.equal(whole.encoder, parts.encoder)
    names = ("step", "loss", "val_loss", "state_norm")
    curves = [
        [{name: record.get(name) for name in names} for record in _records(tmp_path / run)]
        for run in ("whole", "parts")
    ]
    assert curves[0] == curves[1]


def test_configuration_file_trains(text: Path, tmp_path: Path) -> None:
    settings = f'data = "{text}"\nout = "{tmp_path / "run"}"\nmax_iters = 2\nn_layer = 1\nn = 64\nd = 16\nn_head = 2\n'
    (tmp_path / "config.toml").write_text(settings + 'decay = [0.9, 1.0]\ndevice = "cpu"\nsample-tokens = 0\n')
    flags = ["--batch_size", "2", "--seq_len", "24"]
    assert main(["train", "--config", str(tmp_path / "config.toml"), *flags]) == 0
    config = bdh.load_bdh(tmp_path / "run" / "best")[0].config
    assert (config.n_layer, config.n_embd, config.n_neurons_total, config.decay) == (1, 16, 64, (0.9, 1.0))


def test_redirected_output_is_a_log_that_can_be_drawn(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--data", str(text), "--max_iters", "6", "--out", str(tmp_path), *SIZES, *STEPS]) == 0
    (tmp_path / "train.log").write_text(capsys.readouterr().out, encoding="utf-8")
    curves = read_log(tmp_path / "train.log")
    assert curves["loss"].steps.tolist() == [2, 4, 6] and curves["val_loss"].steps.tolist() == [4, 6]
    records = _records(tmp_path)
    for name in ("loss", "active_x", "active_y", "state_norm"):
        assert curves[name].values == pytest.approx([record[name] for record in records], abs=6e-3)


def test_sample_goes_on_from_held_out_text(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--data", str(text), "--max_iters", "2", "--out", str(tmp_path), "--tokenizer", "characters"]
    assert main(["train", *flags, *SIZES, *STEPS, "--sample_tokens", "30"]) == 0
    sample = capsys.readouterr().out.split("sample after step 2:\n")[1]
    held_out = TEXT[int(len(TEXT) * 0.9) :]
    assert sample.startswith(held_out[:32]) and len(sample) == 32 + 30 + 1


def test_best_model_of_a_run_is_found_by_the_folder_of_the_run(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--data", str(text), "--max_iters", "4", "--out", str(tmp_path), *SIZES, *STEPS]) == 0
    shown = []
    for folder in (tmp_path, tmp_path / "best"):
        capsys.readouterr()
        assert main(["generate", "--checkpoint", str(folder), "--seed_text", "the", "--length", "9", "--d", "16"]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep small texts under the names of the datasets, as if they had been downloaded."""
    monkeypatch.setenv("BDH_CACHE_DIR", str(tmp_path))
    sources: dict[str, dict[str, datasets._Source]] = {}
    for name, splits in datasets._SOURCES.items():
        (tmp_path / "datasets" / name).mkdir(parents=True)
        for split, source in splits.items():
            sources.setdefault(name, {})[split] = datasets._Source(source.path)
            (tmp_path / "datasets" / name / Path(source.path).name).write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(datasets, "_SOURCES", sources)
    yield tmp_path


@pytest.mark.slow
def test_train_without_data_reads_tiny_shakespeare(kept: Path) -> None:
    """The small preset as it is: 25 million parameters, one step."""
    flags = ["--max_iters", "1", "--batch_size", "1", "--seq_len", "8", "--eval_tokens", "50", "--device", "cpu"]
    assert main(["train", "--out", str(kept / "run"), *flags, "--sample_tokens", "2"]) == 0
    page = (kept / "run" / "baseline_metrics.md").read_text(encoding="utf-8")
    assert "| data | tinyshakespeare |" in page and "| parameters | 25,296,896 |" in page
    assert "6 layers, width 256, 4 heads of 8,192 neurons" in page


def test_wikitext_run_and_its_evaluation(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--preset", "wikitext-2", "--epochs", "0.01", "--n_embd", "16", "--n_head", "2", "--device", "cpu"]
    assert main(["train", *flags, "--out", str(kept / "run"), "--sample_tokens", "0"]) == 0
    page = (kept / "run" / "baseline_metrics.md").read_text(encoding="utf-8")
    assert "| data | wikitext-2 |" in page and "8 x 128 tokens" in page and "2 layers, width 16" in page
    capsys.readouterr()
    measured = ["--model_path", str(kept / "run"), "--dataset", "wikitext-2", "--split", "test", "--device", "cpu"]
    assert main(["evaluate", *measured, "--max_chunks", "3", "--segment", "100", "--reset_every", "64"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["tokens"] == figures["reset"]["tokens"] == 300
    assert (figures["state"], figures["reset"]["state"], figures["reset"]["reset_every"]) == ("carried", "reset", 64)
    assert [stretch["start"] for stretch in figures["over_position"]] == [0, 64, 128, 256]
    assert [stretch["stop"] for stretch in figures["reset"]["over_position"]] == [64]
    beginning = [figures["over_position"][0], figures["reset"]["over_position"][0]]
    assert beginning[0]["loss"] != pytest.approx(beginning[1]["loss"], abs=1e-6)


def test_one_way_to_read_can_be_measured_alone(kept: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--data", str(text), "--max_iters", "2", "--out", str(kept / "r"), *SIZES, *STEPS]) == 0
    capsys.readouterr()
    for way in ("carried", "reset"):
        assert main(["evaluate", "--model", str(kept / "r"), "--text", str(text), "--state", way]) == 0
        figures = json.loads(capsys.readouterr().out)
        assert figures["state"] == way and "reset" not in figures and figures["perplexity"] > 1


def test_text_that_the_model_does_not_know_is_refused(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--data", str(text), "--max_iters", "2", "--out", str(tmp_path / "run"), "--tokenizer", "characters"]
    assert main(["train", *flags, *SIZES, *STEPS]) == 0
    (tmp_path / "other.txt").write_text("ÜBER", encoding="utf-8")
    words = ["generate", "--model", str(tmp_path / "run"), "--seed_text", "the", "--file", str(tmp_path / "other.txt")]
    assert main(words) == 2
    assert "outside the vocabulary" in capsys.readouterr().err
