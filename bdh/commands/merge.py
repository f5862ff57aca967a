"""``python -m bdh merge``: merge two model folders."""

import argparse

from bdh.merge import ALONG, merge_folders


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.set_defaults(run=run)
    parser.add_argument("first", help="model folder")
    parser.add_argument("second", help="model folder with the same width, heads, layers and tokenizer")
    parser.add_argument("out", help="model folder to write")
    parser.add_argument(
        "--along",
        default="neurons",
        choices=ALONG,
        help="neurons: one memory for both models; heads: each keeps its own",
    )


def run(arguments: argparse.Namespace) -> int:
    """Merge, and print the sizes of the result."""
    model = merge_folders(arguments.first, arguments.second, arguments.out, along=arguments.along)
    config = model.config
    print(f"{arguments.out}: {config.n_parameters:,} parameters, {config.n_head} heads of {config.n_neurons:,} neurons")
    return 0
