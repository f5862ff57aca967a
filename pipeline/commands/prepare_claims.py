"""``python -m pipeline prepare-claims``: plain claims and their novels in, training data of the judge out."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.progress import print_line, print_notice, with_bar
from pipeline.commands.settings import pipeline_config
from pipeline.commands.shared_flags import (
    CLUSTER,
    HYPHENS,
    ONE_NOVEL,
    CommandParser,
    add_aliases,
    add_places,
    add_settings,
)
from pipeline.config import (
    ChunkConfig,
    EngineConfig,
    PipelineConfig,
    ReadingConfig,
    RetrievalConfig,
    TextConfig,
)
from pipeline.errors import SettingError

if TYPE_CHECKING:
    from pipeline.commands.prepare_novel import NovelToPrepare
    from pipeline.tables.plain_claims import PlainClaim
    from pipeline.training.negatives import Changes

SUMMARY = "prepare plain claims and their novels for train-judge and train-reader"
POOL = "pool"
_FIRST = 10


def add_flags(parser: CommandParser) -> None:
    """Add the flags of the command."""
    parser.description = (
        "Find the evidence of plain claims in their novels and the windows near each claim, as a judgement finds them: "
        "passages by words and state, then windows by words and the judge's finder. Writes a file for each novel."
    )
    parser.epilog = (
        "A first round without a finder takes the windows by words alone; state distance may be left out, so that no\n"
        "novel has to be encoded:\n"
        "  python -m pipeline prepare-claims --claims data/plain_claims/train --novels novels --out_dir first \\\n"
        "      --ranker none --state_weight 0\n"
        "  python -m pipeline train-judge finder --examples first --base minilm --out judge/finder\n"
        "  python -m pipeline prepare-claims --claims data/plain_claims/train --novels novels --out_dir second \\\n"
        "      --ranker judge --state_weight 0\n"
        "Finished novels stay: after an interruption the same command goes on. Novels that were prepared with other\n"
        "settings, claims or texts are prepared again. The vectors of sentences are cached.\n"
        f"Unlabelled claims of --pool are in OUT_DIR/{POOL}, for train-judge --taught.\n"
        f"{HYPHENS}\n"
        "Exit status: 0 when every novel is prepared, 2 on an error."
    )
    what = parser.group("what is prepared")
    what.add_argument("--claims", metavar="PATH", required=True, help="files of plain claims, as in data/plain_claims")
    what.add_argument("--held_out", metavar="FILE", help="titles of novels to leave out, one a line")
    what.add_argument("--near", metavar="N", type=int, default=40, help="windows of a claim, at most 40 (%(default)s)")
    what.add_argument(
        "--shown", metavar="N", type=int, default=150, help="other sentences of a novel, drawn by --seed (%(default)s)"
    )
    what.add_argument("--pool", metavar="DIR", help="folder of further novels, for claims without labels")
    what.add_argument(
        "--statements",
        metavar="CSV",
        action="append",
        default=[],
        help="statements about novels of the pool, in place of their sentences: id, book_name, char, content; repeat",
    )
    what.add_argument(
        "--own_statements",
        metavar="N",
        type=int,
        default=40,
        help="statements of a novel of the pool, each also with a detail changed (%(default)s)",
    )
    add_places(parser, "--novels")
    add_aliases(parser)
    without = (*CLUSTER, *ONE_NOVEL, "spacy_model", "top_k")
    add_settings(
        parser, ChunkConfig, RetrievalConfig, TextConfig, ReadingConfig, PipelineConfig, EngineConfig, without=without
    )


def run(arguments: argparse.Namespace) -> int:
    """Prepare each novel that is not prepared yet, and print how much of the evidence is near its claims; return 0."""
    from pipeline.commands.prepare_novel import NovelPreparer, open_finder, searching
    from pipeline.commands.session import open_stages
    from pipeline.storage.files import prepare_folder

    config = pipeline_config(arguments)
    _check(arguments)
    out = prepare_folder(Path(arguments.out_dir))
    jobs = _jobs(arguments, out)
    _refuse_others(out, {job.target for job in jobs})
    with open_stages(arguments, searching(config)) as pipeline:
        maker = NovelPreparer(pipeline, open_finder(config), arguments, _changes(arguments, jobs))
        for job in with_bar(jobs, unit="novel", name="prepared"):
            maker.prepare(job)
    _report([job.target for job in jobs if job.target.parent == out], arguments.near)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    from pipeline.judging.window_finder import WINDOWS

    for name, least, most in (("near", 1, WINDOWS), ("shown", 0, 10**6), ("own_statements", 1, 10**6)):
        if not least <= getattr(arguments, name) <= most:
            raise SettingError(f"{name} is {getattr(arguments, name)}; it must be at least {least} and at most {most}")
    if arguments.statements and not arguments.pool:
        raise SettingError("--statements is given without --pool; name the folder of the novels that they are about")


def _jobs(arguments: argparse.Namespace, out: Path) -> list[NovelToPrepare]:
    """Return the novels to prepare; raises NovelError for one that is missing, before any is prepared."""
    from pipeline.commands.prepare_novel import NovelToPrepare
    from pipeline.tables.plain_claims import read_plain_claims, read_titles
    from pipeline.text.novels import Shelf
    from pipeline.training.example_files import SUFFIX

    books: dict[str, list[PlainClaim]] = defaultdict(list)
    for claim in read_plain_claims(Path(arguments.claims)):
        books[claim.book].append(claim)
    shelf = Shelf(Path(arguments.novels_dir))
    found = {title: shelf.find(title, paths=False) for title in books}
    pool = _pool(arguments)
    held_out = read_titles(arguments.held_out, {*books, *(path.stem for path in pool)}) if arguments.held_out else set()
    labelled = [
        NovelToPrepare(found[title], title, out / (found[title].stem + SUFFIX), tuple(claims))
        for title, claims in books.items()
        if title not in held_out
    ]
    taken = {*held_out, *(path.stem for path in found.values())}
    return labelled + [
        NovelToPrepare(path, path.stem, out / POOL / (path.stem + SUFFIX), statements=tuple(own), labelled=False)
        for path, own in pool.items()
        if path.stem not in taken
    ]


def _pool(arguments: argparse.Namespace) -> dict[Path, list[tuple[str, str]]]:
    """Return the novels of the pool with the statements about them."""
    from pipeline.tables.rows import read_table, row_text
    from pipeline.text.novels import Shelf

    if not arguments.pool:
        return {}
    shelf = Shelf(Path(arguments.pool))
    found: dict[Path, list[tuple[str, str]]] = {path: [] for path in shelf.novels}
    for table in arguments.statements:
        for row in read_table(table, labelled="absent", on_notice=print_notice):
            found.setdefault(shelf.find(row.book_name, paths=False), []).append((row.char, row_text(row)))
    return found


def _refuse_others(out: Path, targets: set[Path]) -> None:
    """Raise SettingError for prepared novels that do not belong to this run: training would take them as well."""
    from pipeline.training.example_files import SUFFIX

    others = sorted({*out.glob("*" + SUFFIX), *(out / POOL).glob("*" + SUFFIX)} - targets)
    if others:
        raise SettingError(
            f"{others[0]} is of a novel that is not prepared now (of {len(others)}); remove it, or choose another "
            "--out_dir"
        )


def _changes(arguments: argparse.Namespace, jobs: Sequence[NovelToPrepare]) -> Changes:
    """Return the changes of detail between the twins, by which statements of the pool are changed."""
    from pipeline.training.negatives import mine_changes

    if not arguments.pool:
        return {}
    texts = {(claim.pair, claim.label): claim.text for job in jobs for claim in job.claims if claim.pair}
    pairs = ((text, texts[pair, "contradicted"]) for (pair, label), text in texts.items() if label == "supported")
    return mine_changes(pairs)


def _report(targets: Sequence[Path], near: int) -> None:
    from pipeline.training.example_files import read_examples
    from pipeline.training.prepared_claims import found_shares

    rows = [row for target in targets for book in read_examples(target) for row in book["rows"]]
    print_line(f"{len(targets):,} novels, {len(rows):,} claims")
    for label, shares in found_shares(rows, (near, _FIRST)).items():
        if shares:
            print_line(
                f"{label}: evidence in {shares[0]:.3f} of the {near} windows, in {shares[1]:.3f} of the first {_FIRST}"
            )
