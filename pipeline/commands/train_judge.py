"""``python -m pipeline train-judge``: prepared plain claims in, one model of the judge out."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.commands.shared_flags import HYPHENS, CommandParser

SUMMARY = "train one model of the judge on prepared plain claims"
PARTS = ("finder", "ranker", "verifier")


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = (
        "Train one model of the judge: the finder, a bi-encoder that finds sentences about a claim; the ranker, a "
        "small cross-encoder that orders them; the verifier, a larger one that labels the claim given the best of "
        "them. The BDH verifier is trained by train-reader."
    )
    parser.epilog = (
        "Prepared claims are made by prepare-claims; the module pipeline.training.plain_claims describes them.\n"
        "  python -m pipeline train-judge ranker --examples examples --base minilm --out models/judge/ranker\n"
        "With a teacher: a cross-encoder that was trained so labels pairs for a smaller one:\n"
        "  python -m pipeline train-judge ranker --teacher big --examples examples --base minilm --out small\n"
        "The base is a folder of Transformers with a BERT or MPNet encoder: config.json, tokenizer.json and weights\n"
        "in safetensors.\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when the model was written, 2 on an error."
    )
    parser.add_argument("part", choices=PARTS, help="the model to train")
    data = parser.group("what it learns from")
    data.add_argument("--examples", metavar="PATH", action="append", required=True, help="prepared claims; repeat")
    data.add_argument("--nli", metavar="JSONL", help="premise, hypothesis, label (entailment, neutral, contradiction)")
    data.add_argument("--base", metavar="DIR", required=True, help="pretrained encoder to begin with")
    data.add_argument("--layers", metavar="N,N", default="", help="layers of the base to keep; all by default")
    data.add_argument("--teacher", metavar="DIR", help="trained cross-encoder that labels pairs for this one")
    data.add_argument(
        "--taught", metavar="PATH", action="append", default=[], help="prepared claims for the teacher alone; repeat"
    )
    data.add_argument(
        "--taught_most",
        metavar="N",
        type=int,
        default=220_000,
        help="pairs of the examples that the teacher labels (%(default)s)",
    )
    how = parser.group("how")
    how.add_argument("--out", metavar="DIR", required=True, help="folder of the trained model")
    how.add_argument("--max_iters", metavar="N", type=int, default=3000, help="steps (%(default)s)")
    how.add_argument("--batch_size", metavar="N", type=int, default=320, help="pairs of a step (%(default)s)")
    how.add_argument("--lr", type=float, default=6e-5, help="peak learning rate (%(default)s)")
    how.add_argument("--dtype", default="bf16", help="bf16 or fp32 (%(default)s)")
    how.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:0 (%(default)s)")
    how.add_argument("--workers", metavar="N", type=int, default=2, help="processes that make batches (%(default)s)")
    how.add_argument("--seed", metavar="N", type=int, default=1337, help="of all chance (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Train the model and write it; return 0."""
    from pipeline.commands.train_text_model import train_part

    folder = train_part(arguments)
    print(f"{arguments.part}: {Path(folder)}", flush=True)
    return 0
