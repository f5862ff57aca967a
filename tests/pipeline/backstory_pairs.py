"""Ten pairs of backstories that differ in one broken sentence, and what the whole path says of them.

``python -m tests.pipeline.backstory_pairs --novels FOLDER`` judges the pairs of the bundled story and of every novel
that the folder has, and prints what became of each; ``--record`` stores it as what the tests expect.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.book import Book
from pipeline.config import PipelineConfig, ReadingConfig
from pipeline.judging.verdict import deciding_pair
from pipeline.records import BackstoryLabel, ClaimVerdict, Verdict
from pipeline.run import Pipeline, Question

FOLDER = Path(__file__).parent / "pairs"
BUNDLED = Path(__file__).resolve().parents[2] / "novels"
CONFIG = PipelineConfig(reading=ReadingConfig(device="cpu"))

RIGHT = (
    "consistent one called consistent",
    "inconsistent one called inconsistent",
    "... with the broken claim contradicted",
    "... and its evidence quoted",
)
"""What may be right about a pair; each line but the first holds only where the one above it does."""

Verdicts = dict[str, Verdict]
"""The verdicts on the two backstories of a pair, by ``consistent`` and ``inconsistent``."""


@dataclass(frozen=True)
class Broken:
    """The sentence that replaces sentence ``number`` of the consistent backstory, and what the book has instead.

    ``evidence`` is the verbatim sentence of the novel that contradicts it; ``claimed`` and ``found`` are the words that
    differ, in the sentence and in the evidence.
    """

    number: int
    sentence: str
    evidence: str
    claimed: str
    found: str


@dataclass(frozen=True)
class Outcome:
    """What became of a pair: both verdicts, what was made of the broken sentence, and the claims flagged wrongly.

    ``broken`` is ``quoted`` where a claim of the broken sentence is contradicted with a quotation that overlaps the
    evidence, ``contradicted`` where the quotation is another one, else the label of its claim.
    """

    consistent: BackstoryLabel
    inconsistent: BackstoryLabel
    broken: str
    false_flags: tuple[str, ...] = ()

    @property
    def right(self) -> dict[str, bool]:
        """Whether the pair is right, by each of ``RIGHT``."""
        inconsistent = self.inconsistent == "inconsistent"
        values = (
            self.consistent == "consistent",
            inconsistent,
            inconsistent and self.broken in ("quoted", "contradicted"),
            inconsistent and self.broken == "quoted",
        )
        return dict(zip(RIGHT, values, strict=True))


@dataclass(frozen=True)
class BackstoryPair:
    """A consistent backstory in sentences, its broken sentence, and the outcome that is recorded for them.

    ``open`` are the numbers of the sentences that the book neither states nor rules out; it states the others.
    """

    id: str
    character: str
    type: str
    difficulty: str
    backstory: tuple[str, ...]
    open: tuple[int, ...]
    broken: Broken
    expected: Outcome | None = None

    @property
    def texts(self) -> dict[str, str]:
        """The text of the consistent backstory and of the inconsistent one."""
        place = self.broken.number - 1
        twin = (*self.backstory[:place], self.broken.sentence, *self.backstory[place + 1 :])
        return {"consistent": " ".join(self.backstory), "inconsistent": " ".join(twin)}


@dataclass(frozen=True)
class PairFile:
    """The pairs about one novel; ``sha256`` is that of its text, empty for the bundled story."""

    path: Path
    book: str
    sha256: str
    pairs: tuple[BackstoryPair, ...]

    def novel(self, folders: Sequence[Path]) -> Path | None:
        """Return the file of the novel in the first of the folders that has it, unchanged; else None."""
        for folder in folders:
            path = folder / f"{self.book}.txt"
            if path.is_file() and self.sha256 in ("", sha256(path.read_bytes()).hexdigest()):
                return path
        return None


def load(path: Path) -> PairFile:
    """Load one file of pairs."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return PairFile(path, data["book"], data.get("sha256", ""), tuple(map(_pair, data["pairs"])))


def load_all() -> tuple[PairFile, ...]:
    """Load every file of pairs, in the order of their names."""
    return tuple(map(load, sorted(FOLDER.glob("*.json"))))


def _pair(data: dict[str, Any]) -> BackstoryPair:
    expected = data.get("expected")
    if expected:
        expected = Outcome(**expected | {"false_flags": tuple(expected["false_flags"])})
    lists = {name: tuple(data[name]) for name in ("backstory", "open")}
    return BackstoryPair(**data | lists | {"broken": Broken(**data["broken"]), "expected": expected})


def judge(pipeline: Pipeline, book: Book, pairs: Sequence[BackstoryPair]) -> dict[str, Verdicts]:
    """Return the verdicts on both backstories of each pair by its id.

    They are those of the command line, but that what twins share is judged once, and no character's states are read.
    """
    people = {pair.id: pipeline.find_character(book, pair.character) for pair in pairs}
    claims = {
        pair.id: {name: pipeline.extract(text, people[pair.id].name) for name, text in pair.texts.items()}
        for pair in pairs
    }
    questions = [
        Question(tuple({claim.id: claim for half in claims[id_].values() for claim in half}.values()), person)
        for id_, person in people.items()
    ]
    answers = pipeline.judge_claims(book, questions, track=None).answers
    found = {verdict.claim.id: verdict for answer in answers for verdict in answer}
    conclude = pipeline.models.backstory_model.conclude
    return {
        id_: {
            name: conclude(book.novel.name, people[id_].name, tuple(found[claim.id] for claim in half), ())
            for name, half in halves.items()
        }
        for id_, halves in claims.items()
    }


