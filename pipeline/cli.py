"""Flags to settings, stages to files, errors to one clear line and exit status 2."""

from __future__ import annotations

import argparse
import logging
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dotenv import load_dotenv
from tqdm import tqdm

from pipeline.batch import FittedTables, JudgedRow, evidence_of, fit_tables, judge_rows, predict
from pipeline.claims import read_backstory
from pipeline.config import (
    ChunkConfig,
    PipelineConfig,
    ReadingConfig,
    RetrievalConfig,
    ScoringConfig,
    TextConfig,
)
from pipeline.dataset import read_table, write_predictions
from pipeline.errors import PipelineError, SettingError
from pipeline.reading.cache import ReadingCache, default_folder
from pipeline.reading.encoder import set_threads
from pipeline.records import Character, Reading, Verdict
from pipeline.report.artefacts import write_reading, write_verdict
from pipeline.report.dataset_evidence import write_dataset_evidence
from pipeline.report.files import prepare_folder
from pipeline.report.manifest import Manifest
from pipeline.run import ROOT, Book, Pipeline
from pipeline.scoring.judge import METHOD
from pipeline.text.aliases import load_aliases, parse_alias
from pipeline.text.novels import find_novel
from pipeline.text.shelf import choose_novel

_BUNDLED = {
    "target_character": "Hester Lanyon",
    "backstory_file": str(ROOT / "examples" / "backstory_inconsistent.txt"),
    "novels_dir": str(ROOT / "novels"),
}
_METHODS = {
    "scorer": METHOD,
    "claims": "heuristic splitter over spaCy's rule-based sentences",
    "characters": "capitalised-span finder with titles, or the PERSON entities of --spacy_model",
    "retrieval": "BM25 over stems fused with the distance of the reader's vectors (reciprocal ranks)",
}


def judge_main(argv: Sequence[str] | None = None) -> int:
    """Run ``pipeline.py``; return 0 when a verdict was reached, 2 on an error."""
    return _guarded(lambda: _judge(_parse(_judge_parser(), argv)))


def dataset_main(argv: Sequence[str] | None = None) -> int:
    """Run ``run_dataset.py``; return 0 when predictions were written, 2 on an error."""
    return _guarded(lambda: _dataset(_parse(_dataset_parser(), argv)))


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``python -m pipeline``; return 0, or 2 on an error."""

    def run() -> int:
        arguments = _tools_parser().parse_args(_underscored(sys.argv[1:] if argv is None else argv))
        return int(arguments.run(arguments))

    return _guarded(run)


def _guarded(run: Callable[[], int]) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    load_dotenv(Path.cwd() / ".env")
    load_dotenv(ROOT / ".env")
    try:
        return run()
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on from the last saved place", file=sys.stderr)
        return 130


def _underscored(argv: Sequence[str]) -> list[str]:
    """Let every flag be written with hyphens as well."""
    words = []
    for word in argv:
        if word.startswith("--"):
            name, separator, value = word[2:].partition("=")
            word = "--" + name.replace("-", "_") + separator + value
        words.append(word)
    return words


def _parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags; those of a --config file stand in for what the command line leaves out."""
    words = _underscored(sys.argv[1:] if argv is None else argv)
    named, _ = _config_parser().parse_known_args(words)
    if named.config:
        parser.set_defaults(**_read_settings(Path(named.config), parser))
    return parser.parse_args(words)


def _config_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config", help="TOML file of settings, named like the flags; flags win")
    return parser


def _read_settings(path: Path, parser: argparse.ArgumentParser) -> dict[str, Any]:
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(
            f"{path} cannot be read as TOML ({error}); expected lines such as n_sent_per_chunk = 6"
        ) from error
    known = {action.dest for action in parser._actions}
    unknown = sorted({name.replace("-", "_") for name in settings} - known)
    if unknown:
        raise SettingError(f"{path} sets {', '.join(unknown)}; expected names of flags: see --help")
    return {name.replace("-", "_"): value for name, value in settings.items()}


