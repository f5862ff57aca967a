"""One training run in one folder: checkpoints, metrics and exact resume around the loop."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TextIO

from safetensors import safe_open
from torch import Tensor

from bdh import checkpoint
from bdh.errors import CheckpointError
from bdh.evaluation import Evaluation
from bdh.files import replacing
from bdh.tokenizer import Tokenizer
from bdh.training.distributed import wait_for_all
from bdh.training.trainer import StepReport, Trainer

Evaluate = Callable[[], Evaluation]
"""Called by every process of a run; returns the same metrics to each."""
_FORMAT = "bdh-training-1"
_TRAINING = "training.safetensors"
_WEIGHT = "weights."
_MEMORY = "memory"
_REPORTED = {item.name for item in fields(StepReport) if item.default is MISSING}
_VALIDATED = ("val_loss", "val_bits_per_byte", "val_perplexity")


@dataclass(frozen=True)
class Progress:
    """A step report, and the validation metrics if this step was validated."""

    report: StepReport
    validation: Evaluation | None
    best: bool


class TrainingRun:
    """Run ``trainer`` and write ``folder``: ``last/`` (resumable), ``best/``, ``metrics.jsonl``, ``metrics.csv``."""

    def __init__(self, folder: Path, trainer: Trainer, tokenizer: Tokenizer, evaluate: Evaluate | None) -> None:
        self.folder, self.trainer, self.tokenizer, self.evaluate = folder, trainer, tokenizer, evaluate
        self.best_loss = float("inf")
        self._records: list[dict[str, Any]] = []
        self._rank_path: Path | None = None

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records of the metrics files, including those before a resume."""
        return list(self._records)

    def resume(self) -> None:
        """Continue from ``last/``; raises CheckpointError when it is missing or does not fit."""
        trainer, last = self.trainer, self.folder / "last"
        if trainer.world.writes:
            self._remove_unfinished()
        found, expected = checkpoint.read_config(last), trainer.model.config
        if found != expected:
            raise CheckpointError(f"{last} has {found}; the flags give {expected}: resume with the flags of the run")
        tensors, mapping = self._read_state()
        weights = {name: tensors.pop(_WEIGHT + name) for name in trainer.model.state_dict()}
        trainer.model.load_state_dict(weights)
        trainer.load_state_dict(tensors, mapping["trainer"])
        self.best_loss = mapping["best_loss"] if mapping["best_loss"] is not None else float("inf")
        self._records = [record for record in self._read_records() if record["step"] <= trainer.step]

    def _remove_unfinished(self) -> None:
        """Remove the partial files of a run that was killed: ours, and those of safetensors."""
        for pattern in ("*.partial", "*/*.partial", "*/.tmp*"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def _read_state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the state of this process: what all processes share, and its own memory and position in the data."""
        world = self.trainer.world
        tensors, mapping = read_training_state(self.folder / "last" / _TRAINING)
        if mapping["processes"] != world.size:
            raise CheckpointError(
                f"{self.folder} was trained by {mapping['processes']} processes, now there are {world.size}; "
                "resume with as many"
            )
        if world.rank:
            tensors = {name: value for name, value in tensors.items() if not name.startswith(_MEMORY)}
            self._rank_path = self._path_of_rank(mapping["trainer"]["step"])
            mine, position = read_training_state(self._rank_path)
            tensors |= mine
            mapping["trainer"] |= position
        return tensors, mapping

    def _read_records(self) -> list[dict[str, Any]]:
        path = self.folder / "metrics.jsonl"
        try:
            records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{path} cannot be read ({error}); restore it, or empty it") from error
        wrong = next((number for number, record in enumerate(records, start=1) if not _is_record(record)), None)
        if wrong is not None:
            raise CheckpointError(f"{path}, line {wrong} is not a record of a step; restore it, or empty it")
        return records

    def run(self) -> Iterator[Progress]:
        """Train to the end; validate and save every ``eval_interval`` steps and at the end."""
        config = self.trainer.config
        validated = self.trainer.step
        for report in self.trainer.run():
            due = report.step - validated >= config.eval_interval or report.step >= config.max_iters
            validation, best = None, False
            if due:
                validated = report.step
                validation = self.evaluate() if self.evaluate is not None else None
                best = validation is not None and validation.loss < self.best_loss
            self._record(report, validation)
            if due:
                self._save(validation, best)
            yield Progress(report, validation, best)

    def _record(self, report: StepReport, validation: Evaluation | None) -> None:
        record: dict[str, Any] = report.to_dict()
        if validation is not None:
            record |= {
                "val_loss": validation.loss,
                "val_bits_per_byte": validation.bits_per_byte,
                "val_perplexity": validation.perplexity,
            }
        self._records.append(record)

    def _save(self, validation: Evaluation | None, best: bool) -> None:
        """Write models and metrics, then the file from which ``resume`` continues."""
        model, world = self.trainer.model, self.trainer.world
        if best and validation is not None:
            self.best_loss = validation.loss
        if world.writes and best:
            checkpoint.save(self.folder / "best", model, self.tokenizer)
        if world.writes:
            checkpoint.save(self.folder / "last", model, self.tokenizer)
            self._write_metrics()
        tensors, mapping = self.trainer.state_dict()
        if world.rank:
            self._save_rank(tensors, mapping)
        wait_for_all(world)
        if world.writes:
            tensors |= {_WEIGHT + name: weight for name, weight in model.state_dict().items()}
            best_loss = self.best_loss if self.best_loss != float("inf") else None
            content = {"trainer": mapping, "best_loss": best_loss, "processes": world.size}
            write_training_state(self.folder / "last" / _TRAINING, tensors, content)

    def _save_rank(self, tensors: dict[str, Tensor], mapping: dict[str, Any]) -> None:
        """Write the part of this process; the last but one stays, in case other processes do not finish this step."""
        path = self._path_of_rank(mapping["step"])
        path.parent.mkdir(parents=True, exist_ok=True)
        memory = {name: value for name, value in tensors.items() if name.startswith(_MEMORY)}
        write_training_state(path, memory, {name: mapping[name] for name in ("batches", "position")})
        for stale in set(path.parent.glob(f"rank{self.trainer.world.rank}-*.safetensors")) - {path, self._rank_path}:
            stale.unlink()
        self._rank_path = path

    def _path_of_rank(self, step: int) -> Path:
        return self.folder / "last" / f"rank{self.trainer.world.rank}-{step}.safetensors"

    def _write_metrics(self) -> None:
        path = self.folder / "metrics.jsonl"
        names = list(dict.fromkeys(name for record in self._records for name in record))
        with _writing(path) as file:
            file.writelines(json.dumps(record) + "\n" for record in self._records)
        with _writing(path.with_suffix(".csv")) as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self._records)


def _is_record(record: Any) -> bool:
    """Return whether ``record`` has every metric of a step, and all or none of a validation."""
    if not isinstance(record, dict) or not all(isinstance(value, int | float) for value in record.values()):
        return False
    validated = [name in record for name in _VALIDATED]
    return record.keys() >= _REPORTED and (all(validated) or not any(validated))


@contextmanager
def _writing(path: Path) -> Iterator[TextIO]:
    """Open a text file that is written completely or not at all."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        yield file


def write_training_state(path: Path, tensors: dict[str, Tensor], content: dict[str, Any]) -> None:
    """Write the training state, tensors and a JSON-able mapping, to one file."""
    checkpoint.write_tensors(path, tensors, {"format": _FORMAT, "content": json.dumps(content)})


def read_training_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return tensors and content of a file that ``write_training_state`` wrote; raises CheckpointError."""
    tensors = checkpoint.read_tensors(path)
    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata() or {}
    if metadata.get("format") != _FORMAT:
        raise CheckpointError(f"{path} is not a training state (expected {_FORMAT}); start again without --resume")
    try:
        content: dict[str, Any] = json.loads(metadata["content"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: its mapping is not JSON; restore it") from error
    return tensors, content
