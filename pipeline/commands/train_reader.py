"""``python -m pipeline train-reader``: novels and tables in, a verifier out."""

from __future__ import annotations

import argparse

from pipeline.commands.shared_flags import HYPHENS, CommandParser

SUMMARY = "train a verifier on your own novels, with or without labelled claims"


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = (
        "Train a language model on novels with its memory carried, then teach it to compare a statement with its "
        "evidence: statements with false twins made from the novels and tables, claims, NLI pairs."
    )
    parser.epilog = (
        "Novels alone are enough, their own sentences serve as statements:\n"
        "  python -m pipeline train-reader --novels my_novels --out runs/reader\n"
        "On an existing language model, with labelled claims and known statements:\n"
        "  python -m pipeline train-reader --init models/reader --novels my_novels --claims claims.csv \\\n"
        "      --statements events.csv --nli pairs.jsonl --out runs/reader\n"
        "On several GPUs: torchrun --nproc_per_node=2 -m pipeline train-reader ...\n"
        "Interrupted: the same command with --resume.\n"
        "Claims: id, book_name, char, content, label, and pair (a true claim and its false twin share it; without it\n"
        "ids 2k and 2k+1 are a pair). Statements: id, book_name, char, content, all true. The finished verifier is in\n"
        "OUT/reader and is used with --model_dir.\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when the verifier was written, 2 on an error."
    )
    data = parser.group("what it learns from")
    data.add_argument("--novels", "--novels_dir", metavar="DIR", help="folder of novels")
    data.add_argument("--claims", metavar="CSV", action="append", default=[], help="labelled claims; repeat")
    data.add_argument("--statements", metavar="CSV", action="append", default=[], help="true statements; repeat")
    data.add_argument("--nli", metavar="JSONL", help="premise, hypothesis, label (entailment, neutral, contradiction)")
    data.add_argument("--examples", metavar="PATH", help="examples that were prepared earlier, instead of the above")
    data.add_argument(
        "--own_statements", metavar="N", type=int, default=400, help="sentences of a novel as statements (%(default)s)"
    )
    how = parser.group("how")
    how.add_argument("--init", metavar="DIR", help="language model to begin with; else one is trained on the novels")
    how.add_argument("--settings", metavar="TOML", help="settings of all parts; see runs/claim_reader.toml")
    how.add_argument("--out", metavar="DIR", default="runs/claim_reader", help="folder of the training (%(default)s)")
    how.add_argument("--resume", action="store_true", help="go on with an interrupted training")
    how.add_argument("--prepare_only", action="store_true", help="write the examples, train nothing")
    how.add_argument("--max_iters", metavar="N", type=int, help="steps of the verifier, instead of the settings'")
    how.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:0 or mps (%(default)s)")
    how.add_argument("--workers", metavar="N", type=int, default=2, help="processes that make batches (%(default)s)")
    how.add_argument("--seed", metavar="N", type=int, help="of all chance, instead of the settings'")


def run(arguments: argparse.Namespace) -> int:
    """Prepare, pre-train and teach; each part that is done already is skipped; return 0."""
    from pipeline.commands.train_verifier import train_verifier

    return train_verifier(arguments)
