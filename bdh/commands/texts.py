"""The texts that a command reads: files and folders of the user, or a dataset by name."""

import argparse
from pathlib import Path

from bdh.errors import ConfigError
from bdh.training.data import read_texts
from bdh.training.datasets import NAMES, SPLITS, cut_held_out, read_dataset
from bdh.training.distributed import World, wait_for_all

_DEFAULT = "tinyshakespeare"


def add_dataset_flags(parser: argparse.ArgumentParser, *, help_: str) -> None:
    """Add ``--dataset``, and the flags for its folder and download."""
    parser.add_argument("--dataset", choices=NAMES, help=help_)
    parser.add_argument("--data_dir", help="folder of datasets; default: below BDH_CACHE_DIR or the user's cache")
    parser.add_argument("--mirror", help="address to download datasets from; same paths as the public one")


def read_training_texts(arguments: argparse.Namespace, world: World) -> tuple[list[str], list[str]]:
    """Return training texts and held-out texts: given ones, the end of a single text, or the last tenth of many.

    The first process of a run downloads while the others wait.
    """
    if arguments.eval_tokens < 2:
        raise ConfigError(f"eval_tokens is {arguments.eval_tokens}; it must be at least 2")
    if arguments.data is None:
        if world.writes:
            _read_split(arguments, "train", verbose=True)
            _read_split(arguments, "validation", verbose=True)
        wait_for_all(world)
        texts, held_out = ([_read_split(arguments, split)] for split in ("train", "validation"))
        return texts, read_texts(arguments.eval_data) if arguments.eval_data else held_out
    if arguments.dataset is not None:
        raise ConfigError(f"data {arguments.data} and dataset {arguments.dataset} are both given; give one of them")
    texts = read_texts(arguments.data)
    if arguments.eval_data:
        return texts, read_texts(arguments.eval_data)
    if len(texts) == 1:
        train, last = cut_held_out(texts[0])
        return [train], [last]
    cut = len(texts) - max(1, len(texts) // 10)
    return texts[:cut], texts[cut:]


def read_measured_texts(arguments: argparse.Namespace) -> list[str]:
    """Return the texts that a model is evaluated on."""
    if (arguments.text is None) == (arguments.dataset is None):
        raise ConfigError("give either --text with a file or folder, or --dataset with a name")
    if arguments.text is not None:
        return read_texts(arguments.text)
    return [_read_split(arguments, arguments.split, verbose=True)]


def name_of_data(arguments: argparse.Namespace) -> str:
    """Return the name of the data in a report."""
    return str(arguments.dataset or _DEFAULT) if arguments.data is None else Path(arguments.data).name


def add_split_flag(parser: argparse.ArgumentParser) -> None:
    """Add ``--split``."""
    parser.add_argument("--split", default="validation", choices=SPLITS, help="split of the dataset")


def _read_split(arguments: argparse.Namespace, split: str, *, verbose: bool = False) -> str:
    folder = Path(arguments.data_dir) if arguments.data_dir else None
    report = _print if verbose else lambda line: None
    return read_dataset(arguments.dataset or _DEFAULT, split, folder=folder, mirror=arguments.mirror, report=report)


def _print(line: str) -> None:
    print(line, flush=True)
