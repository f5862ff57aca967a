"""The desk behind the pages: novels, backstories that are submitted for them, and the stored reports."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.book import Book
from pipeline.commands.export import DOCUMENT, LIST, comment_novel
from pipeline.commands.judge_book import Judgement, judge_book
from pipeline.commands.judge_sheet import plan_sheet
from pipeline.errors import NovelError, WaiverError
from pipeline.narration.given import load_narrators, narrators_path, parse_narrator
from pipeline.report.book import book_view
from pipeline.report.entries import answer_entry
from pipeline.report.findings import findings_markdown
from pipeline.report.html import render_page
from pipeline.report.sheet_view import LeftOut, SheetView, sheet_row, view_of_rows
from pipeline.report.view import PageContext, page_view
from pipeline.report.wording import tally
from pipeline.run import Pipeline
from pipeline.serve.submissions import Report, SheetReport, Submission
from pipeline.storage.files import prepare_folder, write_json, write_text
from pipeline.text.aliases import add_alias, aliases_path, parse_alias
from pipeline.text.novels import list_novels, load_novel, novel_size
from pipeline.waivers import drop_waiver, load_waivers, make_waiver, renew_waiver, save_waiver, waivers_path

SUBMISSION, ANSWER, PAGE, REPORT, SHEET = "question.json", "verdict.json", "page.html", "report.html", "sheet.json"
_LOADED_BOOKS = 3


class Desk:
    """The novels of one folder, and the reports under another."""

    def __init__(self, pipeline: Pipeline, novels_dir: Path, out_dir: Path) -> None:
        self.pipeline, self.novels_dir, self.out_dir = pipeline, novels_dir, prepare_folder(out_dir)
        if not novels_dir.exists():  # an existing one may be read-only
            prepare_folder(novels_dir)
        self._books: dict[tuple[str, ...], Book] = {}
        self._lock = threading.Lock()

    def novels(self) -> dict[str, Path]:
        """Return the files of the novels by the name that pages show."""
        novels = list_novels(self.novels_dir)
        stems = Counter(path.stem for path in novels)
        return {path.stem if stems[path.stem] == 1 and not path.is_dir() else path.name: path for path in novels}

    def path_of(self, novel: str) -> Path:
        """Return the file of a novel; raises NovelError for an unknown name."""
        try:
            return self.novels()[novel]
        except KeyError as error:
            raise NovelError(f"there is no novel {novel!r}; choose one from the list, or add it") from error

    def loaded_book(self, novel: str) -> Book | None:
        """Return the current version of a novel if it is loaded, else None."""
        with self._lock:
            return self._books.get(_version(self.path_of(novel)))

    def open(self, novel: str) -> Book:
        """Return a novel with its cast, which takes a while the first time; the last few stay loaded."""
        known = self.loaded_book(novel)
        if known is not None:
            return known
        path = self.path_of(novel)
        version, book = _version(path), self.pipeline.open_book(path)
        _ = book.cast, book.epithets  # computed now, so that the page does not wait for it
        with self._lock:
            self._books[version] = book
            while len(self._books) > _LOADED_BOOKS:
                del self._books[next(iter(self._books))]
        return book

    def confirm_alias(self, novel: str, alias: str, name: str) -> None:
        """Store another name of a person in the aliases file next to the novel; raises SettingError."""
        add_alias(aliases_path(self.path_of(novel)), parse_alias(f"{alias}={name}"))

    def set_narrators(self, novel: str, lines: str) -> None:
        """Store who tells the novel, one narrator a line; without a line, remove the file. Raises SettingError."""
        path = narrators_path(self.path_of(novel))
        given = [line.strip() for line in lines.splitlines() if line.strip()]
        for line in given:
            parse_narrator(line)
        if given:
            write_text(path, "\n".join(given) + "\n")
        else:
            path.unlink(missing_ok=True)

    def narrators(self, novel: str) -> tuple[str, ...]:
        """Return the narrators that the user gave for a novel."""
        return load_narrators(narrators_path(self.path_of(novel)))

    def judge(self, submission: Submission, on_step: Callable[[str], None], *, of_sheet: bool = False) -> None:
        """Judge a backstory and store the report; ``on_step`` receives the name of each step.

        The report of a character ``of_sheet``, now or before, leads back to the sheet.
        """
        on_step("Finding sentences and names")
        book = self.open(submission.novel)
        character = self.pipeline.find_character(book, submission.character)
        waivers = load_waivers(waivers_path(self.path_of(submission.novel)))
        out = self.out_dir / submission.id
        judgement = judge_book(
            self.pipeline.fork(),
            book,
            [character],
            submission.sheet,
            out=out,
            waivers=waivers,
            compare=True,
            on_step=on_step,
        )
        self._store(out, submission, judgement, of_sheet or self._is_sheet(submission.of_sheet.id))

    def judge_sheet(self, submission: Submission, on_step: Callable[[str], None]) -> None:
        """Judge every character that a submission without one names, and store the reports and the list of them."""
        on_step("Finding sentences and names")
        plan = plan_sheet(self.pipeline, self.open(submission.novel), submission.sheet)
        reports = []
        for _, part in plan.parts:
            own = replace(submission, character=part.name)
            self.judge(own, lambda step, name=part.name: on_step(f"{name}: {step}"), of_sheet=True)  # type: ignore[misc]
            reports.append(own.id)
        left_out = [{"character": each.name, "reason": each.reason} for each in plan.left_out]
        listed = {"novel": submission.novel, "reports": reports, "not_judged": left_out, "notices": list(plan.notices)}
        write_json(prepare_folder(self.out_dir / submission.id) / SHEET, listed)

    def _is_sheet(self, id: str) -> bool:
        return id.isalnum() and (self.out_dir / id / SHEET).is_file()

    def sheet_report(self, id: str) -> SheetReport | None:
        """Return what is stored of a sheet, None for an unknown id; reports that were removed are left out."""
        if not self._is_sheet(id):
            return None
        listed = _load(self.out_dir / id / SHEET)
        found = (self.report(each) for each in listed["reports"])
        reports = tuple(report for report in found if report is not None)
        return SheetReport(id, listed["novel"], reports, tuple(listed["not_judged"]), tuple(listed["notices"]))

    def sheets(self, novel: str | None = None) -> list[SheetReport]:
        """Return the stored sheets of which a report is left, or those on ``novel``, by novel."""
        found = [self.sheet_report(path.parent.name) for path in sorted(self.out_dir.glob(f"*/{SHEET}"))]
        chosen = [sheet for sheet in found if sheet and sheet.reports and novel in (None, sheet.novel)]
        return sorted(chosen, key=lambda sheet: sheet.novel)

    def sheet_view(self, sheet: SheetReport) -> SheetView:
        """Return the page of a sheet: each character with its findings."""
        rows = [sheet_row(_load(self.out_dir / each.id / ANSWER), f"/reports/{each.id}") for each in sheet.reports]
        left_out = [LeftOut(each["character"], each["reason"]) for each in sheet.not_judged]
        links = (
            {"Change the sheet": f"/novels/{quote(sheet.novel)}?from={sheet.reports[0].id}"} if sheet.reports else {}
        )
        around = PageContext(
            back=(f"Back to {sheet.novel}", f"/novels/{quote(sheet.novel)}"),
            links=links | _finding_links("sheets", sheet.id),
        )
        return view_of_rows(sheet.novel, rows, left_out, sheet.notices, around)

    def findings_list(self, reports: Sequence[Report]) -> str:
        """Return the findings of some reports on one novel as a Markdown list."""
        answers = [_load(self.out_dir / report.id / ANSWER) for report in reports]
        return findings_markdown(reports[0].submission.novel, answers)

    def findings_document(self, reports: Sequence[Report]) -> bytes:
        """Return the novel of some reports as a Word document with their findings as comments.

        Raises:
            OutputError: the novel was changed since, or a report is not complete.
            NovelError: it cannot be read.
        """
        novel = load_novel(self.path_of(reports[0].submission.novel))
        return comment_novel(novel, [self.out_dir / report.id for report in reports]).data

    def _store(self, out: Path, submission: Submission, judgement: Judgement, of_sheet: bool) -> None:
        """Write the desk's own files next to the artefacts; the submission last, because it marks a complete report."""
        names = [path.name for path in judgement.files]
        book = book_view(judgement.book.novel, judgement.book.chunks, judgement.cast, judgement.reading)
        around = replace(_around(submission, of_sheet), changes=judgement.changes)
        view = page_view(book, judgement.verdict, judgement.manifest, quality=judgement.quality, around=around)
        write_text(out / PAGE, render_page(view))
        write_json(out / ANSWER, answer_entry(judgement.book.novel, judgement.verdict, names))
        write_json(out / SUBMISSION, asdict(submission))

    def reports(self, novel: str | None = None) -> list[Report]:
        """Return the stored reports, or those on ``novel``, by novel, character and backstory."""
        found = [self.report(path.parent.name) for path in sorted(self.out_dir.glob(f"*/{SUBMISSION}"))]
        chosen = [report for report in found if report and novel in (None, report.submission.novel)]
        return sorted(chosen, key=lambda report: tuple(asdict(report.submission).values()))

    def report(self, id: str) -> Report | None:
        """Return a stored report, None for an unknown id."""
        folder = self.folder(id)
        if folder is None:
            return None
        answer = _load(folder / ANSWER)
        labels = tally(claim["label"] for claim in answer["claims"])
        return Report(id, Submission(**_load(folder / SUBMISSION)), answer["verdict"], answer["probability"], labels)

    def folder(self, id: str) -> Path | None:
        """Return the folder of a report, None for an unknown id or one that is not letters and digits."""
        folder = self.out_dir / id
        return folder if id.isalnum() and (folder / SUBMISSION).is_file() else None

    def waive(self, report: Report, claim: str, *, kind: str, reason: str) -> None:
        """Mark a contradicted claim of a report as intentional, together with the passage that contradicts it most.

        Raises:
            WaiverError: the report has no such claim, the kind is unknown, or the reason is empty or too long.
        """
        found, path = self._claim(report, claim), self.path_of(report.submission.novel)
        waiver = make_waiver(
            found["character"], found["text"], found["passages"], kind=kind, reason=reason, text=load_novel(path).text
        )
        save_waiver(waivers_path(path), waiver)

    def renew_waiver(self, report: Report, claim: str) -> None:
        """Confirm a mark to look at, for its claim and passage as they are now; raises WaiverError."""
        found, path = self._claim(report, claim), self.path_of(report.submission.novel)
        if "waiver_to_look_at" not in found:
            raise WaiverError("this claim has no mark to look at; open the report again")
        renew_waiver(
            waivers_path(path),
            found["character"],
            found["text"],
            found["waiver_to_look_at"],
            found["passages"],
            text=load_novel(path).text,
        )

    def remove_waiver(self, report: Report, claim: str) -> None:
        """Remove the mark of a claim, also one to look at."""
        found = self._claim(report, claim)
        path = waivers_path(self.path_of(report.submission.novel))
        marked = found.get("waiver_to_look_at", {}).get("claim", found["text"])
        drop_waiver(path, character=found["character"], claim=marked)

    def _claim(self, report: Report, claim: str) -> dict[str, Any]:
        claims = _load(self.out_dir / report.id / ANSWER)["claims"]
        found: dict[str, Any] | None = next((entry for entry in claims if entry["id"] == claim), None)
        if found is None:
            raise WaiverError(f"the report has no claim {claim!r}; open it again and choose one of its claims")
        return found


