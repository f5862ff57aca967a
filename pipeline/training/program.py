"""The training program: questions prepared, a language model trained or taken, and taught to compare.

Everything lies in one folder: ``questions/``, ``language_model/`` (a run of ``python -m bdh train``), ``last/`` (from
which an interrupted comparison goes on), ``metrics.jsonl``, and in the end ``reader/``, the claim reader itself.
"""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from bdh.checkpoint import load_bdh
from bdh.errors import BDHError, ConfigError
from bdh.tokenizer import Tokenizer
from bdh.training.distributed import World, wait_for_all
from bdh.training.run import read_training_state, write_training_state
from bdh.training.verifier_loss import LossWeights
from bdh.training.verifier_trainer import VerifierReport, VerifierTrainConfig, VerifierTrainer
from bdh.verifier import ClaimVerifier, has_claim_head, load_claim_verifier, save_claim_verifier
from pipeline.errors import SettingError, TableError
from pipeline.storage.files import replacing
from pipeline.training.batches import Shapes, StepBatches
from pipeline.training.examples import Book, PackConfig, PackSource, Premise, pairs_of
from pipeline.training.negatives import mine_changes
from pipeline.training.question_files import read_questions

_PLACE = "comparison.safetensors"
_S = TypeVar("_S")


@dataclass(frozen=True)
class ReaderTraining:
    """The settings of a training, one table of the configuration file each.

    ``language_model`` holds flags of ``python -m bdh train``; it is not used where a model is given to begin with.
    """

    language_model: dict[str, Any] = field(default_factory=dict)
    comparison: VerifierTrainConfig = field(default_factory=VerifierTrainConfig)
    packs: PackConfig = field(default_factory=PackConfig)
    shapes: Shapes = field(default_factory=Shapes)
    dropout: float = 0.1

    @classmethod
    def load(cls, path: Path | None) -> ReaderTraining:
        """Return the settings that a TOML file changes; raises SettingError for what it cannot hold."""
        if path is None:
            return cls()
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingError(f"{path} cannot be read as TOML ({error}); see runs/claim_reader.toml") from error
        known = {"language_model", "comparison", "packs", "shapes", "loss", "dropout"}
        if not tables.keys() <= known:
            raise SettingError(f"{path} sets {sorted(tables.keys() - known)}; expected tables {sorted(known)}")
        loss = _filled(LossWeights(), tables.get("loss", {}), path)
        return cls(
            language_model=tables.get("language_model", {}),
            comparison=_filled(VerifierTrainConfig(loss=loss), tables.get("comparison", {}), path),
            packs=_filled(PackConfig(), tables.get("packs", {}), path),
            shapes=_filled(Shapes(), tables.get("shapes", {}), path),
            dropout=tables.get("dropout", 0.1),
        )


def _filled(settings: _S, table: dict[str, Any], path: Path) -> _S:
    names = {item.name for item in fields(settings)}  # type: ignore[arg-type]
    if not table.keys() <= names:
        raise SettingError(f"{path} sets {sorted(table.keys() - names)}; expected some of {sorted(names)}")
    try:
        return replace(settings, **table)  # type: ignore[type-var]
    except (ConfigError, SettingError, TypeError) as error:
        raise SettingError(f"{path}: {error}") from error


def make_source(files: Sequence[Path], nli: Path | None, config: PackConfig, *, seed: int) -> PackSource:
    """Return where packs are drawn from; raises TableError when there is nothing to ask."""
    rows = [row for file in files for row in read_questions(file)]
    chance = random.Random(seed)
    changes = mine_changes((pair[1]["text"], pair[0]["text"]) for row in rows for pair in pairs_of(row))
    books = [Book(row, changes, chance) for row in sorted(rows, key=lambda row: str(row["book"]))]
    return PackSource(books, read_premises(nli) if nli else [], config, chance)


