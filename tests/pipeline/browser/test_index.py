"""The index of a table in a browser: its filters find, count and sort the rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.report.book import book_view
from pipeline.report.dataset_pages import write_pages
from tests.pipeline.browser.conftest import DESKTOP, PHONE, Open
from tests.pipeline.report.small_world import make_row, make_world

CHANCES = {"ferry": 0.8, "bell": 0.2, "river": 0.6}


@pytest.fixture
def index(tmp_path: Path) -> str:
    """The address of an index: three labelled rows, of which one is answered wrongly, and one without a label."""
    world = make_world()
    books = {world.novel.name: book_view(world.novel, world.chunks, world.cast, world.reading)}
    train = [
        replace(
            make_row(world, id, given_label="consistent"),
            probability=chance,
            label="consistent" if chance > 0.5 else "inconsistent",
        )
        for id, chance in CHANCES.items()
    ]
    tables = {"train": train, "test": [make_row(world, "unknown")]}
    path, *_ = write_pages(tmp_path, tables, books, {"figures": {}}, world.manifest)
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_index_opens_in_silence_and_fits_its_window(
    visit: Open, index: str, viewport: dict[str, int], scheme: str
) -> None:
    page = visit(index, viewport=viewport, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.locator("tbody tr:visible .id").count() == 4


@pytest.mark.parametrize(
    ("label", "choice", "shown"),
    [
        ("Verdict", "inconsistent", ["train bell"]),
        ("Outcome", "right", ["train ferry", "train river"]),
        ("Outcome", "wrong", ["train bell"]),
        ("Table", "test", ["test unknown"]),
    ],
)
def test_choice_leaves_the_rows_that_fit(visit: Open, index: str, label: str, choice: str, shown: list[str]) -> None:
    page = visit(index)
    page.get_by_label(label, exact=True).select_option(choice)
    assert page.locator(".rows .id:visible").all_inner_texts() == shown
    assert page.get_by_role("status").inner_text() == f"{len(shown)} of 4 rows"


def test_words_are_sought_in_all_that_a_row_says(visit: Open, index: str) -> None:
    page = visit(index, viewport=PHONE)
    page.get_by_label("Words").fill("ADA bell")
    assert page.locator(".rows .id:visible").all_inner_texts() == ["train bell"]
    page.get_by_label("Words").fill("nobody of this name")
    assert page.get_by_text("No row matches these filters.").is_visible()


def test_rows_are_sorted_by_probability_and_back(visit: Open, index: str) -> None:
    page = visit(index)
    page.get_by_label("Order").select_option("low")
    assert page.locator(".rows .id").all_inner_texts() == ["train bell", "train river", "test unknown", "train ferry"]
    page.get_by_label("Order").select_option("table")
    assert page.locator(".rows .id").all_inner_texts() == ["train ferry", "train bell", "train river", "test unknown"]


def test_row_leads_to_its_page_and_back(visit: Open, index: str) -> None:
    page = visit(index)
    page.get_by_role("link", name="train bell").click()
    assert (
        "The label of this row in the table is consistent: the verdict is wrong." in page.locator("main").inner_text()
    )
    page.get_by_role("link", name="All rows").click()
    assert page.url == index


def test_index_without_scripts_shows_every_row_and_no_filter(visit: Open, index: str) -> None:
    page = visit(index, java_script_enabled=False)
    assert page.locator("tbody tr:visible .id").count() == 4
    assert not page.get_by_label("Words").is_visible()
