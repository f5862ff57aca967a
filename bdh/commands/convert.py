"""``python -m bdh convert``: convert the weights of another implementation to a model folder."""

import argparse
from pathlib import Path

from bdh import checkpoint
from bdh.convert import convert
from bdh.tokenizer import ByteTokenizer, load_tokenizer


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.set_defaults(run=run)
    parser.add_argument("file", help="weights of another implementation: .pt, .pth, .bin or .safetensors")
    parser.add_argument("out", help="model folder to write")
    parser.add_argument(
        "--n_layer",
        type=int,
        help="number of layers; they share weights, so many files do not contain it. Default: that of the file, else 6",
    )
    parser.add_argument("--tokenizer", default="bytes", help="bytes, or a tokenizer.json")
    parser.add_argument("--dropout", type=float, default=0.1, help="dropout of further training")


def run(arguments: argparse.Namespace) -> int:
    """Convert, and print the number of parameters."""
    tokenizer = ByteTokenizer() if arguments.tokenizer == "bytes" else load_tokenizer(arguments.tokenizer)
    model = convert(Path(arguments.file), n_layer=arguments.n_layer, dropout=arguments.dropout)
    checkpoint.save(arguments.out, model, tokenizer)
    print(f"{arguments.out}: {model.config.n_parameters:,} parameters, {model.config.n_layer} layers")
    return 0
