"""A run in its folder: models that load, and exact resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import bdh
from bdh.errors import CheckpointError, DataError
from bdh.evaluation import Evaluation, stream_losses, summarise
from bdh.model import BDH
from bdh.tokenizer import ByteTokenizer
from bdh.training.data import encode_documents
from bdh.training.distributed import World
from bdh.training.run import TrainingRun
from bdh.training.trainer import Trainer

ModelMaker = Callable[..., BDH]
TrainerMaker = Callable[..., Trainer]
HELD_OUT = "the ferryman did not run on sundays, he said, and he had never run at all."


def _run(folder: Path, trainer: Trainer) -> TrainingRun:
    held_out = encode_documents([HELD_OUT], ByteTokenizer())

    def evaluate() -> Evaluation:
        return summarise(stream_losses(trainer.model, held_out), held_out, ByteTokenizer().byte_lengths())

    return TrainingRun(folder, trainer, ByteTokenizer(), evaluate)


def _curve(run: TrainingRun) -> list[tuple[int, float, float, float | None, bool]]:
    return [
        (p.report.step, p.report.loss, p.report.grad_norm, p.validation.loss if p.validation else None, p.best)
        for p in run.run()
    ]


@pytest.mark.parametrize("carry", [False, True])
def test_losses_of_a_run_are_the_golden_ones(
    make_trainer: TrainerMaker, tmp_path: Path, golden: Callable[[str, Any], None], carry: bool
) -> None:
    names = ("step", "loss", "grad_norm", "val_loss", "best")
    curve = [dict(zip(names, row, strict=True)) for row in _curve(_run(tmp_path, make_trainer(carry)))]
    golden(f"losses_{'carried' if carry else 'windows'}.json", curve)


@pytest.mark.parametrize("carry", [False, True])
@pytest.mark.parametrize("stop", [4, 6, 12])
def test_resumed_run_equals_an_uninterrupted_one(
    make_trainer: TrainerMaker, tmp_path: Path, carry: bool, stop: int
) -> None:
    whole = _curve(_run(tmp_path / "whole", make_trainer(carry)))
    assert [step for step, *_ in whole] == [2, 4, 6, 8, 10, 12]
    stopped = _run(tmp_path / "stopped", make_trainer(carry))
    next(progress for progress in stopped.run() if progress.report.step == stop)
    resumed = _run(tmp_path / "stopped", make_trainer(carry))
    resumed.resume()
    saved = stop // 4 * 4
    assert resumed.trainer.step == saved
    assert _curve(resumed) == [row for row in whole if row[0] > saved]
    names = ("step", "loss", "lr", "grad_norm", "active_x", "state_norm", "val_loss")
    records = [
        [
            {name: json.loads(line).get(name) for name in names}
            for line in (path / "metrics.jsonl").read_text().splitlines()
        ]
        for path in (tmp_path / "whole", tmp_path / "stopped")
    ]
    assert records[0] == records[1] and len(records[0]) == 6


def test_run_leaves_models_that_load_and_no_partial_files(make_trainer: TrainerMaker, tmp_path: Path) -> None:
    trainer = make_trainer()
    best = [row for row in _curve(_run(tmp_path, trainer)) if row[-1]]
    assert best
    tokens = torch.arange(30)[None]
    assert torch.equal(bdh.load(tmp_path / "last")[0](tokens).logits, trainer.model.eval()(tokens).logits)
    assert bdh.load(tmp_path / "best")[0].config == trainer.model.config
    assert {path.name for path in tmp_path.iterdir()} == {"last", "best", "metrics.jsonl", "metrics.csv"}
    model = {"config.json", "tokenizer.json", "model.safetensors"}
    assert {path.name for path in (tmp_path / "best").iterdir()} == model
    assert {path.name for path in (tmp_path / "last").iterdir()} == model | {"training.safetensors"}
    header, *rows = (tmp_path / "metrics.csv").read_text(encoding="utf-8").splitlines()
    assert header.split(",")[:2] == ["step", "loss"] and "val_bits_per_byte" in header and len(rows) == 6


def test_weights_newer_than_the_training_state_do_not_affect_resuming(
    make_model: ModelMaker, make_trainer: TrainerMaker, tmp_path: Path
) -> None:
    """A run killed between its two files has a model newer than its training state, which has its own weights."""
    _curve(_run(tmp_path, make_trainer()))
    bdh.save(
        tmp_path / "last",
        make_model(seed=9, vocab_size=256, decay=(0.9, 0.99), learn_decay=True),
        ByteTokenizer(),
    )
    resumed = _run(tmp_path, make_trainer(max_iters=14))
    resumed.resume()
    assert not torch.equal(resumed.trainer.model.encoder, bdh.load(tmp_path / "last")[0].encoder)
    assert [step for step, *_ in _curve(resumed)] == [14]


def test_records_newer_than_the_training_state_are_dropped(make_trainer: TrainerMaker, tmp_path: Path) -> None:
    """A run killed between its two files has more records than place."""
    whole = _run(tmp_path, make_trainer())
    saved: list[bytes] = []
    for progress in whole.run():
        if progress.report.step == 6:
            saved.append((tmp_path / "last" / "training.safetensors").read_bytes())
    (tmp_path / "last" / "training.safetensors").write_bytes(saved[0])
    resumed = _run(tmp_path, make_trainer())
    resumed.resume()
    assert resumed.trainer.step == 4
    _curve(resumed)
    lines = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4, 6, 8, 10, 12]


def _damage(folder: Path, kind: str) -> None:
    last, place = folder / "last", folder / "last" / "training.safetensors"
    match kind:
        case "no run":
            for path in last.iterdir():
                path.unlink()
            last.rmdir()
        case "no place":
            place.unlink()
        case "a cut place":
            place.write_bytes(place.read_bytes()[:-100])
        case "a model for a place":
            place.write_bytes((last / "model.safetensors").read_bytes())
        case "no metrics":
            (folder / "metrics.jsonl").unlink()
        case "broken metrics":
            (folder / "metrics.jsonl").write_text("{")
        case "metrics of another kind":
            (folder / "metrics.jsonl").write_text('{"step": 2, "los": 1.5}\n')
        case "a place without words":
            save_file(load_file(place), place, {"format": "bdh-training-1"})
        case "a place with broken words":
            save_file(load_file(place), place, {"format": "bdh-training-1", "content": '{"trainer'})


@pytest.mark.parametrize(
    "kind",
    [
        "no run",
        "no place",
        "a cut place",
        "a model for a place",
        "a place without words",
        "a place with broken words",
        "no metrics",
        "broken metrics",
        "metrics of another kind",
    ],
)
def test_damaged_run_is_not_resumed(make_trainer: TrainerMaker, tmp_path: Path, kind: str) -> None:
    _curve(_run(tmp_path, make_trainer(max_iters=4)))
    _damage(tmp_path, kind)
    with pytest.raises(CheckpointError) as caught:
        _run(tmp_path, make_trainer(max_iters=6)).resume()
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_run_is_not_resumed_with_another_model(make_trainer: TrainerMaker, tmp_path: Path) -> None:
    _curve(_run(tmp_path, make_trainer(max_iters=4)))
    with pytest.raises(CheckpointError, match="resume with the flags of the run"):
        _run(tmp_path, make_trainer(sizes={"n_layer": 3})).resume()


@pytest.mark.parametrize(("carry", "rows"), [(True, 5), (False, 3)])
def test_run_is_not_resumed_on_other_batches(
    make_trainer: TrainerMaker, tmp_path: Path, carry: bool, rows: int
) -> None:
    _curve(_run(tmp_path, make_trainer(True, max_iters=4)))
    with pytest.raises(DataError, match="resume with"):
        _run(tmp_path, make_trainer(carry, batch_size=rows)).resume()


def test_run_of_several_processes_is_not_resumed_by_one(make_trainer: TrainerMaker, tmp_path: Path) -> None:
    _curve(_run(tmp_path, make_trainer(max_iters=4)))
    alone = _run(tmp_path, make_trainer(max_iters=6))
    alone.trainer.world = World(0, 2, torch.device("cpu"))
    with pytest.raises(CheckpointError, match="trained by 1 processes, now there are 2"):
        alone.resume()
