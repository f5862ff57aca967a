"""``python -m pipeline evaluate-claims``: single claims judged, compared with ablations and measured against labels."""

from __future__ import annotations

import argparse

from pipeline.commands.settings import pipeline_config
from pipeline.commands.shared_flags import (
    CLUSTER,
    HYPHENS,
    ONE_NOVEL,
    RETRIEVING_AND_JUDGING,
    CommandParser,
    add_aliases,
    add_places,
    add_settings,
)
from pipeline.errors import SettingError

SUMMARY = "judge a table of single claims about novels, and measure it where the table has labels"


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = (
        "Judge every claim of a table on its novel, compared with ablations: without evidence, given a wrong novel, by "
        "words alone, by the claim alone. Writes claim_predictions.csv and claim_metrics.json."
    )
    parser.epilog = (
        "Columns: id, book_name, char, content; optional caption, label (consistent, contradict, inconsistent,\n"
        "1 or 0) and pair (twins, one true and one false, share it). book_name is a title or file name in --novels:\n"
        "  python -m pipeline evaluate-claims --claims claims.csv --novels novels --out_dir outputs\n"
        "A quick look at the first two novels: add --limit 2.\n"
        "Labels and pairs are used only once every claim is judged. Probabilities are those of being consistent; a\n"
        "wrong novel is another one of the table, drawn by --seed.\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when the predictions were written, 2 on an error."
    )
    table = parser.group("what is judged")
    table.add_argument("--claims", metavar="CSV", help="the claims (needed)")
    table.add_argument("--limit", metavar="N", type=int, default=0, help="only the first N novels; 0: all (0)")
    table.add_argument(
        "--blind_predictions",
        metavar="CSV",
        help="id, probability and label by a verifier trained without evidence, to compare with",
    )
    add_places(parser, "--novels")
    add_aliases(parser)
    add_settings(parser, *RETRIEVING_AND_JUDGING, without=(*CLUSTER, *ONE_NOVEL, "llm"))


def run(arguments: argparse.Namespace) -> int:
    """Judge the claims, write predictions and figures, and print the figures; return 0."""
    config = pipeline_config(arguments)
    if arguments.claims is None:
        raise SettingError("--claims is missing; give a CSV table of claims; see evaluate-claims --help")
    from pipeline.commands.judge_claims import judge_claims

    return judge_claims(arguments, config)
