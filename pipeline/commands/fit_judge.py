"""``python -m pipeline fit-judge``: labelled plain claims in, the fitted models of the judge out."""

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

SUMMARY = "fit the judge's model of claims on labelled plain claims"


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = (
        "Compute the features of labelled plain claims as the judge does, and fit the models that turn them into the "
        "probabilities of three labels: joint.json for both verifiers, bdh.json for the BDH verifier alone."
    )
    parser.epilog = (
        "The claims must be about novels that the verifiers were not trained on:\n"
        "  python -m pipeline fit-judge --claims data/plain_claims/train --only models/judge/held_out.txt \\\n"
        "      --novels novels --out_dir models/judge\n"
        "The features are kept in OUT_DIR/features.jsonl; a second run goes on from there.\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when the models were written, 2 on an error."
    )
    parser.add_argument(
        "--claims", metavar="PATH", required=True, help="files of plain claims, as in data/plain_claims"
    )
    parser.add_argument("--only", metavar="FILE", help="titles of the novels whose claims are used, one a line")
    parser.add_argument(
        "--most", metavar="N", type=int, default=0, help="claims of each novel, drawn by --seed; 0: all"
    )
    add_places(parser, "--novels")
    add_aliases(parser)
    add_settings(parser, *RETRIEVING_AND_JUDGING, without=(*CLUSTER, *ONE_NOVEL, "llm"))


def run(arguments: argparse.Namespace) -> int:
    """Fit and write the models; return 0."""
    from pipeline.commands.fit_claims import fit_models

    return fit_models(arguments, pipeline_config(arguments))