def read_premises(path: Path) -> list[Premise]:
    """Return the premises of a JSON-lines file (premise, hypothesis, label) with what was said of them.

    Raises TableError.
    """
    labels = {"entailment": "supported", "contradiction": "contradicted", "neutral": "not_stated"}
    found: dict[str, list[tuple[str, str]]] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found.setdefault(row["premise"], []).append((row["hypothesis"], labels[row["label"]]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TableError(
            f"{path} is no NLI table ({error!r}); expected JSON lines with premise, hypothesis and a label among "
            f"{', '.join(labels)}"
        ) from error
    return list(found.items())


def begin_with(folder: Path, dropout: float) -> tuple[ClaimVerifier, Tokenizer]:
    """Return the claim reader in ``folder``, or one with a new head on its language model; raises SettingError."""
    try:
        if has_claim_head(folder):
            reader, tokenizer = load_claim_verifier(folder)
        else:
            model, tokenizer = load_bdh(folder)
            reader = ClaimVerifier(model)
        reader.set_dropout(dropout)
    except BDHError as error:
        raise SettingError(f"the model to begin with cannot be used: {error}") from error
    return reader, tokenizer


@dataclass
class ComparisonRun:
    """A claim reader being taught in a folder."""

    folder: Path
    trainer: VerifierTrainer
    tokenizer: Tokenizer

    @classmethod
    def make(
        cls,
        folder: Path,
        reader: ClaimVerifier,
        tokenizer: Tokenizer,
        source: PackSource,
        settings: ReaderTraining,
        world: World,
        *,
        workers: int,
    ) -> ComparisonRun:
        """Return a run at its beginning."""
        config = settings.comparison
        steps = StepBatches(
            source,
            tokenizer,
            settings.shapes,
            rows=config.batch_size,
            steps=config.max_iters,
            seed=config.seed,
            rank=world.rank,
        )
        stream: Callable[[int], Any] = lambda start: steps.stream(start, workers=workers)  # noqa: E731
        return cls(folder, VerifierTrainer(reader.to(world.device), stream, config, world), tokenizer)

    @property
    def has_begun(self) -> bool:
        """Whether there is a place in ``last/`` to go on from."""
        return (self.folder / "last" / _PLACE).is_file()

    def resume(self) -> None:
        """Go on from ``last/``; raises CheckpointError when there is nothing to go on from, or it is damaged."""
        self.trainer.load_state_dict(*read_training_state(self.folder / "last" / _PLACE))

    def run(self) -> Iterator[VerifierReport]:
        """Train to the end; the place is kept every ``save_interval`` steps, the reader written at the end."""
        config, kept = self.trainer.config, self.trainer.step
        for report in self.trainer.run():
            self._record(report)
            if report.step - kept >= config.save_interval or report.step >= config.max_iters:
                kept = report.step
                self._keep()
            yield report
        if self.trainer.world.writes:
            self._finish()
        wait_for_all(self.trainer.world)

    def _record(self, report: VerifierReport) -> None:
        if not self.trainer.world.writes:
            return
        path = self.folder / "metrics.jsonl"
        before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        lines = [line for line in before if json.loads(line)["step"] < report.step]
        with replacing(path) as scratch:
            scratch.write_text("\n".join([*lines, json.dumps(report.to_dict())]) + "\n", encoding="utf-8")

    def _keep(self) -> None:
        if self.trainer.world.writes:
            (self.folder / "last").mkdir(parents=True, exist_ok=True)
            write_training_state(self.folder / "last" / _PLACE, *self.trainer.state_dict())
        wait_for_all(self.trainer.world)

    @torch.no_grad()
    def _finish(self) -> None:
        """Write the reader with the running mean of its weights."""
        reader = self.trainer.model
        now = {name: weight.detach().clone() for name, weight in reader.named_parameters()}
        self._set(self.trainer.averaged_weights())
        narrow = torch.bfloat16
        save_claim_verifier(self.folder / "reader", reader, self.tokenizer, dtype=narrow)
        self._set(now)

    def _set(self, weights: dict[str, torch.Tensor]) -> None:
        for name, weight in self.trainer.model.named_parameters():
            weight.copy_(weights[name])
