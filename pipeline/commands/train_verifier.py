"""Novels and tables in, a verifier out."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch

from bdh.cli import main as bdh_main
from bdh.errors import BDHError
from bdh.files import locked, write_text
from bdh.training.distributed import World, join_world, wait_for_all
from bdh.training.verifier_trainer import VerifierReport
from pipeline.commands.progress import Steps, print_line, print_notice, with_bar
from pipeline.errors import ModelError, SettingError
from pipeline.training.program import VerifierRun, VerifierTraining, load_initial_verifier, make_source


def train_verifier(arguments: argparse.Namespace) -> int:
    """Prepare, pre-train and teach; each part that is done already is skipped; return 0."""
    folder = Path(arguments.out)
    settings = _settings(arguments)
    begun = [name for name in ("last", "language_model") if (folder / name).is_dir()]
    if begun and not arguments.resume:
        raise SettingError(
            f"{folder} already contains a training; add --resume to go on with it, or name another folder"
        )
    examples = _examples(arguments, folder)
    if arguments.prepare_only:
        print_line(f"examples: {examples}")
        return 0
    try:
        model = _language_model(arguments, settings, folder)
        with join_world(arguments.device) as world, locked(folder, world.writes):
            _teach(arguments, settings, folder, examples, model, world)
    except BDHError as error:
        raise ModelError(str(error)) from error
    return 0


def _settings(arguments: argparse.Namespace) -> VerifierTraining:
    settings = VerifierTraining.load(Path(arguments.settings) if arguments.settings else None)
    changes = {"seed": arguments.seed} if arguments.seed is not None else {}
    if arguments.max_iters is not None:
        changes["max_iters"] = arguments.max_iters
    return replace(settings, verifier=replace(settings.verifier, **changes))


def _examples(arguments: argparse.Namespace, folder: Path) -> Path:
    """Return the folder or file of examples: as given, or prepared from the novels by the first process."""
    if arguments.examples:
        return Path(arguments.examples)
    if not arguments.novels:
        raise SettingError("neither --novels nor --examples is given; expected a folder of novels to learn from")
    target = folder / "examples"
    with join_world("cpu") as world:
        if world.writes:
            _prepare(arguments, target)
        wait_for_all(world)
    return target


def _prepare(arguments: argparse.Namespace, target: Path) -> None:
    from pipeline.tables.rows import read_table
    from pipeline.text.novels import Shelf
    from pipeline.text.sentences import load_nlp
    from pipeline.training.book_examples import BookTables, group_tables, prepare_book

    shelf = Shelf(Path(arguments.novels))
    read = partial(read_table, on_notice=print_notice)
    claims = [row for table in arguments.claims for row in read(table, labelled="required")]
    statements = [row for table in arguments.statements for row in read(table, labelled="absent")]
    tables = group_tables(claims, statements, lambda name: shelf.find(name, paths=False).resolve())
    nlp = load_nlp(None)
    paths = [path.resolve() for path in shelf.novels]
    if not paths:
        raise SettingError(f"{shelf.folder} holds no novel; expected a folder of novels to learn from")
    for path in with_bar(paths, unit="novel", name="examples"):
        own = tables.get(path, BookTables())
        prepare_book(path, own, nlp, target, own_statements=arguments.own_statements, seed=arguments.seed or 0)


def _language_model(arguments: argparse.Namespace, settings: VerifierTraining, folder: Path) -> Path:
    """Return the folder of the language model to begin with: as given, or trained on the novels."""
    if arguments.init:
        return Path(arguments.init)
    if not arguments.novels:
        raise SettingError("--init is not given; without --novels a trained model to begin with is needed")
    target = folder / "language_model"
    flags = [f"--{name}={value}" for name, value in settings.language_model.items() if value is not True]
    flags += [f"--{name}" for name, value in settings.language_model.items() if value is True]
    flags += ["--resume"] if (target / "last" / "training.safetensors").exists() else []
    data = ["--data", str(arguments.novels), "--out", str(target), "--device", arguments.device]
    if bdh_main(["train", *data, *flags]) != 0:
        raise ModelError("the language model was not trained; see the error above")
    return target / "last"


def _teach(
    arguments: argparse.Namespace,
    settings: VerifierTraining,
    folder: Path,
    examples: Path,
    model: Path,
    world: World,
) -> None:
    torch.manual_seed(settings.verifier.seed)
    reader, tokenizer = load_initial_verifier(model, settings.dropout)
    nli = Path(arguments.nli) if arguments.nli else None
    source = make_source([examples], nli, settings.examples, seed=settings.verifier.seed)
    run = VerifierRun.make(folder, reader, tokenizer, source, settings, world, workers=arguments.workers)
    if arguments.resume and run.can_resume:
        run.resume()
    if world.writes:
        write_text(folder / "settings.json", json.dumps(asdict(settings), indent=1) + "\n")
        print_line(source.description)
    with Steps(settings.verifier.max_iters, done=run.trainer.step, shown=world.writes) as steps:
        for report in run.run():
            steps.show(report.step, _line(report))
    if world.writes:
        print_line(f"reader: {folder / 'reader'}")


def _line(report: VerifierReport) -> str:
    losses = ", ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
    return (
        f"step {report.step}: {losses}; twins ranked right {report.ranked:.3f}, by matches alone "
        f"{report.ranked_by_evidence:.3f}; {report.claims_per_second:,.0f} claims/s"
    )
