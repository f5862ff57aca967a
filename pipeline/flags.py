"""The flags of the scripts and tools, one function a command.

Nothing heavy is imported here, so that --help and a wrong flag answer at once.
"""

from __future__ import annotations

from typing import Any

from pipeline.config import ChunkConfig, RetrievalConfig
from pipeline.flag_groups import (
    CACHE,
    HYPHENS,
    NOVELS_DIR,
    FlagParser,
    add_aliases,
    add_engine,
    add_machine,
    add_places,
    add_reading,
    add_shared,
    add_spacy_model,
)


def judge_parser() -> FlagParser:
    """Return the flags of ``pipeline.py``."""
    parser = FlagParser(
        prog="pipeline.py",
        description="Judge whether a backstory of a character is consistent with a complete novel, claim by claim.",
        epilog="Without --target_character and --backstory_file the bundled story is judged:\n"
        "  python pipeline.py\n"
        "Your own novel, a plain .txt file in novels/:\n"
        '  python pipeline.py --target_character "Edmond Dantès" --backstory_file backstory.txt\n'
        f"{HYPHENS}\n"
        "Exit status: 0 when a verdict was reached, 2 on an error; with --exit_code see there.",
    )
    asked = parser.add_argument_group("what is judged")
    asked.add_argument("--target_character", metavar="NAME", help="whom the backstory is about, as the novel says it")
    asked.add_argument("--backstory_file", metavar="FILE", help="text file with the backstory")
    asked.add_argument(
        "--novel", metavar="NAME", help="title, file name or path; else the only novel of --novels_dir that has NAME"
    )
    asked.add_argument(
        "--track", metavar="NAME", action="append", default=[], help="a further character whose states to keep; repeat"
    )
    asked.add_argument(
        "--ignore_waivers", action="store_true", help="judge what <novel>.waivers.json marks as intentional, too"
    )
    answer = parser.add_argument_group("how it answers")
    answer.add_argument(
        "--json", action="store_true", help="the verdict as one JSON object on standard output, all else on the other"
    )
    answer.add_argument(
        "--exit_code",
        action="store_true",
        help="exit with 0 for consistent, 1 for inconsistent, 3 for uncertain; 2 stays an error",
    )
    add_shared(parser)
    return parser


def dataset_parser() -> FlagParser:
    """Return the flags of ``run_dataset.py``."""
    parser = FlagParser(
        prog="run_dataset.py",
        description="Fit a verdict on labelled backstories, cross-validate it honestly, and predict another table.",
        epilog="Columns: id, book_name, char, content, optionally caption, and in the training table label\n"
        "(consistent, contradict, inconsistent, 1 or 0). book_name is a title or file name in --novels_dir:\n"
        "  python run_dataset.py --train_csv examples/train.csv --test_csv examples/test.csv\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when the predictions were written, 2 on an error; with --stream 3 when some novels failed,\n"
        "which are listed and whose rows are left out.",
    )
    tables = parser.add_argument_group("the tables")
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
    add_shared(parser)
    add_engine(parser)
    return parser