def _around(submission: Submission, of_sheet: bool) -> PageContext:
    """Return what surrounds a report at the desk."""
    novel, here = f"/novels/{quote(submission.novel)}", f"/reports/{submission.id}"
    back = ("All characters of the sheet", f"/sheets/{submission.of_sheet.id}")
    links = {
        "Change the sheet" if of_sheet else "Change the backstory": f"{novel}?from={submission.id}",
        **_finding_links("reports", submission.id),
        "Download this report": f"{here}/{REPORT}",
        "Download the verdict as JSON": f"{here}/{ANSWER}",
    }
    return PageContext(
        back=back if of_sheet else (f"Back to {submission.novel}", novel),
        links=links,
        waive=f"{here}/waivers",
        again=f"{here}/again",
    )


def _finding_links(kind: str, id: str) -> dict[str, str]:
    return {
        "Findings as a list (Markdown)": f"/{kind}/{id}/{LIST}",
        "Findings as comments (Word)": f"/{kind}/{id}/{DOCUMENT}",
    }


def _version(path: Path) -> tuple[str, ...]:
    """Return what changes with the files of a novel, its aliases and its narrators."""
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    last = max(file.stat().st_mtime_ns for file in files)
    given = [file.stat() for file in (aliases_path(path), narrators_path(path)) if file.exists()]
    return path.name, f"{last} {novel_size(path)}", *(f"{stat.st_mtime_ns} {stat.st_size}" for stat in given)


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
