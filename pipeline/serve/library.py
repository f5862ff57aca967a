"""What the pages do: novels on a shelf, questions asked of them, and the reports that are kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.book import Book
from pipeline.commands.judge_book import Judgement, judge_book
from pipeline.errors import BackstoryError, NovelError, WaiverError
from pipeline.records import Waiver
from pipeline.report.book import book_view
from pipeline.report.entries import answer_entry
from pipeline.report.html import render_page
from pipeline.report.view import Surroundings, page_view
from pipeline.run import Pipeline
from pipeline.storage.files import prepare_folder, write_json, write_text
from pipeline.text.novels import list_novels
from pipeline.waivers import drop_waiver, load_waivers, save_waiver, waivers_path

QUESTION, ANSWER, PAGE, REPORT = "question.json", "verdict.json", "page.html", "report.html"
LONGEST_BACKSTORY = 100_000
_BOOKS_HELD = 3


@dataclass(frozen=True)
class Question:
    """A backstory of a character, asked of a novel on the shelf."""

    novel: str
    character: str
    backstory: str

    @property
    def id(self) -> str:
        """The name of its report, the same whenever the same is asked."""
        return sha256("\0".join((self.novel, self.character, self.backstory)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Report:
    """A question that has been answered."""

    id: str
    question: Question
    verdict: str
    probability: float


class Desk:
    """The novels of one folder, and the reports under another."""

    def __init__(self, pipeline: Pipeline, novels_dir: Path, out_dir: Path) -> None:
        self.pipeline, self.novels_dir, self.out_dir = pipeline, novels_dir, prepare_folder(out_dir)
        if not novels_dir.exists():  # one that is there may be for reading only
            prepare_folder(novels_dir)
        self._books: dict[tuple[str, int, int], Book] = {}
        self._lock = threading.Lock()

    def shelf(self) -> dict[str, Path]:
        """Return the novels by the name that pages give them."""
        return {path.stem: path for path in list_novels(self.novels_dir)}

    def path_of(self, novel: str) -> Path:
        """Return the file of a novel on the shelf; raises NovelError for a name that is not there."""
        try:
            return self.shelf()[novel]
        except KeyError as error:
            raise NovelError(f"no novel {novel!r} is on the shelf; choose one that is, or bring it") from error

    def book_at_hand(self, novel: str) -> Book | None:
        """Return a novel that is open already, in its present version."""
        with self._lock:
            return self._books.get(_version(self.path_of(novel)))

    def open(self, novel: str) -> Book:
        """Return a novel with its cast, which takes a while the first time; the last few stay open."""
        known = self.book_at_hand(novel)
        if known is not None:
            return known
        path = self.path_of(novel)
        version, book = _version(path), self.pipeline.open_book(path)
        _ = book.cast  # part of the wait, so that the page has it at once
        with self._lock:
            self._books[version] = book
            while len(self._books) > _BOOKS_HELD:
                del self._books[next(iter(self._books))]
        return book

    def ask(self, question: Question, enter: Callable[[str], None]) -> None:
        """Judge a backstory and keep the report; ``enter`` is told each step."""
        enter("Finding sentences and names")
        book = self.open(question.novel)
        character = self.pipeline.find_character(book, question.character)
        waivers = load_waivers(waivers_path(self.path_of(question.novel)))
        out = self.out_dir / question.id
        judgement = judge_book(
            self.pipeline.fork(), book, [character], question.backstory, out=out, waivers=waivers, on_step=enter
        )
        self._keep(out, question, judgement)

    def _keep(self, out: Path, question: Question, judgement: Judgement) -> None:
        """Write what the desk itself needs beside the artefacts; the question last, for it makes a report of them."""
        names = [path.name for path in judgement.files]
        around = Surroundings(
            back=(f"Desk of {question.novel}", f"/novels/{quote(question.novel)}"),
            links={
                "This page as a file": f"/reports/{question.id}/{REPORT}",
                "The verdict as JSON": f"/reports/{question.id}/{ANSWER}",
            },
            waive=f"/reports/{question.id}/waivers",
        )
        book = book_view(judgement.book.novel, judgement.book.chunks, judgement.cast, judgement.reading)
        view = page_view(book, judgement.verdict, judgement.manifest, quality=judgement.quality, around=around)
        write_text(out / PAGE, render_page(view))
        write_json(out / ANSWER, answer_entry(judgement.book.novel, judgement.verdict, names))
        write_json(out / QUESTION, asdict(question))

    def reports(self, novel: str | None = None) -> list[Report]:
        """Return the kept reports, those on ``novel`` where one is named, by novel, character and words."""
        found = [self.report(path.parent.name) for path in sorted(self.out_dir.glob(f"*/{QUESTION}"))]
        kept = [report for report in found if report and novel in (None, report.question.novel)]
        return sorted(kept, key=lambda report: tuple(asdict(report.question).values()))

    def report(self, id: str) -> Report | None:
        """Return a kept report, None where there is none of this id."""
        folder = self.folder(id)
        if folder is None:
            return None
        answer = _load(folder / ANSWER)
        return Report(id, Question(**_load(folder / QUESTION)), answer["verdict"], answer["probability"])

    def folder(self, id: str) -> Path | None:
        """Return where a report lies; an id is letters and digits, so that it leads nowhere else."""
        folder = self.out_dir / id
        return folder if id.isalnum() and (folder / QUESTION).is_file() else None

    def waive(self, report: Report, claim: str, reason: str) -> None:
        """Mark a contradicted claim of a report as intentional, for its weightiest passage.

        Raises:
            WaiverError: the report has no such claim, or the reason is empty or too long.
        """
        found = self._claim(report, claim)
        against = [pair for pair in found["passages"] if pair["label"] == "contradict"]
        passage = max(against, key=lambda pair: pair["probabilities"]["contradict"])["quotation"] if against else ""
        waiver = Waiver(found["character"], found["text"], " ".join(reason.split()), passage)
        save_waiver(waivers_path(self.path_of(report.question.novel)), waiver)

    def count_again(self, report: Report, claim: str) -> None:
        """Take back what ``waive`` marked."""
        found = self._claim(report, claim)
        path = waivers_path(self.path_of(report.question.novel))
        drop_waiver(path, character=found["character"], claim=found["text"])

    def _claim(self, report: Report, claim: str) -> dict[str, Any]:
        claims = _load(self.out_dir / report.id / ANSWER)["claims"]
        found: dict[str, Any] | None = next((entry for entry in claims if entry["id"] == claim), None)
        if found is None:
            raise WaiverError(f"the report has no claim {claim!r}; open it again and choose one of those it shows")
        return found


def checked_question(novel: str, character: str, backstory: str) -> Question:
    """Return a question as it was typed, trimmed; raises BackstoryError where a part is missing or too long."""
    question = Question(novel, " ".join(character.split()), backstory.replace("\r\n", "\n").strip())
    if not question.character or not question.backstory:
        raise BackstoryError("the character or the backstory is empty; fill in both")
    if len(question.backstory) > LONGEST_BACKSTORY:
        raise BackstoryError(
            f"the backstory has {len(question.backstory):,} letters; give at most {LONGEST_BACKSTORY:,} at a time"
        )
    return question


def _version(path: Path) -> tuple[str, int, int]:
    stat = path.stat()
    return path.name, stat.st_mtime_ns, stat.st_size


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
