"""One training run in one folder: checkpoints, metrics and exact resume around the loop."""

import csv
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from bdh import checkpoint
from bdh.errors import CheckpointError
from bdh.evaluation import Evaluation
from bdh.tokenizer import BPETokenizer, ByteTokenizer
from bdh.training.loop import StepReport, Trainer

Evaluate = Callable[[], Evaluation]


@dataclass(frozen=True)
class Progress:
    """A step report, and the validation figures when this step was validated."""

    report: StepReport
    validation: Evaluation | None
    best: bool


class TrainingRun:
    """Drive ``trainer`` and keep ``folder``: ``last/`` (resumable), ``best/``, ``metrics.jsonl``, ``metrics.csv``."""

    def __init__(
        self, folder: Path, trainer: Trainer, tokenizer: ByteTokenizer | BPETokenizer, evaluate: Evaluate | None
    ) -> None:
        self.folder, self.trainer, self.tokenizer, self.evaluate = folder, trainer, tokenizer, evaluate
        self.best_loss = float("inf")
        self._records: list[dict[str, Any]] = []

    def resume(self) -> None:
        """Continue from ``last/``; raises CheckpointError when there is nothing to continue."""
        last = self.folder / "last"
        try:
            mapping = json.loads((last / "training.json").read_text(encoding="utf-8"))
            tensors = load_file(str(last / "training.safetensors"))
        except (OSError, ValueError, SafetensorError) as error:
            raise CheckpointError(f"{last} cannot be resumed ({error}); start again without --resume") from error
        weights = checkpoint.read_weights(last)
        self.trainer.model.load_state_dict(weights)
        self.trainer.load_state_dict(tensors, mapping["trainer"])
        self.best_loss = mapping["best_loss"] if mapping["best_loss"] is not None else float("inf")
        kept = self.trainer.step
        lines = (self.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        self._records = [record for record in map(json.loads, lines) if record["step"] <= kept]

    def run(self) -> Iterator[Progress]:
        """Train to the end; validate and save every ``eval_interval`` steps and at the end."""
        config = self.trainer.config
        validated = self.trainer.step
        for report in self.trainer.run():
            due = report.step - validated >= config.eval_interval or report.step >= config.max_iters
            validation, best = None, False
            if due:
                validated = report.step
                validation = self.evaluate() if self.evaluate is not None and self.trainer.world.writes else None
                best = validation is not None and validation.loss < self.best_loss
            self._record(report, validation)
            if due and self.trainer.world.writes:
                self._save(validation, best)
            yield Progress(report, validation, best)

    def _record(self, report: StepReport, validation: Evaluation | None) -> None:
        record: dict[str, Any] = report.to_dict()
        if validation is not None:
            record |= {"val_loss": validation.loss, "val_bits_per_byte": validation.bits_per_byte}
        self._records.append(record)

    def _save(self, validation: Evaluation | None, best: bool) -> None:
        model = self.trainer.model
        if best and validation is not None:
            self.best_loss = validation.loss
            checkpoint.save(self.folder / "best", model, self.tokenizer)
        last = checkpoint.save(self.folder / "last", model, self.tokenizer)
        tensors, mapping = self.trainer.state_dict()
        save_file(
            {name: value.cpu().contiguous() for name, value in tensors.items()},
            str(last / "training.safetensors.partial"),
        )
        os.replace(last / "training.safetensors.partial", last / "training.safetensors")
        best_loss = self.best_loss if self.best_loss != float("inf") else None
        _write(last / "training.json", json.dumps({"trainer": mapping, "best_loss": best_loss}))
        self._write_metrics()

    def _write_metrics(self) -> None:
        _write(self.folder / "metrics.jsonl", "".join(json.dumps(record) + "\n" for record in self._records))
        names = list(dict.fromkeys(name for record in self._records for name in record))
        with (self.folder / "metrics.csv.partial").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self._records)
        os.replace(self.folder / "metrics.csv.partial", self.folder / "metrics.csv")


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
