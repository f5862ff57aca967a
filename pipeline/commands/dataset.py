"""``run_dataset.py``: a verdict fitted and cross-validated on one table, and the predictions for another."""

from __future__ import annotations

import argparse

from pipeline.commands.settings import engine_config, pipeline_config
from pipeline.commands.shared_flags import (
    HYPHENS,
    ONE_NOVEL,
    RETRIEVING_AND_JUDGING,
    CommandParser,
    add_aliases,
    add_places,
    add_settings,
)

SUMMARY = "fit a verdict on labelled backstories and predict another table (run_dataset.py)"


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = "Fit a verdict on labelled backstories, cross-validate it honestly, and predict another table."
    parser.epilog = (
        "Columns: id, book_name, char, content, optionally caption, and in the training table label\n"
        "(consistent, contradict, inconsistent, 1 or 0). book_name is a title or file name in --novels_dir:\n"
        "  python run_dataset.py --train_csv examples/train.csv --test_csv examples/test.csv\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when the predictions were written, 2 on an error; with --stream 3 when some novels failed,\n"
        "which are listed and whose rows are left out."
    )
    tables = parser.group("the tables")
    tables.add_argument("--train_csv", metavar="FILE", default="train.csv", help="labelled rows (%(default)s)")
    tables.add_argument("--test_csv", metavar="FILE", default="test.csv", help="rows to predict (%(default)s)")
    tables.add_argument("--folds", metavar="N", type=int, default=5, help="folds of the cross-validation (%(default)s)")
    tables.add_argument("--repeats", metavar="N", type=int, default=20, help="how often it is repeated (%(default)s)")
    tables.add_argument(
        "--submission",
        action="store_true",
        help="write results.csv as well, as the KDSH hackathon wants it: Story ID, Prediction (1 or 0), Rationale",
    )
    tables.add_argument(
        "--stream",
        action="store_true",
        help="predict a test table of any length, CSV or Parquet, a novel's rows at a time: no evidence files for it",
    )
    add_places(parser)
    add_aliases(parser)
    add_settings(parser, *RETRIEVING_AND_JUDGING, without=ONE_NOVEL)


def run(arguments: argparse.Namespace) -> int:
    """Judge both tables, fit on the labels of the first, write everything, and print the figures.

    Return 0, or 3 where novels of a streamed table failed.
    """
    config, engine = pipeline_config(arguments), engine_config(arguments)
    if arguments.stream:
        from pipeline.commands.dataset_stream import run_stream

        return run_stream(arguments, config, engine)
    from pipeline.commands.judge_tables import fit_and_predict

    return fit_and_predict(arguments, config, engine)
