"""axe finds nothing serious on any page of the desk or a file, in both schemes, on phone and desktop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from pipeline.report.book import book_view
from pipeline.report.changes import compare_verdicts, summarise_answer
from pipeline.report.dataset_pages import write_pages
from pipeline.report.entries import answer_entry
from pipeline.report.html import render_page, render_sheet
from pipeline.report.quality import load_quality
from pipeline.report.sheet_view import LeftOut, SheetEntry, sheet_entry, sheet_view
from pipeline.report.view import PageContext
from pipeline.serve.jobs import DeskJob, JobQueue
from pipeline.storage.files import write_text
from tests.pipeline.browser.conftest import DESKTOP, PHONE, Open, grave_findings
from tests.pipeline.browser.test_desk import BACKSTORY
from tests.pipeline.report.small_world import make_row, make_world

ROOT = Path(__file__).resolve().parents[3]
SCREENS = [
    pytest.param({"viewport": viewport, "color_scheme": scheme}, id=f"{name} {scheme}")
    for name, viewport in (("phone", PHONE), ("desktop", DESKTOP))
    for scheme in ("light", "dark")
]
EACH_SCREEN = pytest.mark.parametrize("screen", SCREENS)


def _report(folder: Path) -> Path:
    """Write a report as the desk has it, with forms, links and changes."""
    world = make_world()
    answer = summarise_answer(answer_entry(world.novel, world.verdict, ()))
    around = PageContext(
        back=("Back", "/novels/x"),
        links={"JSON": "/v.json"},
        waive="/w",
        again="/a",
        changes=compare_verdicts(answer, answer),
    )
    return write_text(
        folder / "report.html",
        render_page(world.view(quality=load_quality(ROOT / "models" / "judge"), around=around)),
    )


def _sheet(folder: Path) -> Path:
    world = make_world()
    entries = [SheetEntry("Ada Vane", answer_entry(world.novel, world.verdict, ()))]
    summary = sheet_entry(world.novel, entries, [LeftOut("Tom", "not named")], ["a notice"])
    return write_text(folder / "sheet.html", render_sheet(sheet_view(summary, entries)))


def _index(folder: Path) -> Path:
    world = make_world()
    books = {world.novel.name: book_view(world.novel, world.chunks, world.cast, world.reading)}
    tables = {"train": [make_row(world, "ferry", given_label="consistent")], "test": [make_row(world, "bell")]}
    index, *_ = write_pages(folder, tables, books, {"figures": {}}, world.manifest)
    return index


@EACH_SCREEN
@pytest.mark.parametrize("write", [_report, _sheet, _index])
def test_written_page_has_no_grave_finding(
    visit: Open, tmp_path: Path, write: Callable[[Path], Path], screen: dict[str, Any]
) -> None:
    assert grave_findings(visit(write(tmp_path).as_uri(), **screen)) == []


def _pages(page: Page, address: str, story: Path) -> Iterator[str]:
    """Go through the desk as an author does, and yield the name of each page that is open."""
    yield "home without novels"
    page.get_by_label("choose it, or drop it here").set_input_files(story)
    page.get_by_role("button", name="Add the novel").click()
    page.wait_for_url("**/novels/The%20Unlit%20Hour")
    novel = page.url
    yield "novel"
    for character in ("Hester Lanyon", "Captain Ahab"):
        page.goto(novel)
        page.get_by_label("Character (leave it empty").fill(character)
        page.get_by_label("Backstory: sentences").fill(BACKSTORY.read_text(encoding="utf-8"))
        page.get_by_role("button", name="Judge this backstory").click()
        page.locator(".answers, [role=alert]").wait_for(timeout=120_000)
        yield f"report or failed job of {character}"
    page.get_by_role("link", name="Change what you wrote").click()
    assert page.get_by_label("Character (leave it empty").input_value() == "Captain Ahab"
    yield "novel with a draft"
    page.get_by_label("Character (leave it empty").fill("")
    sheet = "## Hester Lanyon\n- Eyes: green\n\n## Jory Lanyon\n- Occupation: pilot\n"
    page.get_by_label("Backstory: sentences").fill(sheet)
    page.get_by_role("button", name="Judge this backstory").click()
    page.wait_for_url("**/sheets/*", timeout=120_000)
    yield "sheet"
    page.goto(address)
    yield "home with reports"


@EACH_SCREEN
def test_page_of_a_job_at_work_has_no_grave_finding(
    visit: Open, address: str, jobs: JobQueue, screen: dict[str, Any]
) -> None:
    done = threading.Event()
    jobs.submit(DeskJob("slow", "Ada Vane in The Ferry", "/", step="Reading"), done.wait)
    page = visit(f"{address}/jobs/slow", **screen)
    assert page.locator("progress").is_visible() and grave_findings(page) == []
    done.set()


def _looks(page: Page) -> Iterator[str]:
    """Show an open page in each scheme and size, and yield their names."""
    for scheme in ("light", "dark"):
        for size in (PHONE, DESKTOP):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size(size)  # type: ignore[arg-type]
            yield f"{scheme} {size['width']}"


@pytest.mark.slow
def test_desk_has_no_grave_finding(visit: Open, address: str, two_chapters: Path) -> None:
    page = visit(address)
    found = {
        f"{name}, {look}": grave_findings(page) for name in _pages(page, address, two_chapters) for look in _looks(page)
    }
    assert {name: findings for name, findings in found.items() if findings} == {}
    assert len(found) == 28


def test_grave_finding_is_seen(visit: Open, tmp_path: Path) -> None:
    bad = write_text(tmp_path / "bad.html", "<html lang=en><title>x</title><main><h1>x</h1><input></main>")
    assert any(found.startswith("label: input") for found in grave_findings(visit(bad.as_uri())))