def _judge_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pipeline.py",
        description="Judge whether a backstory of a character is consistent with a complete novel, claim by claim.",
        epilog="Without any flag the bundled story and an inconsistent backstory are judged. Exit status: 0 when a "
        "verdict was reached, 2 on an error.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        parents=[_config_parser(), _common_parser()],
    )
    parser.add_argument("--target_character", help="whom the backstory is about, e.g. 'Edmond Dantès'")
    parser.add_argument("--backstory_file", help="text file with the backstory")
    parser.add_argument("--novel", help="title, file name or path; without it the only novel that names the character")
    parser.add_argument("--track", action="append", default=[], help="a further character whose states to keep")
    return parser


def _dataset_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_dataset.py",
        description="Cross-validate and fit a verdict on labelled backstories, and predict the rows of another table.",
        epilog="Columns: id, book_name, char, content, optional caption, and label (consistent, contradict, "
        "inconsistent, 1 or 0) in the training table. Exit status: 0, or 2 on an error.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        parents=[_config_parser(), _common_parser()],
    )
    parser.add_argument("--train_csv", default="train.csv", help="labelled rows")
    parser.add_argument("--test_csv", default="test.csv", help="rows to predict")
    parser.add_argument("--folds", type=int, default=5, help="folds of the cross-validation")
    parser.add_argument("--repeats", type=int, default=20, help="repeats of the cross-validation")
    return parser


def _common_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--novels_dir", default="novels", help="folder of novels (.txt)")
    parser.add_argument("--out_dir", default="outputs", help="folder for the artefacts")
    parser.add_argument("--n_sent_per_chunk", type=int, default=6, help="sentences of a chunk")
    parser.add_argument("--overlap", type=int, default=2, help="sentences that neighbouring chunks share")
    parser.add_argument("--top_k", type=int, default=10, help="chunks retrieved for a claim")
    parser.add_argument("--spacy_model", help="spaCy model whose PERSON entities find characters, e.g. en_core_web_sm")
    parser.add_argument("--alias", action="append", default=[], help="another name: 'Monte Cristo=Edmond Dantès'")
    parser.add_argument("--aliases_file", help="file of such lines")
    parser.add_argument("--model_dir", default="models/reader", help="folder of the reader")
    parser.add_argument("--verdict_dir", default="models/verdict", help="folder of the fitted verdict")
    parser.add_argument("--cache_dir", help="folder of kept readings; also BDH_CACHE_DIR")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:0")
    parser.add_argument("--dtype", default="auto", choices=["auto", "fp32", "bf16"], help="precision of the reader")
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0 leaves the choice to torch")
    parser.add_argument("--seed", type=int, default=0, help="of all chance")
    return parser


def _settings(arguments: argparse.Namespace) -> PipelineConfig:
    chunks = ChunkConfig(arguments.n_sent_per_chunk, arguments.overlap)
    return PipelineConfig(
        text=TextConfig(arguments.spacy_model, chunks),
        reading=ReadingConfig(arguments.model_dir, arguments.device, arguments.dtype),
        retrieval=RetrievalConfig(arguments.top_k),
        scoring=ScoringConfig(arguments.verdict_dir),
        seed=arguments.seed,
    )


@contextmanager
def _pipeline(arguments: argparse.Namespace) -> Iterator[Pipeline]:
    """Yield the stages with progress bars on standard error."""
    if arguments.threads < 0:
        raise SettingError(f"threads is {arguments.threads}; it must be at least 1, or 0 for torch's own choice")
    set_threads(arguments.threads)
    aliases = tuple(parse_alias(text) for text in arguments.alias)
    if arguments.aliases_file:
        aliases += load_aliases(arguments.aliases_file)
    cache = Path(arguments.cache_dir) if arguments.cache_dir else None
    with _Bars() as bars:
        yield Pipeline(_settings(arguments), aliases, cache, bars.show)


