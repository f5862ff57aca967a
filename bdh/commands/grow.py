"""``python -m bdh grow``: add neurons to a model folder."""

import argparse
from pathlib import Path

from bdh.commands.models import add_model_flag, model_folder
from bdh.grow import grow_folder


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.set_defaults(run=run)
    add_model_flag(parser)
    parser.add_argument("--neurons", type=int, required=True, help="neurons to add, over all heads")
    parser.add_argument("--out", required=True, help="model folder to write")
    parser.add_argument("--seed", type=int, default=0, help="chooses the pairs of neurons that are split")


def run(arguments: argparse.Namespace) -> int:
    """Grow, and print the sizes of the result."""
    folder = model_folder(Path(arguments.model))
    model = grow_folder(folder, arguments.out, arguments.neurons, seed=arguments.seed)
    config = model.config
    print(f"{arguments.out}: {config.n_parameters:,} parameters, {config.n_head} heads of {config.n_neurons:,} neurons")
    return 0
