"""Train the models of the judge from prepared plain claims: bi-encoder, cross-encoders, and the BDH verifier."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bdh.training.distributed import World
from pipeline.errors import TableError
from pipeline.judging.cross_encoder import CrossEncoder, CrossEncoderModel, PairText
from pipeline.judging.sentence_encoder import LONGEST_SENTENCE, SentenceEncoderModel
from pipeline.judging.text_model import load_base, load_tokenizer, save_model
from pipeline.storage.files import replacing
from pipeline.training.example_files import read_examples
from pipeline.training.examples import Premise
from pipeline.training.plain_claims import PlainBook, PlainConfig, PlainSource
from pipeline.training.program import read_premises
from pipeline.training.text_batches import PairBatches, TextBatches
from pipeline.training.text_trainer import OnReport, TextTrainConfig, TextTrainer, WithContrast, WithPairLoss

Part = Literal["finder", "ranker", "verifier"]
Logits = np.ndarray[Any, np.dtype[np.float32]]
NEAR = 10
"""Windows of a claim that a teacher labels."""
SEVERAL = 0.3
"""The share of a verifier's steps whose evidence has several windows."""


@dataclass(frozen=True)
class TextRun:
    """What a text model is trained on: a base, the prepared claims, NLI pairs, and pairs that a teacher labelled.

    ``taught`` are books whose claims need no label; ``share`` of each batch are pairs that the teacher labelled.
    """

    base: Path
    layers: tuple[int, ...]
    books: tuple[PlainBook, ...]
    premises: tuple[Premise, ...]
    config: TextTrainConfig
    examples: PlainConfig = field(default_factory=PlainConfig)
    taught: tuple[PairText, ...] = ()
    teacher: Logits | None = None
    share: float = 0.5


def read_books(paths: Sequence[Path]) -> tuple[PlainBook, ...]:
    """Return the books of files of prepared claims; raises TableError where one is of another kind."""
    try:
        return tuple(PlainBook(row) for path in paths for row in read_examples(path))
    except (KeyError, TypeError) as error:
        raise TableError(f"prepared claims have no {error}; prepare them again") from error


def read_nli(path: Path | None) -> tuple[Premise, ...]:
    """Return the premises of an NLI table, none without one."""
    return tuple(read_premises(path)) if path else ()


def near_pairs(books: Sequence[PlainBook], *, most: int, seed: int) -> tuple[PairText, ...]:
    """Return at most ``most`` pairs of a claim and a window near it, drawn with ``seed``."""
    pairs = [
        PairText(row.text, book.window(number)) for book in books for row in book.rows for number in row.near[:NEAR]
    ]
    random.Random(seed).shuffle(pairs)
    return tuple(pairs[:most])


def label_pairs(
    teacher: CrossEncoder, pairs: Sequence[PairText], path: Path, on_progress: Callable[[int], object]
) -> Logits:
    """Return the teacher's log-probabilities of pairs, (pairs, 3); stored in ``path`` and read from it again."""
    if not path.exists():
        labels = teacher.label(pairs, on_progress=on_progress).numpy().astype(np.float16)
        with replacing(path) as scratch, scratch.open("wb") as file:
            np.save(file, labels)
    try:
        found: Logits = np.load(path, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise TableError(f"{path} has no labels that can be read ({error}); remove the file") from error
    if found.shape != (len(pairs), 3):
        raise TableError(f"{path} has labels of shape {found.shape}; expected {(len(pairs), 3)}: remove the file")
    return found


def train_text_model(part: Part, run: TextRun, out: Path, world: World, *, workers: int, on_report: OnReport) -> Path:
    """Train the part and write it to ``out``; return the folder."""
    body = load_base(run.base, run.layers)
    wrapped: WithPairLoss | WithContrast
    batches: PairBatches | TextBatches
    if part == "finder":
        tokenizer = load_tokenizer(run.base, longest=LONGEST_SENTENCE)
        finder = SentenceEncoderModel(body).to(world.device)
        wrapped, batches = WithContrast(finder), TextBatches(run.books, tokenizer, seed=run.config.seed)
    else:
        tokenizer = load_tokenizer(run.base)
        examples = replace(run.examples, several=SEVERAL) if part == "verifier" else run.examples
        source = PlainSource(run.books, run.premises, examples)
        width = int(body.config.hidden_size)  # type: ignore[union-attr, arg-type]
        wrapped = WithPairLoss(CrossEncoderModel(body, width).to(world.device), run.config)
        batches = PairBatches(
            source,
            tokenizer,
            pairs=run.config.batch_size,
            seed=run.config.seed,
            taught=run.taught,
            teacher=run.teacher,
            share=run.share,
        )
    trainer = TextTrainer(wrapped, batches, run.config, world, workers=workers)
    for report in trainer.run():
        on_report(report)
    trainer.finish()
    save_model(out, trainer.model, tokenizer)
    return out
