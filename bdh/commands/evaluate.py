"""``python -m bdh evaluate``: loss of a model on texts, with the state carried and with it reset."""

import argparse
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from typing import Any

import torch
from tqdm import tqdm

from bdh.commands.models import add_model_flag, open_model
from bdh.commands.texts import add_dataset_flags, add_split_flag, read_measured_texts
from bdh.errors import ConfigError
from bdh.evaluation import (
    Losses,
    Tokens,
    cut_windows,
    losses_over_position,
    stream_losses,
    summarise,
    window_losses,
)
from bdh.neuro.model import LanguageModel
from bdh.recall import LONGEST, measure_recall
from bdh.training.data import encode_documents
from bdh.training.distributed import DEVICES, choose_device

_BOTH = ("carried", "reset")
_STATE_HELP = "carry the state through a document, reset it every --reset_every tokens, or measure both"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.set_defaults(run=run)
    add_model_flag(parser)
    parser.add_argument("--text", "--file", "--data", help="a text file, or a folder of .txt files (one document each)")
    add_dataset_flags(parser, help_="evaluate on this dataset instead")
    add_split_flag(parser)
    parser.add_argument("--max_chunks", type=int, help="maximum number of segments of each document")
    parser.add_argument("--segment", type=int, default=1024, help="tokens per forward pass")
    parser.add_argument(
        "--state",
        default="both",
        choices=["both", *_BOTH],
        help=_STATE_HELP,
    )
    parser.add_argument("--reset_every", type=int, default=1024, help="tokens between resets of the state")
    parser.add_argument("--batch_size", type=int, default=16, help="documents per batch")
    parser.add_argument(
        "--recall",
        type=int,
        nargs="?",
        const=LONGEST,
        metavar="LONGEST",
        help=f"also measure recall at distances up to this, {LONGEST:,} if no number is given (see the command recall)",
    )
    parser.add_argument("--device", default="auto", help=DEVICES)
    parser.add_argument("--dtype", default="fp32", choices=["fp32", "bf16"], help="precision of the matrix products")


def run(arguments: argparse.Namespace) -> int:
    """Print the metrics as JSON; those with resets, if both are measured, under "reset"."""
    for name in ("segment", "reset_every", "max_chunks"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise ConfigError(f"{name} is {value}; it must be at least 1")
    model, tokenizer = open_model(arguments.model, device=choose_device(arguments.device))
    documents = encode_documents(read_measured_texts(arguments), tokenizer)
    if arguments.max_chunks is not None:
        documents = [document[: arguments.max_chunks * arguments.segment + 1] for document in documents]
    ways = _BOTH if arguments.state == "both" else (arguments.state,)
    figures = [_measure(way, model, documents, tokenizer.byte_lengths(), arguments) for way in ways]
    result = figures[0] | ({"reset": figures[1]} if len(figures) > 1 else {})
    if arguments.recall is not None:
        with _precision(arguments.dtype, model):
            result |= {"recall": measure_recall(model, tokenizer, longest=arguments.recall).to_dict()}
    print(json.dumps(result, indent=2))
    return 0


def _measure(
    way: str,
    model: LanguageModel,
    documents: Sequence[Tokens],
    byte_lengths: Sequence[int],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """Return the metrics of one setting of ``--state``, and the loss over the position since the last reset."""
    windows = list(documents) if way == "carried" else cut_windows(documents, arguments.reset_every)
    with _precision(arguments.dtype, model), tqdm(total=sum(map(len, windows)) - len(windows), unit="token") as bar:
        bar.set_description(way)
        losses = _read(way, model, windows, arguments, bar)
    figures = replace(summarise(losses, windows, byte_lengths), documents=len(documents))
    positions = [asdict(interval) for interval in losses_over_position(losses, windows, byte_lengths)]
    how = {"state": way} | ({"reset_every": arguments.reset_every} if way == "reset" else {})
    return how | figures.to_dict() | {"over_position": positions}


def _read(
    way: str, model: LanguageModel, windows: Sequence[Tokens], arguments: argparse.Namespace, bar: "tqdm[Any]"
) -> list[Losses]:
    common: dict[str, Any] = {"batch_size": arguments.batch_size, "on_progress": bar.update}
    if way == "reset":
        return window_losses(model, windows, **common)
    return stream_losses(model, windows, segment=arguments.segment, **common)


def _precision(dtype: str, model: LanguageModel) -> AbstractContextManager[Any]:
    return torch.autocast(model.device.type, dtype=torch.bfloat16) if dtype == "bf16" else nullcontext()