def outcome(text: str, pair: BackstoryPair, verdicts: Verdicts) -> Outcome:
    """Return what became of a pair, given the text of its novel."""
    broken = [claim for claim in verdicts["inconsistent"].claims if is_broken(claim, pair.broken)]
    flags = [
        claim.claim.text
        for verdict in verdicts.values()
        for claim in verdict.claims
        if claim.label == "contradicted" and not is_broken(claim, pair.broken)
    ]
    start = text.index(pair.broken.evidence)
    ranks = [_rank(claim, start, start + len(pair.broken.evidence)) for claim in broken]
    labels = {name: verdict.label for name, verdict in verdicts.items()}
    return Outcome(**labels, broken=max(ranks)[1], false_flags=tuple(dict.fromkeys(flags)))


def is_broken(claim: ClaimVerdict, broken: Broken) -> bool:
    """Return whether a claim is the part of the broken sentence with the words that differ."""
    source = claim.claim.source
    return source in broken.sentence and (broken.claimed in source or source in broken.claimed)


def _rank(claim: ClaimVerdict, start: int, end: int) -> tuple[int, str]:
    """Return how well a claim of the broken sentence fares, for comparison, and the word for it."""
    if claim.label != "contradicted":
        return 0, claim.label
    quoted = deciding_pair(claim.label, claim.pairs)
    return (2, "quoted") if quoted.start < end and start < quoted.end else (1, "contradicted")


def table(files: Iterable[PairFile]) -> str:
    """Return the recorded outcomes as tables in Markdown: the counts, and a row for each pair."""
    pairs = [(file.book, pair, pair.expected) for file in files for pair in file.pairs if pair.expected]
    counts = [f"| {word} | {sum(own.right[word] for _, _, own in pairs)} of {len(pairs)} |" for word in RIGHT]
    flags = [flag for _, _, own in pairs for flag in own.false_flags]
    backstories = sum(len(pair.backstory) for _, pair, _ in pairs)
    rows = [
        f"| {pair.id} | {book.split(';')[0]} | {pair.character} | {pair.type}, {pair.difficulty} "
        f"| {own.consistent} | {own.inconsistent} | {own.broken} | {len(own.false_flags)} |"
        for book, pair, own in pairs
    ]
    return "\n".join(
        [
            "| | |\n|---|---|",
            *counts,
            f"| true or open claims called contradicted | {len(flags)}, of {backstories} true or open sentences |\n",
            "| id | book | character | broken | consistent one | inconsistent one | broken sentence | false flags |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
        ]
    )


def novel_folders(folder: str | None = None) -> tuple[Path, ...]:
    """Return where novels are looked for: the bundled folder, and one that is given or that NOVEL_DATA names."""
    more = folder or os.environ.get("NOVEL_DATA")
    return (BUNDLED, Path(more)) if more else (BUNDLED,)


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the pairs and print the outcome of each; return 0."""
    parser = argparse.ArgumentParser(description="Judge the pairs of backstories.")
    parser.add_argument("--novels", metavar="FOLDER", help="plain texts of the novels that are not bundled")
    parser.add_argument("--cache_dir", metavar="FOLDER", help="readings; default the user's own cache")
    parser.add_argument("--record", action="store_true", help="store the outcomes as what the tests expect")
    given = parser.parse_args(arguments)
    pipeline = Pipeline(CONFIG, cache_dir=given.cache_dir)
    for file in load_all():
        novel = file.novel(novel_folders(given.novels))
        if novel is None:
            print(f"{file.book}: not found", file=sys.stderr)
            continue
        book = pipeline.open_book(novel)
        verdicts = judge(pipeline, book, file.pairs)
        found = {pair.id: outcome(book.novel.text, pair, verdicts[pair.id]) for pair in file.pairs}
        for pair in file.pairs:
            print("\n".join(_lines(pair, verdicts[pair.id], found[pair.id])), flush=True)
        if given.record:
            _record(file, found)
    return 0


def _lines(pair: BackstoryPair, verdicts: Verdicts, found: Outcome) -> Iterator[str]:
    """Yield what a person who reads the outcome of a pair wants to see."""
    yield f"## {pair.id} ({pair.character}, {pair.type}, {pair.difficulty}): {found.broken}; {pair.broken.sentence}"
    for name, verdict in verdicts.items():
        yield f"{name}: {verdict.label} {verdict.probability:.3f}"
        yield from (f"  notice: {notice}" for notice in verdict.notices)
        for claim in verdict.claims:
            if name == "consistent" or is_broken(claim, pair.broken):
                yield f"  {claim.claim.id} {claim.label} {claim.probability:.2f} {claim.claim.text}"
                yield f"    {claim.rationale}"


def _record(file: PairFile, found: dict[str, Outcome]) -> None:
    data = json.loads(file.path.read_text(encoding="utf-8"))
    for pair in data["pairs"]:
        pair["expected"] = asdict(found[pair["id"]])
    file.path.write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
