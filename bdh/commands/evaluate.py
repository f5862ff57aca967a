"""``python -m bdh evaluate``: how well a model predicts texts, with its memory carried and with it reset."""

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
from bdh.training.data import encode_documents
from bdh.training.distributed import choose_device

_BOTH = ("carried", "reset")
_STATE_HELP = "memory carried through a document, reset every so often, or both after each other"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.set_defaults(run=run)
    add_model_flag(parser)
    parser.add_argument("--text", "--file", "--data", help="a text file, or a folder of .txt files (one document each)")
    add_dataset_flags(parser, help_="measure on a text by its name instead")
    add_split_flag(parser)
    parser.add_argument("--max_chunks", type=int, help="read this many segments of each document at most")
    parser.add_argument("--segment", type=int, default=1024, help="tokens that go through the model at once")
    parser.add_argument(
        "--state",
        default="both",
        choices=["both", *_BOTH],
        help=_STATE_HELP,
    )
    parser.add_argument("--reset_every", type=int, default=1024, help="tokens after which a reset memory forgets")
    parser.add_argument("--batch_size", type=int, default=16, help="documents read side by side")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:0")
    parser.add_argument("--dtype", default="fp32", choices=["fp32", "bf16"], help="precision of the matrix products")


def run(arguments: argparse.Namespace) -> int:
    """Print the figures as JSON: those of one way at the top, of the second way under its name."""
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
    print(json.dumps(figures[0] | ({"reset": figures[1]} if len(figures) > 1 else {}), indent=2))
    return 0


def _measure(
    way: str,
    model: LanguageModel,
    documents: Sequence[Tokens],
    byte_lengths: Sequence[int],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """Return the figures of one way to read, and the curve over the position in what was read in one go."""
    pieces = list(documents) if way == "carried" else cut_windows(documents, arguments.reset_every)
    with _precision(arguments.dtype, model), tqdm(total=sum(map(len, pieces)) - len(pieces), unit="token") as bar:
        bar.set_description(way)
        losses = _read(way, model, pieces, arguments, bar)
    figures = replace(summarise(losses, pieces, byte_lengths), documents=len(documents))
    positions = [asdict(stretch) for stretch in losses_over_position(losses, pieces, byte_lengths)]
    how = {"state": way} | ({"reset_every": arguments.reset_every} if way == "reset" else {})
    return how | figures.to_dict() | {"over_position": positions}


def _read(
    way: str, model: LanguageModel, pieces: Sequence[Tokens], arguments: argparse.Namespace, bar: "tqdm[Any]"
) -> list[Losses]:
    common: dict[str, Any] = {"batch_size": arguments.batch_size, "on_progress": bar.update}
    if way == "reset":
        return window_losses(model, pieces, **common)
    return stream_losses(model, pieces, segment=arguments.segment, **common)


def _precision(dtype: str, model: LanguageModel) -> AbstractContextManager[Any]:
    return torch.autocast(model.device.type, dtype=torch.bfloat16) if dtype == "bf16" else nullcontext()