def tools_parser() -> FlagParser:
    """Return the flags of ``python -m pipeline``."""
    parser = FlagParser(prog="python -m pipeline", description="Tools beside pipeline.py and run_dataset.py.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    cache = commands.add_parser("cache", help="see and manage the kept readings of novels")
    actions = ["show", "clear", "path"]
    cache.add_argument("action", choices=actions, help="list them, remove them, or say where they lie")
    cache.add_argument("--cache_dir", metavar="DIR", help=CACHE)
    _add_serve(commands)
    cast = commands.add_parser("characters", help="list who is in a novel, to find the name to ask about")
    cast.add_argument("novel", metavar="NOVEL", help="title, file name or path")
    cast.add_argument("--novels_dir", metavar="DIR", default=NOVELS_DIR, help="folder of novels (%(default)s)")
    add_aliases(cast)
    add_spacy_model(cast)
    _add_read_command(commands)
    _add_claims_command(commands)
    _add_controls_command(commands)
    _add_training_command(commands)
    return parser


def _add_read_command(commands: Any) -> None:
    parser = commands.add_parser(
        "read",
        help="read a whole library into the cache, here or on a Ray cluster",
        description="Stream every .txt novel of a folder once through the reader, into the cache of readings, from "
        "which every later command takes it.",
        epilog="  python -m pipeline read --novels_dir library --cache_dir readings\n"
        "  python -m pipeline read --novels_dir library --cache_dir s3://bucket/readings --engine ray\n"
        "What lies in the cache is not read again: interrupted, the same command goes on. docs/many_novels.md has\n"
        "the rest.\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when every novel was read, 3 when some failed, which are listed with their reasons, 2 on an\n"
        "error that ended the run.",
    )
    add_places(parser, "--novels", writes=False)
    add_spacy_model(parser)
    add_machine(parser)
    add_engine(parser)
    parser.set_defaults(
        n_sent_per_chunk=ChunkConfig.n_sent_per_chunk,
        overlap=ChunkConfig.overlap,
        top_k=RetrievalConfig.top_k,
        alias=[],
        aliases_file=None,
    )


def _add_training_command(commands: Any) -> None:
    parser = commands.add_parser(
        "train-reader",
        help="train a claim reader on your own novels, with or without labelled claims",
        description="Train a language model on novels with its memory carried, then teach it to compare a statement "
        "with its evidence: statements with false twins made from the novels and tables, claims, NLI pairs.",
        epilog="Novels alone are enough, their own sentences serve as statements:\n"
        "  python -m pipeline train-reader --novels my_novels --out runs/reader\n"
        "On a language model that is there already, with labelled claims and known statements:\n"
        "  python -m pipeline train-reader --init models/reader --novels my_novels --claims claims.csv \\\n"
        "      --statements events.csv --nli pairs.jsonl --out runs/reader\n"
        "On several GPUs: torchrun --nproc_per_node=2 -m pipeline train-reader ...\n"
        "Interrupted: the same command with --resume.\n"
        "Claims: id, book_name, char, content, label, and pair (a true claim and its false twin share it; without it\n"
        "ids 2k and 2k+1 are a pair). Statements: id, book_name, char, content, all true. The finished reader lies in\n"
        "OUT/reader and is used with --model_dir.\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when the reader was written, 2 on an error.",
    )
    data = parser.add_argument_group("what it learns from")
    data.add_argument("--novels", "--novels_dir", metavar="DIR", help="folder of novels, .txt")
    data.add_argument("--claims", metavar="CSV", action="append", default=[], help="labelled claims; repeat")
    data.add_argument("--statements", metavar="CSV", action="append", default=[], help="true statements; repeat")
    data.add_argument("--nli", metavar="JSONL", help="premise, hypothesis, label (entailment, neutral, contradiction)")
    data.add_argument("--questions", metavar="PATH", help="questions that were prepared before, instead of the above")
    data.add_argument(
        "--own_statements", metavar="N", type=int, default=400, help="sentences of a novel as statements (%(default)s)"
    )
    how = parser.add_argument_group("how")
    how.add_argument("--init", metavar="DIR", help="language model to begin with; else one is trained on the novels")
    how.add_argument("--settings", metavar="TOML", help="settings of all parts; see runs/claim_reader.toml")
    how.add_argument("--out", metavar="DIR", default="runs/claim_reader", help="folder of the training (%(default)s)")
    how.add_argument("--resume", action="store_true", help="go on with an interrupted training")
    how.add_argument("--prepare_only", action="store_true", help="write the questions, train nothing")
    how.add_argument("--max_iters", metavar="N", type=int, help="steps of comparison, instead of the settings'")
    how.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:0 (%(default)s)")
    how.add_argument("--workers", metavar="N", type=int, default=2, help="processes that make batches (%(default)s)")
    how.add_argument("--seed", metavar="N", type=int, help="of all chance, instead of the settings'")


def _add_claims_command(commands: Any) -> None:
    parser = commands.add_parser(
        "evaluate-claims",
        help="judge a table of single claims about novels, and measure it where the table has labels",
        description="Judge every claim of a table on its novel, beside controls: without evidence, before a wrong "
        "novel, by words alone, by the claim alone. Writes claim_predictions.csv and claim_metrics.json.",
        epilog="Columns: id, book_name, char, content; optional caption, label (consistent, contradict, inconsistent,\n"
        "1 or 0) and pair (twins, one true and one false, share it). book_name is a title or file name in --novels:\n"
        "  python -m pipeline evaluate-claims --claims claims.csv --novels novels --out_dir outputs\n"
        "A quick look at the first two novels: add --limit 2.\n"
        "Labels and pairs are looked at only once every claim has its answer. Probabilities are those of being\n"
        "consistent; a wrong novel is another one of the table, drawn by --seed.\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when the predictions were written, 2 on an error.",
    )
    asked = parser.add_argument_group("what is judged")
    asked.add_argument("--claims", metavar="CSV", help="the claims (needed)")
    asked.add_argument(
        "--limit", metavar="N", type=int, default=0, help="only the first N novels; 0: all (%(default)s)"
    )
    asked.add_argument(
        "--blind_predictions",
        metavar="CSV",
        help="id, probability and label by a reader trained without evidence, to compare with",
    )
    add_places(parser, "--novels")
    add_reading(parser)
    add_machine(parser)


def _add_controls_command(commands: Any) -> None:
    parser = commands.add_parser(
        "controls",
        help="say what the reader, its memory and the right novel contribute, on a labelled table",
        description="Judge the same labelled claims or backstories with one part replaced at a time: random weights, "
        "no reader, memory emptied, a wrong novel, no novel. Writes controls.json, controls.md and controls.svg.",
        epilog="  python -m pipeline controls --claims claims.csv --novels novels --out_dir outputs\n"
        "  python -m pipeline controls --train_csv train.csv --novels novels --out_dir outputs\n"
        "Columns as for evaluate-claims and run_dataset.py, with labels. Backstories are joined by weights that every\n"
        "system learns on the table itself, in the same folds.\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when the table was written, 2 on an error.",
    )
    asked = parser.add_argument_group("what is judged: one of the two")
    asked.add_argument("--claims", metavar="CSV", help="labelled claims")
    asked.add_argument("--train_csv", metavar="CSV", help="labelled backstories")
    asked.add_argument(
        "--limit", metavar="N", type=int, default=0, help="only the first N novels; 0: all (%(default)s)"
    )
    asked.add_argument("--folds", metavar="N", type=int, default=5, help="folds for backstories (%(default)s)")
    asked.add_argument("--repeats", metavar="N", type=int, default=5, help="how often they are drawn (%(default)s)")
    add_places(parser, "--novels")
    add_reading(parser)
    add_machine(parser)


def _add_serve(commands: Any) -> None:
    parser = commands.add_parser("serve", help="open a desk in the browser: novels, casts, backstories, reports")
    page = parser.add_argument_group("the page")
    page.add_argument(
        "--host",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="this machine alone unless another is named (%(default)s)",
    )
    page.add_argument("--port", metavar="N", type=int, default=8420, help="0: any free one (%(default)s)")
    page.add_argument(
        "--max_upload_mb", metavar="N", type=int, default=50, help="the largest novel that is taken (%(default)s)"
    )
    add_shared(parser)
