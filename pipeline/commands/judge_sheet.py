"""A sheet with several characters judged against an open book: a verdict and a folder of artefacts for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.book import Book
from pipeline.claims.extract import checked_sheet
from pipeline.claims.people import read_parts, unassigned
from pipeline.claims.sheet import Part, SheetText
from pipeline.commands.judge_book import Judgement, judge_book
from pipeline.errors import BackstoryError, CharacterError, NovelError
from pipeline.records import BackstoryLabel, Character, Waiver
from pipeline.report.entries import answer_entry
from pipeline.report.sheet import write_sheet
from pipeline.report.sheet_view import LeftOut, SheetEntry, sheet_entry
from pipeline.report.view import PageContext
from pipeline.run import Pipeline
from pipeline.storage.files import safe_name
from pipeline.text.novels import list_novels
from pipeline.text.shelf import choose_novel


@dataclass(frozen=True)
class SheetPlan:
    """The characters of a sheet that the book names, each with its part; those it does not name; and notices."""

    parts: tuple[tuple[Character, Part], ...]
    left_out: tuple[LeftOut, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class SheetJudgement:
    """The verdicts on the characters of a sheet, and the files that sum them up."""

    plan: SheetPlan
    judgements: tuple[Judgement, ...]
    summary: Mapping[str, Any]
    files: tuple[Path, ...]

    @property
    def label(self) -> BackstoryLabel:
        """The worst of the verdicts."""
        label: BackstoryLabel = self.summary["verdict"]
        return label

    def answer(self) -> dict[str, Any]:
        """Return the verdicts in one mapping for programs, each complete."""
        answers = [
            answer_entry(each.book.novel, each.verdict, [str(path) for path in each.files]) for each in self.judgements
        ]
        return {**self.summary, "characters": answers, "files": [str(path) for path in self.files]}


def sheet_names(sheet: SheetText) -> tuple[str, ...]:
    """Return every name that a sheet may be about, before a novel is known."""
    return tuple(part.name for part in read_parts(checked_sheet(sheet), lambda name: True) if part.name)


def find_sheet_novel(pipeline: Pipeline, folder: str | Path, names: Sequence[str]) -> Path:
    """Return the only novel of the folder that has characters of these names; raises NovelError for several or none."""
    novels = list_novels(folder)
    if len(novels) == 1:
        return novels[0]
    found: dict[Path, str] = {}
    for name in names:
        try:
            found.setdefault(Path(choose_novel(folder, name, aliases=pipeline.aliases).path), name)
        except (NovelError, CharacterError):
            continue  # the others may be in one
    if len(found) != 1:
        named = (
            ", ".join(f"{name!r} in {path.name}" for path, name in found.items()) or "none of them in one novel alone"
        )
        raise NovelError(f"the sheet names {', '.join(map(repr, names))}: {named}; name the novel with --novel")
    return next(iter(found))


def plan_sheet(pipeline: Pipeline, book: Book, sheet: SheetText) -> SheetPlan:
    """Return which characters of a sheet are judged; raises BackstoryError where it names none of the book's."""

    def is_known(name: str) -> bool:
        try:
            pipeline.find_character(book, name)
        except CharacterError:
            return False
        return True

    parts = read_parts(checked_sheet(sheet), is_known)
    known, left_out = [], []
    for part in (part for part in parts if part.name):
        try:
            known.append((pipeline.find_character(book, part.name), part))
        except CharacterError as error:
            left_out.append(LeftOut(part.name, str(error)))
    if not known:
        reasons = "; ".join(each.reason for each in left_out) or "it has no field, heading or column with such a name"
        raise BackstoryError(
            f"the sheet names no character of {book.novel.name} ({reasons}); name the character that it is about"
        )
    return SheetPlan(tuple(known), tuple(left_out), unassigned(parts))


def judge_sheet(
    pipeline: Pipeline,
    book: Book,
    plan: SheetPlan,
    *,
    out: Path,
    track: Sequence[Character] = (),
    waivers: Sequence[Waiver] = (),
    around: PageContext | None = None,
    compare: bool = False,
    on_character: Callable[[Character], object] = lambda character: None,
    on_judged: Callable[[Judgement], object] = lambda judgement: None,
) -> SheetJudgement:
    """Judge each part, write its artefacts into a folder of its name under ``out``, and a page that links them.

    ``around`` and ``compare`` are as those of ``judge_book``.
    """
    judgements = []
    folders = list(_folders([character.name for character, _ in plan.parts]))
    back = replace(around or PageContext(), back=("All characters of the sheet", "../report.html"))
    for (character, part), folder in zip(plan.parts, folders, strict=True):
        on_character(character)
        judgement = judge_book(
            pipeline.fork(),
            book,
            [character, *track],
            part,
            out=out / folder,
            waivers=waivers,
            around=back,
            compare=compare,
        )
        on_judged(judgement)
        judgements.append(judgement)
    answers = [answer_entry(book.novel, each.verdict, ()) for each in judgements]
    entries = [SheetEntry(folder, answer) for folder, answer in zip(folders, answers, strict=True)]
    summary = sheet_entry(book.novel, entries, plan.left_out, plan.notices)
    return SheetJudgement(plan, tuple(judgements), summary, write_sheet(out, summary, entries))


def _folders(names: Sequence[str]) -> Iterator[str]:
    """Yield a folder for each name, with a number where two differ only in what a file name cannot hold."""
    taken: set[str] = set()
    for name in names:
        folder, number = safe_name(name), 1
        while folder.casefold() in taken:
            number += 1
            folder = f"{safe_name(name)} ({number})"
        taken.add(folder.casefold())
        yield folder
