"""The report in a browser: it opens in silence, fits, unfolds, and can be read by keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.report.html import render_page
from pipeline.report.quality import load_quality
from pipeline.storage.files import write_text
from tests.pipeline.browser.conftest import DESKTOP, PHONE, Open
from tests.pipeline.report.small_world import World, make_hostile_world, make_world

ROOT = Path(__file__).resolve().parents[3]


def _lay(folder: Path, world: World) -> str:
    """Write the report of a world and return its address."""
    page = render_page(world.view(quality=load_quality(ROOT / "models" / "verdict")))
    return write_text(folder / "report.html", page).as_uri()


@pytest.fixture
def report(tmp_path: Path) -> str:
    """The address of a report."""
    return _lay(tmp_path, make_world())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_report_opens_in_silence_and_fits_its_window(
    visit: Open, report: str, viewport: dict[str, int], scheme: str
) -> None:
    page = visit(report, viewport=viewport, color_scheme=scheme)
    assert page.title() == "Inconsistent: Ada Vane in The Ferry"
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(22, 21, 15)") == (scheme == "dark")


def test_context_of_a_passage_unfolds_by_a_click(visit: Open, report: str) -> None:
    page = visit(report)
    context = page.locator("#claim-2-passage-1 .context")
    assert not context.is_visible()
    page.locator("#claim-2-passage-1 summary").click()
    assert context.is_visible() and "Ada Vane kept the ferry." in context.inner_text()


def test_keyboard_skips_to_the_claims_and_unfolds_them(visit: Open, report: str) -> None:
    page = visit(report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the claims"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    focused = "document.activeElement.tagName + ' ' + document.activeElement.textContent.trim()"
    assert page.evaluate(focused) == "SUMMARY Show in context"
    page.keyboard.press("Enter")
    assert page.locator("#claim-1 .context").first.is_visible()


def test_keyboard_focus_can_be_seen(visit: Open, report: str) -> None:
    page = visit(report)
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_mark_on_the_strip_leads_to_its_passage(visit: Open, report: str) -> None:
    page = visit(report)
    page.locator(".plot a.contradict").first.click()
    assert page.url.endswith("#claim-2-passage-1")
    assert page.locator("#claim-2-passage-1").is_visible()


def test_screen_reader_is_given_figures_and_headings_by_name(visit: Open, report: str) -> None:
    page = visit(report)
    tree = page.locator("body").aria_snapshot()
    for said in (
        'heading "Ada Vane in The Ferry" [level=1]',
        'img "Probability of being consistent: 13%"',
        'heading "Claim 2" [level=3]',
        'img "Surprisal over the book, between',
        'link "Claim 2, contradicts: Chapter One. The Ferry (chapter 1 of 2), ',
    ):
        assert said in tree


def test_print_leaves_out_what_cannot_be_pressed(visit: Open, report: str) -> None:
    page = visit(report)
    page.emulate_media(media="print")
    assert not page.locator(".skip").is_visible() and not page.locator(".passage summary").first.is_visible()
    assert page.locator(".verdict .word").is_visible()


def test_report_full_of_markup_runs_nothing(visit: Open, tmp_path: Path) -> None:
    page = visit(_lay(tmp_path, make_hostile_world()))
    assert page.locator("img, script").count() == 0
    assert "<script>alert(1)</script>" in page.locator("#claim-1 .text").inner_text()
