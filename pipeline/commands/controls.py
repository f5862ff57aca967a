"""``python -m pipeline controls``: what the verifier, its memory and the right novel contribute."""

from __future__ import annotations

import argparse

from pipeline.commands.settings import pipeline_config
from pipeline.commands.shared_flags import (
    CLUSTER,
    GROQ,
    HYPHENS,
    ONE_NOVEL,
    RETRIEVING_AND_JUDGING,
    CommandParser,
    add_aliases,
    add_places,
    add_settings,
)
from pipeline.errors import SettingError

SUMMARY = "measure what the verifier, its memory and the right novel contribute, on a labelled table"


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = (
        "Judge the same labelled claims or backstories with one part replaced at a time: random weights, no verifier, "
        "memory emptied, a wrong novel, no novel. Writes controls.json, controls.md and controls.svg."
    )
    parser.epilog = (
        "  python -m pipeline controls --claims claims.csv --novels novels --out_dir outputs\n"
        "  python -m pipeline controls --train_csv train.csv --novels novels --out_dir outputs\n"
        "Columns as for evaluate-claims and dataset, with labels. The claims of a backstory are joined by\n"
        "weights that every system learns on the table itself, in the same folds.\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when the table was written, 2 on an error."
    )
    tables = parser.group("what is judged: one of the two")
    tables.add_argument("--claims", metavar="CSV", help="labelled claims")
    tables.add_argument("--train_csv", metavar="CSV", help="labelled backstories")
    tables.add_argument("--limit", metavar="N", type=int, default=0, help="only the first N novels; 0: all (0)")
    tables.add_argument("--folds", metavar="N", type=int, default=5, help="folds for backstories (%(default)s)")
    tables.add_argument("--repeats", metavar="N", type=int, default=5, help="how often they are drawn (%(default)s)")
    add_places(parser, "--novels")
    add_aliases(parser)
    add_settings(parser, *RETRIEVING_AND_JUDGING, without=CLUSTER + GROQ + ONE_NOVEL)


def run(arguments: argparse.Namespace) -> int:
    """Measure every system, write the table and the plot, and print the figures; return 0."""
    config = pipeline_config(arguments)
    if (arguments.claims is None) == (arguments.train_csv is None):
        raise SettingError("give either --claims or --train_csv, a labelled table; see controls --help")
    from pipeline.commands.measure_controls import measure_controls

    return measure_controls(arguments, config)
