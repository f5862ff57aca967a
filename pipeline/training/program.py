"""Train a verifier from files of examples and a language model.

One folder has everything: ``examples/``, ``language_model/`` (a run of ``python -m bdh train``), ``last/`` (from which
an interrupted training resumes), ``metrics.jsonl``, and at the end ``reader/``, the trained verifier.
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
from pipeline.training.example_files import read_examples
from pipeline.training.examples import BookExamples, ExampleConfig, ExampleSource, Premise, claim_pairs
from pipeline.training.negatives import mine_changes
from pipeline.training.plain_claims import PlainBook, PlainConfig, PlainSource

_STATE_FILE = "verifier.safetensors"
_S = TypeVar("_S")


@dataclass(frozen=True)
class VerifierTraining:
    """The settings of a training, one field for each table of the settings file.

    ``language_model`` has flags of ``python -m bdh train``; it is not used if a trained model is given.
    """

    language_model: dict[str, Any] = field(default_factory=dict)
    verifier: VerifierTrainConfig = field(default_factory=VerifierTrainConfig)
    examples: ExampleConfig = field(default_factory=ExampleConfig)
    shapes: Shapes = field(default_factory=Shapes)
    dropout: float = 0.1

    @classmethod
    def load(cls, path: Path | None) -> VerifierTraining:
        """Return the settings of a TOML file, or the defaults; raises SettingError for one that is not valid."""
        if path is None:
            return cls()
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingError(f"{path} cannot be read as TOML ({error}); see runs/claim_reader.toml") from error
        known = {"language_model", "verifier", "examples", "shapes", "loss", "dropout"}
        if not tables.keys() <= known:
            raise SettingError(f"{path} sets {sorted(tables.keys() - known)}; expected tables {sorted(known)}")
        loss = _filled(LossWeights(), tables.get("loss", {}), path)
        return cls(
            language_model=tables.get("language_model", {}),
            verifier=_filled(VerifierTrainConfig(loss=loss), tables.get("verifier", {}), path),
            examples=_filled(ExampleConfig(), tables.get("examples", {}), path),
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


def make_source(
    files: Sequence[Path], nli: Path | None, config: ExampleConfig, *, seed: int
) -> ExampleSource | PlainSource:
    """Return a source of examples from prepared files and an NLI table; raises TableError if they have none."""
    rows = [row for file in files for row in read_examples(file)]
    if rows and "rows" in rows[0]:
        return PlainSource([PlainBook(row) for row in rows], read_premises(nli) if nli else [], PlainConfig())
    rng = random.Random(seed)
    changes = mine_changes((pair[1]["text"], pair[0]["text"]) for row in rows for pair in claim_pairs(row))
    books = [BookExamples(row, changes, rng) for row in sorted(rows, key=lambda row: str(row["book"]))]
    return ExampleSource(books, read_premises(nli) if nli else [], config, rng)


def read_premises(path: Path) -> list[Premise]:
    """Return the premises of a JSON-lines file (premise, hypothesis, label) with their labelled hypotheses.

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
            f"{path} is not an NLI table ({error!r}); expected JSON lines with premise, hypothesis and a label among "
            f"{', '.join(labels)}"
        ) from error
    return list(found.items())


def load_initial_verifier(folder: Path, dropout: float) -> tuple[ClaimVerifier, Tokenizer]:
    """Return the verifier in ``folder``, or its language model with a new head; raises SettingError."""
    try:
        if has_claim_head(folder):
            verifier, tokenizer = load_claim_verifier(folder)
        else:
            model, tokenizer = load_bdh(folder)
            verifier = ClaimVerifier(model)
        verifier.set_dropout(dropout)
    except BDHError as error:
        raise SettingError(f"the model given to --init cannot be used: {error}") from error
    return verifier, tokenizer


@dataclass
class VerifierRun:
    """The training of a verifier in a folder."""

    folder: Path
    trainer: VerifierTrainer
    tokenizer: Tokenizer

    @classmethod
    def make(
        cls,
        folder: Path,
        verifier: ClaimVerifier,
        tokenizer: Tokenizer,
        source: ExampleSource | PlainSource,
        settings: VerifierTraining,
        world: World,
        *,
        workers: int,
    ) -> VerifierRun:
        """Return a run at its first step."""
        config = settings.verifier
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
        return cls(folder, VerifierTrainer(verifier.to(world.device), stream, config, world), tokenizer)

    @property
    def can_resume(self) -> bool:
        """Whether ``last/`` has a training state to resume."""
        return (self.folder / "last" / _STATE_FILE).is_file()

    def resume(self) -> None:
        """Load the training state of ``last/``; raises CheckpointError if it is missing or damaged."""
        self.trainer.load_state_dict(*read_training_state(self.folder / "last" / _STATE_FILE))

    def run(self) -> Iterator[VerifierReport]:
        """Train to the end; the state is saved every ``save_interval`` steps, the verifier written at the end."""
        config, saved = self.trainer.config, self.trainer.step
        for report in self.trainer.run():
            self._record(report)
            if report.step - saved >= config.save_interval or report.step >= config.max_iters:
                saved = report.step
                self._save_state()
            yield report
        if self.trainer.world.writes:
            self._finish()
        wait_for_all(self.trainer.world)

    def _record(self, report: VerifierReport) -> None:
        if not self.trainer.world.writes:
            return
        path = self.folder / "metrics.jsonl"
        earlier = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        lines = [line for line in earlier if json.loads(line)["step"] < report.step]
        with replacing(path) as scratch:
            scratch.write_text("\n".join([*lines, json.dumps(report.to_dict())]) + "\n", encoding="utf-8")

    def _save_state(self) -> None:
        if self.trainer.world.writes:
            (self.folder / "last").mkdir(parents=True, exist_ok=True)
            write_training_state(self.folder / "last" / _STATE_FILE, *self.trainer.state_dict())
        wait_for_all(self.trainer.world)

    @torch.no_grad()
    def _finish(self) -> None:
        """Write the verifier with its averaged weights."""
        verifier = self.trainer.model
        now = {name: weight.detach().clone() for name, weight in verifier.named_parameters()}
        self._set(self.trainer.averaged_weights())
        narrow = torch.bfloat16
        save_claim_verifier(self.folder / "reader", verifier, self.tokenizer, dtype=narrow)
        self._set(now)

    def _set(self, weights: dict[str, torch.Tensor]) -> None:
        for name, weight in self.trainer.model.named_parameters():
            weight.copy_(weights[name])
