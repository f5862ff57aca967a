"""Plain claims of novels in, the fitted models of the judge out."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.commands.progress import print_line, with_bar
from pipeline.commands.session import open_stages
from pipeline.config import PipelineConfig
from pipeline.errors import TableError
from pipeline.evaluation.claim_benchmark import single_claim
from pipeline.evaluation.fit_judge import FittedRow, fit_backstories, fit_claims
from pipeline.evaluation.tables import find_people
from pipeline.judging.interface import JudgeContext
from pipeline.judging.window_judge import BDH, CROSS, WindowJudge, open_unfitted_judge
from pipeline.records import CLAIM_LABELS
from pipeline.run import Pipeline
from pipeline.storage.files import prepare_folder
from pipeline.tables.plain_claims import PlainClaim, read_plain_claims, read_titles
from pipeline.text.novels import Shelf

_MODELS = {"joint.json": (BDH, CROSS), "bdh.json": (BDH,)}


def fit_models(arguments: argparse.Namespace, config: PipelineConfig) -> int:
    """Compute the features of the claims, and write the models fitted on them; return 0."""
    claims = read_plain_claims(Path(arguments.claims))
    if arguments.only:
        chosen = read_titles(arguments.only, {claim.book for claim in claims})
        claims = [claim for claim in claims if claim.book in chosen]
    out = prepare_folder(Path(arguments.out_dir))
    rows = _features(arguments, config, claims, out / "features.jsonl")
    for name, prefixes in _MODELS.items():
        model, out_of_fold = fit_claims(rows, prefixes=prefixes)
        model.save(out / name)
        if name == "joint.json":
            fit_backstories(rows, out_of_fold, model, seed=config.seed).save(out / "backstory.json")
        right = np.array([CLAIM_LABELS.index(row.label) for row in rows]) == out_of_fold.argmax(axis=1)
        print_line(
            f"{out / name}: {len(rows):,} claims, {right.mean():.3f} right out of fold by novel; supported from "
            f"{model.thresholds[0]:.3f}, contradicted from {model.thresholds[1]:.3f}"
        )
    return 0


def _features(
    arguments: argparse.Namespace, config: PipelineConfig, claims: Sequence[PlainClaim], path: Path
) -> list[FittedRow]:
    """Return the features of the claims; those of finished novels are read from ``path``."""
    done = {line["id"]: line for line in read_lines(path)}
    shelf = Shelf(Path(arguments.novels_dir))
    with open_stages(arguments, config) as pipeline:
        judge = open_unfitted_judge(JudgeContext(config, None))
        books = [(title, _drawn(list(own), arguments.most, config.seed)) for title, own in groupby(claims, _book)]
        for title, own in with_bar(books, unit="novel", name="features"):
            if all(claim.id in done for claim in own):
                continue
            found = _judge_book(pipeline, judge, shelf.find(title, paths=False), own)
            with path.open("a", encoding="utf-8") as file:
                for claim, features in zip(own, found, strict=True):
                    done[claim.id] = {"id": claim.id, "label": claim.label, "book": title, "features": features}
                    file.write(json.dumps(done[claim.id]) + "\n")
    wanted = {claim.id for _, own in books for claim in own}
    return [FittedRow(one["features"], one["label"], one["book"]) for key, one in done.items() if key in wanted]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSON-lines file, none where there is no file; raises TableError for a damaged line."""
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise TableError(f"{path} has a line that is not JSON ({error}); remove the line or the file") from error


def _book(claim: PlainClaim) -> str:
    return claim.book


def _drawn(claims: list[PlainClaim], most: int, seed: int) -> list[PlainClaim]:
    """Return at most ``most`` claims, twins together, in their order."""
    if not most or len(claims) <= most:
        return claims
    rng = random.Random(f"{seed}:{claims[0].book}")
    keys = list(dict.fromkeys(claim.pair or claim.id for claim in claims))
    rng.shuffle(keys)
    kept: set[str] = set()
    for key in keys:
        if sum((claim.pair or claim.id) in kept for claim in claims) >= most:
            break
        kept.add(key)
    return [claim for claim in claims if (claim.pair or claim.id) in kept]


def _judge_book(
    pipeline: Pipeline, judge: WindowJudge, path: Path, claims: Sequence[PlainClaim]
) -> list[dict[str, float]]:
    """Return the features of claims about one novel; without state distance the novel need not be read."""
    book = pipeline.open_book(path)
    reading = pipeline.read(book) if pipeline.config.retrieval.state_weight else None
    people = find_people(pipeline, book, [claim.character for claim in claims])
    questions = []
    for plain in claims:
        claim = single_claim(plain.id, plain.character, plain.text)
        questions.append(pipeline.find_evidence(book, reading, people[plain.character], [claim])[claim.id])
    return [verdict.features for verdict in judge.judge(book, questions)]