class _Bars:
    """One progress bar at a time, named by what is read."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._name = ""

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, name: str, read: int, total: int) -> None:
        """Move the bar of ``name`` by ``read`` of ``total``."""
        if self._bar is None or self._name != name:
            self.__exit__()
            self._bar, self._name = tqdm(total=total, desc=name, unit="token", unit_scale=True), name
        self._bar.update(read)
        if self._bar.n >= total:
            self._bar.close()


def _judge(arguments: argparse.Namespace) -> int:
    _fill_bundled(arguments)
    backstory = read_backstory(arguments.backstory_file)
    out = Path(arguments.out_dir)
    prepare_folder(out)
    with _pipeline(arguments) as pipeline:
        book = _open(pipeline, arguments)
        character = pipeline.find_character(book, arguments.target_character)
        others = [pipeline.find_character(book, name) for name in arguments.track]
        _say(f"{book.novel.name}: {len(book.chunks)} chunks, {len(character.chunks)} with {character.name}")
        for notice in book.novel.notices:
            _say(f"note: {notice}")
        reading = pipeline.read(book, [character, *others])
        verdict = pipeline.judge_backstory(book, reading, character, backstory)
        cast = _cast_with(book, [character, *others])
        paths = write_verdict(
            out,
            novel=book.novel,
            chunks=book.chunks,
            cast=cast,
            reading=reading,
            verdict=verdict,
            manifest=_manifest(pipeline, arguments),
        )
    _show_verdict(verdict, paths)
    return 0


def _fill_bundled(arguments: argparse.Namespace) -> None:
    given = [name for name in ("target_character", "backstory_file") if getattr(arguments, name)]
    if len(given) == 1:
        missing = "backstory_file" if "target_character" in given else "target_character"
        raise SettingError(f"--{given[0]} is given without --{missing}; give both, or neither for the bundled story")
    if given:
        return
    _say("no backstory given: judging the bundled story; see --help for your own")
    arguments.target_character, arguments.backstory_file = _BUNDLED["target_character"], _BUNDLED["backstory_file"]
    if not arguments.novel and arguments.novels_dir == "novels":
        arguments.novels_dir, arguments.novel = _BUNDLED["novels_dir"], "The Unlit Hour"


def _open(pipeline: Pipeline, arguments: argparse.Namespace) -> Book:
    if arguments.novel:
        path = Path(arguments.novel)
        return pipeline.open_book(path if path.is_file() else find_novel(arguments.novels_dir, arguments.novel))
    return pipeline.open_book(choose_novel(arguments.novels_dir, arguments.target_character, aliases=pipeline.aliases))


def _cast_with(book: Book, tracked: Sequence[Character]) -> list[Character]:
    """Return the cast with the tracked characters as they were resolved, in place of those of the same name."""
    names = {person.name for person in tracked}
    return [*tracked, *(person for person in book.cast if person.name not in names)]


def _manifest(pipeline: Pipeline, arguments: argparse.Namespace) -> Manifest:
    weights = {"reader": pipeline.encoder.weights_sha256, "verdict": pipeline.judge.sha256}
    return Manifest(asdict(pipeline.config), arguments.seed, weights, _METHODS)


def _show_verdict(verdict: Verdict, paths: Sequence[Path]) -> None:
    for judged in verdict.claims:
        _say(f"  {judged.label:<12} {judged.probability:.2f}  {judged.claim.text}")
        _say(f"               {judged.rationale}")
    for path in paths:
        _say(str(path))
    report = next(path for path in paths if path.name == "report.html")
    _say(
        f"{verdict.character} in {verdict.novel}: {verdict.label} (probability of consistent {verdict.probability:.2f})"
    )
    _say(f"report: {report}")


def _dataset(arguments: argparse.Namespace) -> int:
    train = read_table(arguments.train_csv, labelled="required")
    test = read_table(arguments.test_csv, labelled="absent")
    shared = {row.id for row in train} & {row.id for row in test}
    if shared:
        _say(f"note: {len(shared)} ids stand in both tables, e.g. {sorted(shared)[0]}")
    out = Path(arguments.out_dir)
    prepare_folder(out)
    novels: dict[str, str] = {}
    written: list[Path] = []
    with _pipeline(arguments) as pipeline, _Bars() as bars:

        def keep(book: Book, reading: Reading) -> None:
            novels[book.novel.name] = book.novel.sha256
            files = write_reading(out, novel=book.novel, chunks=book.chunks, cast=book.cast, reading=reading)
            written.extend(files)

        keyed = judge_rows(pipeline, [*train, *test], Path(arguments.novels_dir), on_book=keep, on_rows=bars.show)
        judged_train, judged_test = keyed[: len(train)], keyed[len(train) :]
        fitted = fit_tables(judged_train, folds=arguments.folds, repeats=arguments.repeats, seed=arguments.seed)
        manifest = _manifest(pipeline, arguments)
    paths = _write_tables(out, judged_train, judged_test, fitted, (novels, written), manifest)
    _show_dataset(keyed, fitted, paths)
    return 0


def _write_tables(
    out: Path,
    train: Sequence[JudgedRow],
    test: Sequence[JudgedRow],
    fitted: FittedTables,
    read: tuple[dict[str, str], list[Path]],
    manifest: Manifest,
) -> tuple[Path, ...]:
    threshold = fitted.model.threshold
    predictions = predict(test, fitted.model)
    table = out / "test_predictions.csv"
    write_predictions(table, predictions, threshold=threshold)
    held_out = [float(chance) for chance in fitted.validation.probabilities]
    return write_dataset_evidence(
        out,
        train=evidence_of(train, held_out, threshold=threshold, how="out of fold, mean over the repeats"),
        test=evidence_of(
            test, [p.probability for p in predictions], threshold=threshold, how="fitted on all training rows"
        ),
        metrics=fitted.validation.to_dict(),
        novels=read[0],
        manifest=manifest,
        also=(*read[1], table),
    )


def _show_dataset(rows: Sequence[JudgedRow], fitted: FittedTables, paths: Sequence[Path]) -> None:
    for judged in rows:
        for notice in judged.notices:
            _say(f"note: row {judged.row.id}: {notice}")
    metrics = fitted.validation.to_dict()
    _say(f"cross-validated on {metrics['rows']} rows ({metrics['folds']} folds, {metrics['repeats']} repeats):")
    _show_figures("ours", metrics["figures"])
    for name, figures in metrics["baselines"].items():
        _show_figures(name, figures)
    for path in paths:
        _say(str(path))


def _show_figures(name: str, figures: dict[str, dict[str, float | None]]) -> None:
    shown = []
    for measure in ("accuracy", "balanced_accuracy", "auc", "contradict_precision", "contradict_recall"):
        figure = figures.get(measure)
        if figure is not None and figure["value"] is not None:
            low, high = figure["low"], figure["high"]
            interval = f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
            shown.append(f"{measure} {figure['value']:.3f}{interval}")
    _say(f"  {name}: " + ", ".join(shown))


def _tools_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline", description="Tools beside pipeline.py and run_dataset.py."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    cache = commands.add_parser("cache", help="see and manage the kept readings of novels")
    cache.add_argument(
        "action", choices=["show", "clear", "path"], help="list them, remove them, or say where they lie"
    )
    cache.add_argument("--cache_dir", help="folder of kept readings; also BDH_CACHE_DIR")
    cache.set_defaults(run=_cache)
    return parser


def _cache(arguments: argparse.Namespace) -> int:
    cache = ReadingCache(Path(arguments.cache_dir) if arguments.cache_dir else default_folder())
    if arguments.action == "path":
        _say(str(cache.folder))
    elif arguments.action == "clear":
        _say(f"removed {cache.clear()} readings from {cache.folder}")
    else:
        for entry in cache.entries():
            who = entry.about.get("character") or "whole novel"
            progress = "" if entry.finished else ", unfinished"
            _say(f"{entry.size / 1e6:8.1f} MB  {entry.about.get('novel', '?')}: {who}{progress}")
        _say(f"{len(cache.entries())} readings in {cache.folder}")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)
