"""``python -m bdh plot``: plots of a run, a model or a log, and their numbers."""

import argparse
from pathlib import Path

from bdh.commands.extras import require
from bdh.errors import ConfigError
from bdh.training.distributed import DEVICES

_TEXT_HELP = "plot activity and memory on this text, and the neuron and synapse of a concept"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.set_defaults(run=run)
    parser.add_argument(
        "source",
        nargs="?",
        metavar="RUN_OR_MODEL",
        help="folder of a training run or of a model, or user/name on the hub",
    )
    parser.add_argument("--file", help="plot a log instead: the redirected output of a training command")
    parser.add_argument("--text", help=_TEXT_HELP)
    parser.add_argument("--max_tokens", type=int, default=2048, help="maximum number of tokens of --text")
    parser.add_argument("--concept_a", help="sentences with a concept, one per line: find the neurons that fire for it")
    parser.add_argument("--concept_b", help="sentences without the concept, one per line")
    parser.add_argument("--neuron", help="follow a neuron through --text: LAYER:x:INDEX or LAYER:y:INDEX")
    parser.add_argument("--synapse", help="follow a synapse through --text: LAYER:HEAD:I:J")
    parser.add_argument(
        "--mean_degree", type=float, default=8.0, help="mean number of edges per neuron in the neuron graph"
    )
    parser.add_argument("--out", help="folder of the plots; default: plots/ in the source, or beside the log")
    parser.add_argument("--format", default="both", choices=["png", "svg", "both"], help="file format of the plots")
    parser.add_argument("--device", default="auto", help=DEVICES)


def run(arguments: argparse.Namespace) -> int:
    """Draw every plot of the source, and print the files."""
    if arguments.source is not None and arguments.file is not None:
        raise ConfigError("a run or model and --file are both given; give one of them")
    if (arguments.concept_a is None) != (arguments.concept_b is None):
        raise ConfigError("a concept needs two lists: --concept_a with it, --concept_b without")
    if arguments.max_tokens < 1:
        raise ConfigError(f"max_tokens is {arguments.max_tokens}; it must be at least 1")
    require("plots")
    from bdh.commands.pictures import draw_all

    arguments.source = arguments.file or arguments.source or "runs/train"
    formats = ("png", "svg") if arguments.format == "both" else (arguments.format,)
    for path in draw_all(arguments.source, _folder(arguments), formats, arguments):
        print(path)
    return 0


def _folder(arguments: argparse.Namespace) -> Path:
    """Return the folder of the plots: the given one, plots/ in a run or model, beside a log, or in this folder."""
    if arguments.out:
        return Path(arguments.out)
    source = Path(arguments.source)
    if source.is_dir():
        return source / "plots"
    return (source.parent if arguments.file else Path()) / "plots"
