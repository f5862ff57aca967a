"""Prepared claims in, a bi-encoder or a cross-encoder out."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from bdh.errors import BDHError
from bdh.training.distributed import World, choose_device
from pipeline.commands.progress import Steps, print_line
from pipeline.errors import SettingError
from pipeline.judging.cross_encoder import CrossEncoder, PairText
from pipeline.training.judge_program import (
    Logits,
    TextRun,
    label_pairs,
    near_pairs,
    read_books,
    read_nli,
    train_text_model,
)
from pipeline.training.plain_claims import PlainBook
from pipeline.training.text_trainer import TextReport, TextTrainConfig

_LABELS_FILE = "teacher.npy"


def train_part(arguments: argparse.Namespace) -> Path:
    """Train the part that the arguments name; return its folder."""
    try:
        world = World(0, 1, choose_device(arguments.device))
        config = TextTrainConfig(
            max_iters=arguments.max_iters,
            batch_size=arguments.batch_size,
            lr=arguments.lr,
            dtype=arguments.dtype,
            seed=arguments.seed,
        )
        layers = tuple(int(number) for number in arguments.layers.split(",") if number.strip())
    except (BDHError, ValueError) as error:
        raise SettingError(str(error)) from error
    torch.manual_seed(config.seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    books = read_books([Path(path) for path in arguments.examples])
    taught, teacher = _teach(arguments, books, world)
    nli = read_nli(Path(arguments.nli) if arguments.nli else None)
    run = TextRun(Path(arguments.base), layers, books, nli, config, taught=taught, teacher=teacher)
    print_line(f"{len(books)} books, {sum(len(book.rows) for book in books):,} claims, {len(taught):,} taught pairs")
    with Steps(config.max_iters, done=0, shown=True) as steps:
        return train_text_model(
            arguments.part,
            run,
            Path(arguments.out),
            world,
            workers=arguments.workers,
            on_report=lambda report: steps.show(report.step, _line(report)),
        )


def _teach(
    arguments: argparse.Namespace, books: tuple[PlainBook, ...], world: World
) -> tuple[tuple[PairText, ...], Logits | None]:
    """Return the pairs that the teacher labels with its labels; none without a teacher."""
    if not arguments.teacher:
        return (), None
    more = read_books([Path(path) for path in arguments.taught])
    pairs = near_pairs(books, most=arguments.taught_most, seed=arguments.seed) + near_pairs(
        more, most=10**9, seed=arguments.seed
    )
    teacher = CrossEncoder.load(Path(arguments.teacher), device=world.device)
    if world.device.type == "cuda":
        teacher.model.bfloat16()
    labels = label_pairs(teacher, pairs, Path(arguments.teacher) / _LABELS_FILE, lambda done: None)
    return pairs, labels


def _line(report: TextReport) -> str:
    losses = ", ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
    return f"step {report.step}: {losses}; {report.steps_per_second:.1f} steps/s"
