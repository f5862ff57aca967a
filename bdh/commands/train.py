"""``python -m bdh train``: train a model on texts, in a run folder."""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from bdh.commands import train_flags
from bdh.commands.new_model import make_model, make_tokenizer
from bdh.commands.push import Uploads
from bdh.commands.settings import write_settings
from bdh.commands.texts import name_of_data, read_training_texts
from bdh.errors import ConfigError
from bdh.files import locked
from bdh.generation import generate
from bdh.training.baseline import RunDescription, write_baseline
from bdh.training.data import Batches, DocumentStreams, RandomWindows, Tokens, encode_documents
from bdh.training.distributed import World, join_world
from bdh.training.run import Progress, TrainingRun
from bdh.training.trainer import StepReport, TrainConfig, Trainer
from bdh.training.validation import Validation

_PROMPT_TOKENS = 32


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.set_defaults(run=run, defaults=train_flags.defaults_of)
    train_flags.add_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train to the end, and print the progress."""
    uploads = Uploads.from_arguments(arguments)
    with join_world(arguments.device) as world, locked(Path(arguments.out), world.writes):
        training, held_out = _prepare(arguments, world)
        if world.writes:
            write_settings(training.folder, arguments)
        _drive(training, uploads)
        if world.writes:
            _finish(training, arguments, held_out)
    if uploads is not None:
        uploads.finish()
    return 0


def _prepare(arguments: argparse.Namespace, world: World) -> tuple[TrainingRun, list[Tokens]]:
    """Return the run that the flags describe, resumed if they say so, and the held-out documents."""
    texts, held_out_texts = read_training_texts(arguments, world)
    tokenizer = make_tokenizer(arguments, texts)
    train, held_out = encode_documents(texts, tokenizer), encode_documents(held_out_texts, tokenizer)
    held_out = [document[: arguments.eval_tokens] for document in held_out]
    config = _train_config(arguments, world, tokens=sum(map(len, train)))
    torch.manual_seed(config.seed)
    model = make_model(arguments, tokenizer).to(world.device)
    trainer = Trainer(model, _batches(train, config, world), config, world)
    validation = Validation(trainer, held_out, tokenizer.byte_lengths())
    training = TrainingRun(Path(arguments.out), trainer, tokenizer, validation)
    if arguments.resume:
        training.resume()
    if world.writes:
        where = f"{world.device}" + (f", {world.size} processes" if world.size > 1 else "")
        count = f"{len(train)} documents, {sum(map(len, train)):,} tokens"
        print(f"{model.config.n_parameters:,} parameters on {where}; {count}; {config.max_iters:,} steps", flush=True)
    return training, held_out


def _train_config(arguments: argparse.Namespace, world: World, *, tokens: int) -> TrainConfig:
    """Return the settings of the loop, with the number of steps and the precision filled in."""
    settings = {name: getattr(arguments, name) for name in vars(TrainConfig())}
    if settings["dtype"] == "auto":
        narrow = world.device.type == "cuda" and torch.cuda.is_bf16_supported()
        settings["dtype"] = "bf16" if narrow else "fp32"
    if settings["max_iters"] is None:
        settings["max_iters"] = train_flags.MAX_ITERS
    config = TrainConfig(**settings)
    if arguments.epochs is None:
        return config
    if not 0 < arguments.epochs < math.inf:
        raise ConfigError(f"epochs is {arguments.epochs}; it must be a positive number")
    step = config.batch_size * config.seq_len * config.grad_accum * world.size
    return replace(config, max_iters=max(1, math.ceil(arguments.epochs * tokens / step)))


def _batches(documents: list[Tokens], config: TrainConfig, world: World) -> Batches:
    common: dict[str, Any] = {
        "batch_size": config.batch_size,
        "seq_len": config.seq_len,
        "seed": config.seed,
        "rank": world.rank,
        "world": world.size,
    }
    if config.carry_state:
        return DocumentStreams(documents, reset_probability=config.reset_probability, **common)
    return RandomWindows(documents, split_documents=config.split_documents, **common)


def _drive(training: TrainingRun, uploads: Uploads | None) -> None:
    """Run the training with a progress bar and a line per validation, or per record if output goes to a file."""
    shown = training.trainer.world.writes
    total, logged = training.trainer.config.max_iters, not sys.stdout.isatty()
    with tqdm(total=total, initial=training.trainer.step, unit="step", disable=not shown) as bar:
        for progress in training.run():
            bar.update(progress.report.step - bar.n)
            bar.set_postfix(loss=f"{progress.report.loss:.3f}", tok_s=f"{progress.report.tokens_per_second:,.0f}")
            if shown and (logged or progress.validation is not None):
                bar.write(_line(progress))
            if shown and progress.validation is not None and uploads is not None:
                uploads.send(training.folder / "last", step=progress.report.step)


def _line(progress: Progress) -> str:
    """Return a record in the format that ``python -m bdh plot --file`` reads."""
    report, validation = progress.report, progress.validation
    text = f"step {report.step}: train {report.loss:.4f}, "
    if validation is not None:
        text += f"validation {validation.loss:.4f} nats a token, {validation.bits_per_byte:.4f} bits a byte"
        text += f"{' (best)' if progress.best else ''}, "
    return text + _health(report)


def _health(report: StepReport) -> str:
    text = f"active_x {report.active_x:.4f}, active_y {report.active_y:.4f}, state_norm {report.state_norm:.2f}"
    text += "" if report.gain is None else f", gain {report.gain:.3f}"
    return f"{text}, tok_s {report.tokens_per_second:.0f}"


def _finish(training: TrainingRun, arguments: argparse.Namespace, held_out: Sequence[Tokens]) -> None:
    """Write the summary, and print it with a sample."""
    trainer = training.trainer
    device = trainer.world.device.type.upper()
    if device == "CUDA":
        device = torch.cuda.get_device_name(trainer.world.device)
    description = RunDescription(
        trainer.model.config, trainer.config, name_of_data(arguments), device, processes=trainer.world.size
    )
    if training.records:
        print(f"written: {write_baseline(training.folder, description, training.records)}")
    if arguments.sample_tokens:
        print(f"sample after step {trainer.step}:\n{_sample(training, held_out[0], arguments)}", flush=True)


def _sample(training: TrainingRun, document: Tokens, arguments: argparse.Namespace) -> str:
    """Return the model's continuation of the beginning of the held-out text."""
    prompt = [int(token) for token in document[:_PROMPT_TOKENS]]
    drawn = generate(
        training.trainer.model, prompt, max_new_tokens=arguments.sample_tokens, temperature=0.8, seed=arguments.seed
    )
    return training.tokenizer.decode([*prompt, *drawn])
