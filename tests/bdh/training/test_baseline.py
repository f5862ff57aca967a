"""The summary of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bdh.config import BDHConfig
from bdh.neuro.config import NeuroConfig
from bdh.training.baseline import RunDescription, baseline_page, write_baseline
from bdh.training.trainer import TrainConfig

HEALTH = {"active_x": 0.25, "active_y": 0.05, "state_norm": 1234.5}


def _records(*losses: tuple[float, float | None]) -> list[dict[str, Any]]:
    records = []
    for number, (loss, validation) in enumerate(losses, start=1):
        record: dict[str, Any] = {"step": 100 * number, "loss": loss, "tokens_per_second": 1000.0 * number, **HEALTH}
        if validation is not None:
            record |= {"val_loss": validation, "val_bits_per_byte": validation * 1.4427, "val_perplexity": 5.0}
        records.append(record)
    return records


SUBJECT = RunDescription(BDHConfig(), TrainConfig(batch_size=4, grad_accum=2), "play.txt", "CPU", processes=2)


def test_page_has_one_table_of_the_run() -> None:
    page = baseline_page(SUBJECT, _records((2.0, 1.9), (1.5, None), (1.0, 1.6)))
    for part in (
        "| parameters | 25,296,896 |",
        "| data | play.txt |",
        "| step | 16 x 512 tokens",
        "| steps | 300 (2,457,600 tokens) |",
        "| training loss | 1.0000 nats a token |",
        "| validation loss | 1.6000 nats a token (best, step 300) |",
        "| tokens per second | 2,000 (median) |",
        "| active neurons x | 25.00% |",
        "CPU, 2 processes",
        "still at its lowest",
    ):
        assert part in page


def test_page_names_the_step_of_overfitting() -> None:
    page = baseline_page(SUBJECT, _records((2.0, 1.9), (1.5, 1.6), (0.5, 2.1)))
    assert "lowest at step 200; from there it rises to 2.1000 at step 300" in page
    assert "training loss goes from 1.5000 to 0.5000" in page


def test_page_has_what_others_report() -> None:
    page = baseline_page(SUBJECT, _records((2.0, 1.9)))
    assert "| this run | see above | 1.9000 | 5.00 | 1,000 |" in page
    assert "official implementation" in page and "148,000" in page and "1.2365" in page


def test_page_of_a_run_without_validation_and_of_a_neuro_model() -> None:
    subject = RunDescription(NeuroConfig.published(65), TrainConfig(), "play.txt", "CPU")
    page = baseline_page(subject, [{**_records((2.0, None))[0], "gain": 1.25}])
    assert "neuro variant: 1 layers, width 32, 128 neurons" in page and "| mean gain | 1.250 |" in page
    assert "validation bits" not in page and "1 process |" in page


def test_page_is_written_completely(tmp_path: Path) -> None:
    path = write_baseline(tmp_path, SUBJECT, _records((2.0, 1.9)))
    assert path.read_text(encoding="utf-8") == baseline_page(SUBJECT, _records((2.0, 1.9)))
    assert [item.name for item in tmp_path.iterdir()] == ["baseline_metrics.md"]
